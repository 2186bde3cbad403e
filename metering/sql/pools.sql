-- Pools of an account: surplus over time, allocations per model, settings of single resources (metering/books).

-- surplus_place: an account's time zone, its surplus in resource $2 as it stands (shared packs less debt), and the borders of
-- the steps from $3 to $4.
SELECT a.time_zone,
       (posted_balance(a.account_id, $2) - coalesce((
           SELECT sum(k.remaining) FROM packs k
            WHERE k.account_id = a.account_id AND k.resource = $2 AND k.closed_at IS NULL AND NOT k.unlimited
              AND k.user_id IS NOT NULL), 0))::bigint AS surplus,
       step_bounds($3, $4, $5, a.time_zone) AS bounds
  FROM accounts a WHERE a.account_id = $1;

-- surplus_steps: what moved the surplus since the first border of $3, by step (the last step is what came after all borders);
-- `lowest` is the lowest sum of all that moved from the beginning up to any entry of the step.
SELECT m.step, m.kind, sum(m.effect)::bigint AS moved, min(m.running)::bigint AS lowest
  FROM (SELECT width_bucket(e.at, $3::timestamptz[]) AS step, e.kind, x.effect,
               sum(x.effect) OVER (ORDER BY e.version, e.seq) AS running
          FROM entries e
          LEFT JOIN packs k ON k.pack_id = e.pack_id
         CROSS JOIN LATERAL (SELECT surplus_effect(e.kind, e.amount, e.delta, k.user_id) AS effect) x
         WHERE e.account_id = $1 AND e.resource = $2 AND e.at >= ($3::timestamptz[])[1]
           AND e.day >= (($3::timestamptz[])[1] AT TIME ZONE 'UTC')::date - 1 AND x.effect <> 0) m
 GROUP BY 1, 2 ORDER BY 1, 2;

-- surplus_changes: the newest $5 changes of the surplus between $3 and $4 that are no plain use, oldest first, with the sum of all
-- that moved since $3 up to each.
SELECT * FROM (
    SELECT to_char(m.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, m.kind, m.effect, m.running::bigint,
           m.pack_id::text, m.request_id::text, m.version, m.seq
      FROM (SELECT e.at, e.kind, x.effect, e.pack_id, e.request_id, e.version, e.seq,
                   sum(x.effect) OVER (ORDER BY e.version, e.seq) AS running
              FROM entries e
              LEFT JOIN packs k ON k.pack_id = e.pack_id
             CROSS JOIN LATERAL (SELECT surplus_effect(e.kind, e.amount, e.delta, k.user_id) AS effect) x
             WHERE e.account_id = $1 AND e.resource = $2 AND e.at >= $3::timestamptz AND e.at < $4::timestamptz
               AND e.day BETWEEN ($3::timestamptz AT TIME ZONE 'UTC')::date - 1 AND ($4::timestamptz AT TIME ZONE 'UTC')::date + 1
               AND x.effect <> 0) m
     WHERE m.kind NOT IN ('usage', 'auto_grant') ORDER BY m.version DESC, m.seq DESC LIMIT $5) n
 ORDER BY n.version, n.seq;

-- allocation_packs: the packs of a resource that are open, and those of $3, with what remains in each.
SELECT k.pack_id::text, k.size, k.remaining, k.unlimited, k.user_id, k.models,
       (extract(epoch FROM k.granted_at) * 1000000)::bigint AS granted_at,
       (extract(epoch FROM k.expires_at) * 1000000)::bigint AS expires_at,
       (extract(epoch FROM k.closed_at) * 1000000)::bigint AS closed_at
  FROM packs k
 WHERE k.account_id = $1 AND k.resource = $2 AND (k.closed_at IS NULL OR k.pack_id = ANY($3::uuid[]));

-- allocation_uses: the last $5 requests; $3: only of the member $4.
SELECT e.request_id::text, e.version, e.user_id, e.model, coalesce(e.feature, e.endpoint) AS service,
       e.charge + coalesce(c.delta, 0) AS charge, (extract(epoch FROM e.at) * 1000000)::bigint AS at_us,
       to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at
  FROM events e LEFT JOIN corrections c ON c.day = e.day AND c.request_id = e.request_id
 WHERE e.account_id = $1 AND e.resource = $2 AND (NOT $3::boolean OR e.user_id IS NOT DISTINCT FROM $4::text)
 ORDER BY e.at DESC, e.request_id DESC LIMIT $5;

-- allocation_moves: what moved packs from version $3 on, newest first, at most $4 moves.
SELECT e.version, e.seq, e.pack_id::text, e.request_id::text,
       CASE WHEN e.book_to = 'pack:' || e.pack_id THEN e.amount WHEN e.book_from = 'pack:' || e.pack_id THEN 0 - e.amount
            ELSE 0 END AS moved
  FROM entries e
 WHERE e.account_id = $1 AND e.resource = $2 AND e.version >= $3 ORDER BY e.version DESC, e.seq DESC LIMIT $4;

-- used_this_month: what the requests of the calendar month that $5 is in (of the account's time zone) were charged, as corrected,
-- less what was refunded of them; $3: only of the member $4.
SELECT (coalesce(sum(e.charge + coalesce(c.delta, 0) - coalesce(f.refunded, 0)), 0))::bigint
  FROM accounts a
 CROSS JOIN LATERAL (SELECT month_start(date_trunc('month', $5::timestamptz AT TIME ZONE a.time_zone)::date, a.time_zone) AS since) m
  JOIN events e ON e.account_id = a.account_id AND e.at >= m.since
  LEFT JOIN corrections c ON c.day = e.day AND c.request_id = e.request_id
  LEFT JOIN (SELECT x.request_id, sum(x.amount) AS refunded FROM entries x
              WHERE x.account_id = $1 AND x.kind = 'refund' AND x.request_id IS NOT NULL GROUP BY 1) f
         ON f.request_id = e.request_id
 WHERE a.account_id = $1 AND e.resource = $2 AND e.at <= $5 AND (NOT $3::boolean OR e.user_id IS NOT DISTINCT FROM $4::text);

-- resources_of: an account's unit, its own settings of that, and those of other resources.
SELECT a.unit, a.min_reserve, a.warning_threshold, r.resource, r.min_reserve AS resource_min_reserve,
       r.warning_threshold AS resource_warning_threshold
  FROM accounts a LEFT JOIN resource_settings r ON r.account_id = a.account_id AND r.resource <> a.unit
 WHERE a.account_id = $1;

-- resource_change: set what $3 names in a resource of an account. The caller holds the account's lock.
INSERT INTO resource_settings AS r (account_id, resource, min_reserve, warning_threshold)
SELECT $1, $2, n.min_reserve, n.warning_threshold
  FROM (SELECT CASE WHEN 'min_reserve' = ANY($3::text[]) THEN $4::bigint END AS min_reserve,
               CASE WHEN 'warning_threshold' = ANY($3) THEN $5::bigint END AS warning_threshold) n
 WHERE n.min_reserve IS NOT NULL OR n.warning_threshold IS NOT NULL
    OR EXISTS (SELECT 1 FROM resource_settings o WHERE o.account_id = $1 AND o.resource = $2)
ON CONFLICT (account_id, resource) DO UPDATE SET
    min_reserve = CASE WHEN 'min_reserve' = ANY($3) THEN EXCLUDED.min_reserve ELSE r.min_reserve END,
    warning_threshold = CASE WHEN 'warning_threshold' = ANY($3) THEN EXCLUDED.warning_threshold ELSE r.warning_threshold END;

-- account_floor: an account's own floor.
SELECT floor FROM accounts WHERE account_id = $1;
