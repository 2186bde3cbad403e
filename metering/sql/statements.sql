-- Statements: an account's month, exact from its entries (metering/books/statements.py; core/statement.py closes them).

-- statement_period: the month that begins on $2, in the account's own time zone: its border in time and in versions.
SELECT a.time_zone,
       to_char(p.since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(p.until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       -- a booking that began before the border may be a moment on its way
       p.until <= statement_timestamp() - interval '5 minutes' AS final,
       last_version_before(a.account_id, p.since) AS opening_version,
       last_version_before(a.account_id, p.until) AS closing_version
  FROM accounts a
 CROSS JOIN LATERAL (SELECT month_start($2::date, a.time_zone) AS since,
                            month_start(($2::date + interval '1 month')::date, a.time_zone) AS until) p
 WHERE a.account_id = $1;

-- statement_movements: what moved in the versions above $2 up to $3, by resource and kind.
SELECT resource, kind, count(*) AS entries, sum(amount)::bigint AS amount, sum(delta)::bigint AS delta
  FROM entries WHERE account_id = $1 AND version > $2 AND version <= $3
 GROUP BY resource, kind ORDER BY resource, kind;

-- statement_balances: for each resource of an account ($4: only this one) the balance after its last entry up to version
-- $2 and up to version $3; the balance that its first entry between them started from (null: there is none); and how
-- many of those do not start where the one before ended.
SELECT r.resource, coalesce(o.balance_after, 0) AS opening, coalesce(c.balance_after, 0) AS closing, b.started_from,
       coalesce(b.breaks, 0) AS breaks
  FROM (SELECT resource FROM packs WHERE account_id = $1
         UNION SELECT resource FROM account_resources WHERE account_id = $1
         UNION SELECT unit FROM accounts WHERE account_id = $1 AND $4::text IS NULL
         UNION SELECT $4 WHERE $4 IS NOT NULL) r
  LEFT JOIN LATERAL (SELECT e.balance_after FROM entries e
                      WHERE e.account_id = $1 AND e.version <= $2 AND e.resource = r.resource
                      ORDER BY e.version DESC, e.seq DESC LIMIT 1) o ON true
  LEFT JOIN LATERAL (SELECT e.balance_after FROM entries e
                      WHERE e.account_id = $1 AND e.version <= $3 AND e.resource = r.resource
                      ORDER BY e.version DESC, e.seq DESC LIMIT 1) c ON true
  LEFT JOIN (SELECT resource, (sum(balance_after - delta) FILTER (WHERE before IS NULL))::bigint AS started_from,
                    count(*) FILTER (WHERE balance_after <> before + delta) AS breaks
               FROM (SELECT resource, balance_after, delta,
                            lag(balance_after) OVER (PARTITION BY resource ORDER BY version, seq) AS before
                       FROM entries WHERE account_id = $1 AND version > $2 AND version <= $3) e
              GROUP BY resource) b ON b.resource = r.resource
 WHERE $4 IS NULL OR r.resource = $4
 ORDER BY r.resource;

-- statement_seals: the seal that version $2 is in, and the newest that covers something up to version $3; null: none.
SELECT (SELECT position || ':' || encode(hash, 'hex') FROM seals
         WHERE account_id = $1 AND first_version <= $2 AND last_version >= $2 ORDER BY first_version DESC LIMIT 1),
       l.anchor, coalesce(l.last_version >= $3, false)
  FROM (SELECT 1) one
  LEFT JOIN LATERAL (SELECT position || ':' || encode(hash, 'hex') AS anchor, last_version FROM seals
                      WHERE account_id = $1 AND first_version <= $3 AND last_version >= $2
                      ORDER BY first_version DESC LIMIT 1) l ON true;
