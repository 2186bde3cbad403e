-- What people read and change in the ledger (metering/books). Columns stand in the order of the records' fields
-- (metering/books/records.py); times are text, RFC 3339 in UTC with microseconds.

-- account_add: a new account.
INSERT INTO accounts (account_id, name, email, plan, domain, unit, time_zone, min_reserve, warning_threshold, floor,
                      clamp, orphan, replay)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);

-- account_get: one account.
SELECT account_id::text, name, email, plan, domain, unit, time_zone, min_reserve, warning_threshold, floor, clamp, orphan,
       status, replay, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  FROM accounts WHERE account_id = $1;

-- accounts_page: accounts older than $1 (null: the newest), newest first.
SELECT account_id::text, name, email, plan, domain, unit, time_zone, min_reserve, warning_threshold, floor, clamp, orphan,
       status, replay, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  FROM accounts
 WHERE account_id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
 ORDER BY account_id DESC LIMIT $2;

-- account_lock: hold an account's row until the transaction ends; its unit, or no row.
SELECT unit FROM accounts WHERE account_id = $1 FOR NO KEY UPDATE;

-- account_change: set the columns that $2 names. The caller holds the account's lock.
UPDATE accounts SET
    name = CASE WHEN 'name' = ANY($2::text[]) THEN $3 ELSE name END,
    email = CASE WHEN 'email' = ANY($2) THEN $4 ELSE email END,
    plan = CASE WHEN 'plan' = ANY($2) THEN $5 ELSE plan END,
    domain = CASE WHEN 'domain' = ANY($2) THEN $6 ELSE domain END,
    time_zone = CASE WHEN 'time_zone' = ANY($2) THEN $7 ELSE time_zone END,
    min_reserve = CASE WHEN 'min_reserve' = ANY($2) THEN $8 ELSE min_reserve END,
    warning_threshold = CASE WHEN 'warning_threshold' = ANY($2) THEN $9 ELSE warning_threshold END,
    floor = CASE WHEN 'floor' = ANY($2) THEN $10 ELSE floor END,
    clamp = CASE WHEN 'clamp' = ANY($2) THEN $11 ELSE clamp END,
    orphan = CASE WHEN 'orphan' = ANY($2) THEN $12 ELSE orphan END,
    status = CASE WHEN 'status' = ANY($2) THEN $13 ELSE status END,
    replay = CASE WHEN 'replay' = ANY($2) THEN $14 ELSE replay END
 WHERE account_id = $1;

-- account_touch: a new version of an account, also where no amount moves.
SELECT touch_account($1);

-- account_exists: whether there is such an account.
SELECT EXISTS (SELECT 1 FROM accounts WHERE account_id = $1);

-- time_zone_check: fails when Postgres does not know the zone.
SELECT clock_timestamp() AT TIME ZONE $1::text;

-- pack_grant: a new pack; its account's newest state, or no row.
SELECT account_id::text, version, snapshot
  FROM grant_pack($1, $2, $3, $4, $5, $6, $7, $8::text[], $9, $10, $11);

-- pack_open_total: what the open packs of an account and resource hold.
SELECT coalesce(sum(remaining), 0)::bigint FROM packs WHERE account_id = $1 AND resource = $2 AND closed_at IS NULL;

