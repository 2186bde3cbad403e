-- Members, API keys and the trail (metering/books/{members,keys,trail}.py). Columns stand in the order of the records'
-- fields (metering/books/records.py). A key of a member who has a row acts with the member's role, else with its own.

-- find_key: the key with this digest, and what its account and its member allow. A secret that was replaced is good
-- until its overlap ends.
SELECT k.version + a.version AS version, k.key_id::text, k.account_id::text, k.user_id,
       coalesce(m.role, k.role) AS role, a.unit, k.models, a.clamp, a.orphan,
       (extract(epoch FROM least(k.expires_at, s.valid_until)) * 1000)::bigint AS expires_ms,
       k.revoked_at IS NOT NULL OR m.status IS NOT DISTINCT FROM 'deactivated' AS revoked, a.replay, k.ip_ranges::text[],
       k.feature, limits_of(k.account_id, a.time_zone, k.user_id, k.key_id, k.limits) AS limits,
       (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms
  FROM (SELECT key_id, NULL::timestamptz AS valid_until FROM api_keys WHERE digest = $1
        UNION ALL SELECT key_id, valid_until FROM retired_secrets WHERE digest = $1) s
  JOIN api_keys k ON k.key_id = s.key_id
  JOIN accounts a ON a.account_id = k.account_id
  LEFT JOIN members m ON m.account_id = k.account_id AND m.user_id = k.user_id;

-- key_add: a new API key; its account must exist.
INSERT INTO api_keys (key_id, account_id, user_id, name, digest, prefix, role, models, expires_at, limits, ip_ranges, feature)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::jsonb, $11, $12);

