-- Limits and what was spent under them (metering/books/limits.py, metering/spends.py).

-- spend_lock: hold an account's row, so that nothing is booked until the transaction ends; no row: no such account.
SELECT 1 FROM accounts WHERE account_id = $1 FOR NO KEY UPDATE;

-- spend_used: what was spent in the day and the month of the moment $2 (ms) by each of the subjects $4 of the scopes $3.
SELECT a.version, w.windows, t.place::int,
       greatest(0, coalesce(sum(s.amount - s.day_forgiven) FILTER (WHERE s.day = w.day), 0))::bigint AS day_used,
       greatest(0, coalesce(sum(s.amount - s.month_forgiven), 0))::bigint AS month_used
  FROM accounts a
 CROSS JOIN LATERAL (SELECT to_timestamp($2::bigint / 1000.0) AS at) m
 CROSS JOIN LATERAL (SELECT spend_windows(a.time_zone, m.at) AS windows, (m.at AT TIME ZONE a.time_zone)::date AS day) w
 CROSS JOIN unnest($3::text[], $4::text[]) WITH ORDINALITY t(scope, subject, place)
  LEFT JOIN spend_sums s ON s.account_id = a.account_id AND s.scope = t.scope AND s.subject = t.subject
        AND s.day >= date_trunc('month', w.day)::date AND s.day < (date_trunc('month', w.day) + interval '1 month')::date
 WHERE a.account_id = $1
 GROUP BY a.version, w.windows, t.place ORDER BY t.place;

-- spend_forgive: what the subject $3 of the scope $2 has spent counts no longer: for the day ($4), for the month ($5).
UPDATE spend_sums s SET
    day_forgiven = CASE WHEN $4::boolean AND s.day = w.day THEN s.amount ELSE s.day_forgiven END,
    month_forgiven = CASE WHEN $5::boolean THEN s.amount ELSE s.month_forgiven END
  FROM (SELECT (clock_timestamp() AT TIME ZONE time_zone)::date AS day FROM accounts WHERE account_id = $1) w
 WHERE s.account_id = $1 AND s.scope = $2 AND s.subject = $3 AND s.day >= date_trunc('month', w.day)::date;

-- spend_forget: drop the sums of months that are long over.
DELETE FROM spend_sums WHERE day < clock_timestamp()::date - 62;

-- limits_for: what the key $1 has to obey where it acts for the member $2.
SELECT limits_of(k.account_id, a.time_zone, $2::text, k.key_id, k.limits)
  FROM api_keys k JOIN accounts a ON a.account_id = k.account_id WHERE k.key_id = $1;

-- limits_page: the limits of an account after the scope and subject ($2, $3), of the scope $4 and the subject $5 only if given.
-- $6: those of the member $7 and of the key $8 and their keys alone.
SELECT l.scope, l.subject, l.limits::text
  FROM (SELECT account_id, scope, subject, limits FROM limits WHERE account_id = $1
        UNION ALL
        SELECT account_id, 'key', key_id::text, limits FROM api_keys
         WHERE account_id = $1 AND limits <> '{}' AND revoked_at IS NULL
           AND (NOT $6::boolean OR user_id = $7::text OR key_id = $8::uuid)) l
 WHERE (l.scope, l.subject) > ($2::text, $3::text) AND ($4::text IS NULL OR l.scope = $4)
   AND ($5::text IS NULL OR l.subject = $5) AND (NOT $6 OR l.scope = 'key' OR (l.scope = 'member' AND l.subject = $7))
 ORDER BY l.scope, l.subject LIMIT $9;

-- limits_set: the limits of an account, a member or a model.
INSERT INTO limits (account_id, scope, subject, limits) VALUES ($1, $2, $3, $4::text::jsonb)
ON CONFLICT (account_id, scope, subject) DO UPDATE SET limits = EXCLUDED.limits;

-- limits_drop: no limits any more.
DELETE FROM limits WHERE account_id = $1 AND scope = $2 AND subject = $3;