-- pack_get: one pack; its status is decided by the clock, in this order.
SELECT pack_id::text, account_id::text,
       CASE WHEN revoked_at IS NOT NULL THEN 'revoked'
            WHEN closed_at IS NOT NULL OR expires_at <= statement_timestamp() THEN 'expired'
            WHEN NOT unlimited AND remaining = 0 THEN 'depleted'
            ELSE 'active' END,
       size, remaining, NULL::bigint,
       to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(granted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       note, priority, user_id, models, resource, unlimited
  FROM packs WHERE pack_id = $1;

-- packs_page: an account's packs older than $2 (null: the newest), of status $3 (null: any), newest first.
-- $4: only what the member $5 may use: the shared ones and their own.
SELECT pack_id::text, account_id::text, status, size, remaining, NULL::bigint,
       to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(granted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       note, priority, user_id, models, resource, unlimited
  FROM (SELECT p.*, CASE WHEN p.revoked_at IS NOT NULL THEN 'revoked'
                         WHEN p.closed_at IS NOT NULL OR p.expires_at <= statement_timestamp() THEN 'expired'
                         WHEN NOT p.unlimited AND p.remaining = 0 THEN 'depleted'
                         ELSE 'active' END AS status
          FROM packs p WHERE p.account_id = $1) p
 WHERE pack_id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
   AND ($3::text IS NULL OR status = $3)
   AND (NOT $4::boolean OR user_id IS NULL OR user_id = $5::text)
 ORDER BY pack_id DESC LIMIT $6;

-- pack_change: note, priority and expiry; $2 names the ones that change.
SELECT account_id::text, version, snapshot FROM change_pack($1, $2::text[], $3, $4, $5);

-- pack_account: the account that a pack belongs to.
SELECT account_id::text FROM packs WHERE pack_id = $1;

-- pack_closed: whether the rest of a pack is booked, so that nothing of it can come back.
SELECT closed_at IS NOT NULL FROM packs WHERE pack_id = $1;

-- pack_revoke: withdraw a pack at once.
SELECT account_id::text, version, snapshot FROM revoke_pack($1);

-- balances: what balances are made of, for accounts and a resource (null: each account's own unit).
SELECT a.account_id::text, a.version, r.resource, a.unit,
       CASE WHEN r.resource = a.unit THEN a.min_reserve ELSE o.min_reserve END AS min_reserve,
       CASE WHEN r.resource = a.unit THEN a.warning_threshold ELSE o.warning_threshold END AS warning_threshold,
       (coalesce(p.remaining, 0) - coalesce(d.debt, 0))::bigint AS balance, coalesce(d.debt, 0) AS debt,
       coalesce(p.active, 0) AS active, coalesce(p.unlimited, false) AS unlimited, coalesce(p.size, 0)::bigint AS size
  FROM accounts a
 CROSS JOIN LATERAL (SELECT coalesce($2::text, a.unit) AS resource) r
  LEFT JOIN LATERAL (SELECT sum(k.remaining) AS remaining, sum(k.size) AS size, bool_or(k.unlimited) AS unlimited,
                            count(*) FILTER (WHERE k.unlimited OR k.remaining > 0) AS active
                       FROM packs k
                      WHERE k.account_id = a.account_id AND k.resource = r.resource AND k.closed_at IS NULL
                        AND k.revoked_at IS NULL
                        AND (k.expires_at IS NULL OR k.expires_at > statement_timestamp())) p ON true
  LEFT JOIN account_resources d ON d.account_id = a.account_id AND d.resource = r.resource
  LEFT JOIN resource_settings o ON o.account_id = a.account_id AND o.resource = r.resource
 WHERE a.account_id = ANY($1::uuid[]);

-- newest_accounts: the accounts with the newest activity.
SELECT account_id::text FROM accounts ORDER BY changed_at DESC, account_id LIMIT $1;

-- event_refund: give back $2 (null: all that is left) of a request; no row when it is not known.
SELECT refunded, account_id::text, version, snapshot FROM refund($1, $2, $3);

-- audit_add: keep the result of an audit.
INSERT INTO audits (checked_at, clean, invariants) VALUES (clock_timestamp(), $1, $2::text::jsonb)
RETURNING to_char(checked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- audit_last: the result of the last audit.
SELECT clean, to_char(checked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS checked_at, invariants::text
  FROM audits ORDER BY checked_at DESC LIMIT 1;

-- audit_accounts: accounts after $1 in the order of their ids, with their units.
SELECT account_id::text, unit FROM accounts
 WHERE account_id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000') ORDER BY account_id LIMIT $2;