-- key_get: one API key.
SELECT k.key_id::text, k.account_id::text, k.user_id, k.name, k.prefix, coalesce(m.role, k.role), k.models,
       k.limits::text, k.ip_ranges::text[], to_char(k.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(k.previous_valid_until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(k.revoked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(k.last_used_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(k.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), k.feature
  FROM api_keys k LEFT JOIN members m ON m.account_id = k.account_id AND m.user_id = k.user_id
 WHERE k.key_id = $1;

-- key_lock: one API key, which nobody else changes until the transaction ends.
SELECT k.key_id::text, k.account_id::text, k.user_id, k.name, k.prefix, coalesce(m.role, k.role), k.models,
       k.limits::text, k.ip_ranges::text[], to_char(k.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(k.previous_valid_until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(k.revoked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(k.last_used_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(k.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), k.feature
  FROM api_keys k LEFT JOIN members m ON m.account_id = k.account_id AND m.user_id = k.user_id
 WHERE k.key_id = $1 FOR NO KEY UPDATE OF k;

-- keys_page: an account's API keys older than $2 (null: the newest), newest first. $4: only those of the member $5, and
-- the key $6.
SELECT k.key_id::text, k.account_id::text, k.user_id, k.name, k.prefix, coalesce(m.role, k.role), k.models,
       k.limits::text, k.ip_ranges::text[], to_char(k.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(k.previous_valid_until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(k.revoked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(k.last_used_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(k.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), k.feature
  FROM api_keys k LEFT JOIN members m ON m.account_id = k.account_id AND m.user_id = k.user_id
 WHERE k.account_id = $1 AND k.key_id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
   AND (NOT $4::boolean OR k.user_id = $5::text OR k.key_id = $6::uuid)
 ORDER BY k.key_id DESC LIMIT $3;

-- key_change: set the columns that $2 names.
UPDATE api_keys SET
    name = CASE WHEN 'name' = ANY($2::text[]) THEN $3 ELSE name END,
    role = CASE WHEN 'role' = ANY($2) THEN $4 ELSE role END,
    models = CASE WHEN 'models' = ANY($2) THEN $5 ELSE models END,
    expires_at = CASE WHEN 'expires_at' = ANY($2) THEN $6 ELSE expires_at END,
    limits = CASE WHEN 'limits' = ANY($2) THEN $7::text::jsonb ELSE limits END,
    ip_ranges = CASE WHEN 'ip_ranges' = ANY($2) THEN $8 ELSE ip_ranges END,
    feature = CASE WHEN 'feature' = ANY($2) THEN $9 ELSE feature END,
    version = version + 1
 WHERE key_id = $1;

-- key_revoke: a key that is good for nothing any more; the first time counts.
UPDATE api_keys SET revoked_at = clock_timestamp(), version = version + 1 WHERE key_id = $1 AND revoked_at IS NULL;

-- key_retire: the secrets of a key are good for $2 seconds more at most; those that are not are forgotten.
WITH dead AS (DELETE FROM retired_secrets WHERE key_id = $1 AND valid_until < statement_timestamp()),
     older AS (
    UPDATE retired_secrets SET valid_until = least(valid_until, statement_timestamp() + make_interval(secs => $2))
     WHERE key_id = $1 AND valid_until >= statement_timestamp())
INSERT INTO retired_secrets (digest, key_id, valid_until)
SELECT digest, key_id, statement_timestamp() + make_interval(secs => $2) FROM api_keys WHERE key_id = $1;

-- key_rotate: a new secret. The one before it is kept by key_retire.
UPDATE api_keys SET digest = $2, prefix = $3, version = version + 1,
       previous_valid_until = CASE WHEN $4::float8 > 0 THEN statement_timestamp() + make_interval(secs => $4) END
 WHERE key_id = $1;

-- key_digests: what gateways remember a key by: its secret and the ones before it.
SELECT digest FROM api_keys WHERE key_id = $1
 UNION ALL SELECT digest FROM retired_secrets WHERE key_id = $1;

-- member_add: a new member; no row when there is one already. What gateways know of the member's keys is old then.
WITH keys AS (UPDATE api_keys SET version = version + 1 WHERE account_id = $2 AND user_id = $3)
INSERT INTO members (member_id, account_id, user_id, name, email, role) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (account_id, user_id) DO NOTHING RETURNING member_id;

-- member_get: one member of an account.
SELECT m.member_id::text, m.account_id::text, m.user_id, m.name, m.email, m.role, m.status,
       to_char(m.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  FROM members m
 WHERE m.account_id = $1 AND m.user_id = $2;

-- members_page: an account's members newer ones first, older than $2 (null: the newest). $4: only the member $5.
SELECT m.member_id::text, m.account_id::text, m.user_id, m.name, m.email, m.role, m.status,
       to_char(m.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  FROM members m
 WHERE m.account_id = $1 AND m.member_id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
   AND (NOT $4::boolean OR m.user_id = $5::text)
 ORDER BY m.member_id DESC LIMIT $3;

-- member_change: set the columns that $3 names; no row: no such member. What gateways know of the member's keys is old then.
WITH keys AS (UPDATE api_keys SET version = version + 1 WHERE account_id = $1 AND user_id = $2)
UPDATE members SET
    name = CASE WHEN 'name' = ANY($3::text[]) THEN $4 ELSE name END,
    email = CASE WHEN 'email' = ANY($3) THEN $5 ELSE email END,
    role = CASE WHEN 'role' = ANY($3) THEN $6 ELSE role END,
    status = CASE WHEN 'status' = ANY($3) THEN $7 ELSE status END
 WHERE account_id = $1 AND user_id = $2 RETURNING member_id;

-- member_digests: what gateways remember a member's keys by.
SELECT k.digest FROM api_keys k WHERE k.account_id = $1 AND k.user_id = $2
 UNION ALL SELECT r.digest FROM retired_secrets r JOIN api_keys k ON k.key_id = r.key_id
            WHERE k.account_id = $1 AND k.user_id = $2;

-- trail_actor: say who makes the changes of this transaction.
SELECT set_config('farebox.actor', $1, true);

-- trail_note: a line about something that is no row of a watched table.
SELECT leave_trail($1, $2, $3, $4, $5::text::jsonb, $6::text::jsonb);

-- trail_page: lines of the trail; conditions and limit are put in by metering/books/trail.py.
SELECT t.trail_id::text, to_char(t.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), t.actor_kind, t.actor,
       t.user_id, t.via, t.action, t.object, t.object_id, t.account_id::text, t.before::text, t.after::text,
       t.request_id::text
  FROM trail t WHERE {where} ORDER BY t.at DESC, t.trail_id DESC LIMIT {limit};
