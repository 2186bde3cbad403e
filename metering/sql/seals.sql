-- Seals: who is due, and what people and the verifier read of them (metering/sealer.py, books/seals.py, verifier.py).

-- seals_due: accounts whose oldest entry without a seal is older than $1 seconds, the oldest first, with its age in seconds.
SELECT a.account_id::text, extract(epoch FROM clock_timestamp() - e.at)::float8 AS age_seconds
  FROM accounts a
  LEFT JOIN LATERAL (SELECT s.last_version FROM seals s
                      WHERE s.account_id = a.account_id ORDER BY s.number DESC LIMIT 1) s ON true
 CROSS JOIN LATERAL (SELECT e.at FROM entries e
                      WHERE e.account_id = a.account_id AND e.version > coalesce(s.last_version, 0)
                      ORDER BY e.version, e.seq LIMIT 1) e
 WHERE a.version > coalesce(s.last_version, 0) AND e.at <= clock_timestamp() - make_interval(secs => $1)
 ORDER BY e.at, a.account_id LIMIT $2;

-- seal_next: the next seal of an account, if an entry is older than $2 seconds; at most about $3 versions and $4 entries.
SELECT sealed, more FROM seal_account($1, make_interval(secs => $2), $3, $4);

-- seals_page: seals below position $1 (null: the newest), of one account or of all (null), newest first.
SELECT position, account_id::text, number, first_version, last_version, entries, first_day::text, last_day::text, sums,
       encode(previous, 'hex'), encode(previous_overall, 'hex'),
       to_char(sealed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), encode(hash, 'hex')
  FROM seals
 WHERE position < coalesce($1::bigint, 9223372036854775807) AND ($2::uuid IS NULL OR account_id = $2)
 ORDER BY position DESC LIMIT $3;

-- verify_chain: all seals from position $1 on, in the order of the whole chain, without their leaves.
SELECT position, account_id::text, number, first_version, last_version, entries, first_day, last_day, sums,
       ''::bytea AS leaves, leaves_digest, previous, previous_overall, sealed_at, hash
  FROM seals WHERE position >= $1 ORDER BY position;

-- verify_seals: all seals behind position $1, account by account, with their leaves.
SELECT position, account_id::text, number, first_version, last_version, entries, first_day, last_day, sums,
       leaves, leaves_digest, previous, previous_overall, sealed_at, hash
  FROM seals WHERE position > $1 ORDER BY account_id, number;

-- verify_entries: all entries, account by account, in the order in which seals have them.
SELECT account_id::text, version, seq, id::text, day, at, kind, resource, amount, delta, book_from, book_to,
       balance_after, pack_id::text, request_id::text, user_id, key_id::text, model, service, session_id, reason,
       prompt_tokens, completion_tokens, source
  FROM entries ORDER BY entries.account_id, version, seq;

-- verify_entries_since: the entries that seals behind position $1 cover; the cost is theirs alone.
SELECT e.account_id::text, e.version, e.seq, e.id::text, e.day, e.at, e.kind, e.resource, e.amount, e.delta,
       e.book_from, e.book_to, e.balance_after, e.pack_id::text, e.request_id::text, e.user_id, e.key_id::text, e.model,
       e.service, e.session_id, e.reason, e.prompt_tokens, e.completion_tokens, e.source
  FROM seals s
  JOIN entries e ON e.account_id = s.account_id AND e.version BETWEEN s.first_version AND s.last_version
 WHERE s.position > $1 ORDER BY s.account_id, s.number, e.version, e.seq;

-- verify_last: the last seal of an account up to position $2.
SELECT position, account_id::text, number, first_version, last_version, entries, first_day, last_day, sums,
       ''::bytea AS leaves, leaves_digest, previous, previous_overall, sealed_at, hash
  FROM seals WHERE account_id = $1 AND position <= $2 ORDER BY number DESC LIMIT 1;
