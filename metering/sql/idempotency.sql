-- What is remembered of requests under an Idempotency-Key (metering/claims.py, metering/books/{answers,writes}.py).

-- claim_used: the newest charge of account $1 under the key $2 within the last $3 seconds (its columns null: there is
-- none), and for how many seconds the bucket $4 has been in its epoch. A request's day may be the one before.
SELECT extract(epoch FROM clock_timestamp() - p.started_at)::float8 AS epoch_seconds, e.request_id::text, e.body_digest,
       e.charge + coalesce(c.delta, 0) AS charge, e.resource, e.user_id, e.key_id::text
  FROM epochs p
  LEFT JOIN LATERAL (
       SELECT v.* FROM events v
        WHERE v.account_id = $1 AND v.idempotency_key = $2
          AND v.day >= (statement_timestamp() AT TIME ZONE 'UTC' - make_interval(secs => $3))::date - 1
          AND v.reserved_at > statement_timestamp() - make_interval(secs => $3)
        ORDER BY v.reserved_at DESC LIMIT 1) e ON true
  LEFT JOIN corrections c ON c.day = e.day AND c.request_id = e.request_id
 WHERE p.bucket = $4;

-- answer_keep: keep an answer, if its account still wants that.
INSERT INTO kept_answers (request_id, account_id, status, headers, body)
SELECT $1, a.account_id, $3, $4::text::jsonb, $5 FROM accounts a WHERE a.account_id = $2 AND a.replay
ON CONFLICT DO NOTHING;

-- answer_get: an answer that was kept within the last $3 seconds.
SELECT status, headers::text, body FROM kept_answers
 WHERE request_id = $1 AND account_id = $2 AND at > statement_timestamp() - make_interval(secs => $3);

-- answers_drop: forget the answers of an account that no longer wants them kept.
DELETE FROM kept_answers WHERE account_id = $1;

-- answers_expire: forget at most $2 answers that are older than $1 seconds; returns how many.
WITH old AS (
    DELETE FROM kept_answers WHERE request_id IN (
        SELECT request_id FROM kept_answers WHERE at < statement_timestamp() - make_interval(secs => $1) LIMIT $2)
    RETURNING 1)
SELECT count(*) FROM old;

-- write_claim: take an admin's Idempotency-Key; waits for whoever is taking it. No row: it is taken.
INSERT INTO admin_answers AS a (key, digest) VALUES ($1, $2)
ON CONFLICT (key) DO UPDATE SET digest = EXCLUDED.digest, status = NULL, body = NULL, withheld = NULL,
       account_id = NULL, at = EXCLUDED.at
 WHERE a.at < statement_timestamp() - make_interval(secs => $3)
RETURNING key;

-- write_answer: what was answered under an admin's Idempotency-Key.
SELECT digest, status, body, withheld, account_id::text FROM admin_answers WHERE key = $1;

-- write_keep: the answer to an admin's write, in the transaction of the write.
UPDATE admin_answers SET status = $2, body = $3, withheld = $4, account_id = $5 WHERE key = $1;

-- writes_expire: forget at most $2 answers to admins that are older than $1 seconds; returns how many.
WITH old AS (
    DELETE FROM admin_answers WHERE key IN (
        SELECT key FROM admin_answers WHERE at < statement_timestamp() - make_interval(secs => $1) LIMIT $2)
    RETURNING 1)
SELECT count(*) FROM old;
