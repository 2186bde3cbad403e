-- What platform admins see at a glance: whether the books are right (gateway/admin/proof.py), how accounts stand.

-- proof: settlements that Postgres refused, and requests that were settled for a gateway that died.
SELECT (SELECT count(*) FROM parked_settlements) AS parked, r.recovered, r.recovered_at,
       (SELECT count(*) FROM corrections) AS corrected
  FROM (SELECT count(*) AS recovered,
               to_char(max(e.at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS recovered_at
          FROM events e WHERE e.source = 'recovered') r;

-- accounts_search: accounts older than $1 (null: the newest) with $3 in their name or e-mail, or at the beginning of their
-- id, newest first.
SELECT account_id::text, name, email, plan, domain, unit, time_zone, min_reserve, warning_threshold, floor, clamp, orphan,
       status, replay, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  FROM accounts
 WHERE account_id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
   AND (position(lower($3::text) IN lower(name)) > 0 OR position(lower($3) IN lower(email)) > 0
        OR starts_with(account_id::text, lower($3)))
 ORDER BY account_id DESC LIMIT $2;

-- used_by_accounts: what the requests of this calendar month (of each account's time zone) were charged in the account's
-- unit, as corrected, less refunds: from the roll-ups, and what is not in them yet.
SELECT a.account_id::text, coalesce(sum(u.charge - u.refunded), 0)::bigint AS used
  FROM accounts a
 CROSS JOIN LATERAL (SELECT month_start(date_trunc('month', clock_timestamp() AT TIME ZONE a.time_zone)::date, a.time_zone)
                            AS since) p
  LEFT JOIN rollup_marks m ON m.account_id = a.account_id
  LEFT JOIN LATERAL (
        SELECT r.charge, r.refunded FROM rollups r
         WHERE r.account_id = a.account_id AND r.dims = 0 AND r.resource = a.unit AND r.slot >= p.since
        UNION ALL
        SELECT t.charge, t.refunded FROM usage_moved(a.account_id, coalesce(m.version, 0), a.version) t
         WHERE t.resource = a.unit AND t.at >= p.since) u ON true
 WHERE a.account_id = ANY($1::uuid[])
 GROUP BY a.account_id;
