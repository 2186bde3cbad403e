-- Packs granted by schedule (metering/books/recurring.py). Columns stand in the order of the record's fields.

-- recurring_add: a new schedule, due now; the caller holds the account's lock. $6 null: today, in the account's time zone.
-- Periods that ended before it was made are never made up for.
INSERT INTO recurring_packs (recurring_id, account_id, resource, size, period, starts_on, ends_on, rollover, priority, user_id,
                             models, note, granted_from, next_at)
SELECT $1, a.account_id, $3, $4, $5, s.starts_on, $7, $8, $9, $10, $11::text[], $12,
       recurring_day($5, s.starts_on, greatest(recurring_number($5, s.starts_on, a.time_zone, clock_timestamp()), 0)),
       clock_timestamp()
  FROM accounts a
 CROSS JOIN LATERAL (SELECT coalesce($6::date, (clock_timestamp() AT TIME ZONE a.time_zone)::date) AS starts_on) s
 WHERE a.account_id = $2;

-- recurring_get: one schedule that is not deleted.
SELECT k.recurring_id::text, k.account_id::text, k.resource, k.size, k.period, k.starts_on::text, k.ends_on::text, k.rollover,
       k.priority, k.user_id, k.models, k.note, k.paused,
       (SELECT g.period_start::text FROM recurring_grants g WHERE g.recurring_id = k.recurring_id
         ORDER BY g.period_start DESC LIMIT 1),
       (SELECT g.pack_id::text FROM recurring_grants g WHERE g.recurring_id = k.recurring_id
         ORDER BY g.period_start DESC LIMIT 1),
       CASE WHEN NOT k.paused THEN to_char(k.next_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') END,
       to_char(k.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  FROM recurring_packs k WHERE k.recurring_id = $1 AND k.deleted_at IS NULL;

-- recurring_page: an account's schedules older than $2 (null: the newest), newest first.
SELECT k.recurring_id::text, k.account_id::text, k.resource, k.size, k.period, k.starts_on::text, k.ends_on::text, k.rollover,
       k.priority, k.user_id, k.models, k.note, k.paused, g.period_start::text, g.pack_id::text,
       CASE WHEN NOT k.paused THEN to_char(k.next_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') END,
       to_char(k.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  FROM recurring_packs k
  LEFT JOIN LATERAL (SELECT o.period_start, o.pack_id FROM recurring_grants o WHERE o.recurring_id = k.recurring_id
                      ORDER BY o.period_start DESC LIMIT 1) g ON true
 WHERE k.account_id = $1 AND k.deleted_at IS NULL
   AND k.recurring_id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
 ORDER BY k.recurring_id DESC LIMIT $3;

-- recurring_account: whose a schedule is.
SELECT account_id::text FROM recurring_packs WHERE recurring_id = $1 AND deleted_at IS NULL;

-- recurring_change: set the columns that $2 names, and look at it at once. What was granted stays as it is. A schedule that
-- goes on after a pause does so with the period that it is in. The caller holds the account's lock.
UPDATE recurring_packs k SET
    size = CASE WHEN 'size' = ANY($2::text[]) THEN $3 ELSE k.size END,
    note = CASE WHEN 'note' = ANY($2) THEN $4 ELSE k.note END,
    priority = CASE WHEN 'priority' = ANY($2) THEN $5 ELSE k.priority END,
    rollover = CASE WHEN 'rollover' = ANY($2) THEN $6 ELSE k.rollover END,
    ends_on = CASE WHEN 'ends_on' = ANY($2) THEN $7 ELSE k.ends_on END,
    paused = CASE WHEN 'paused' = ANY($2) THEN $8 ELSE k.paused END,
    granted_from = greatest(k.granted_from, recurring_day(
        k.period, k.starts_on, recurring_number(k.period, k.starts_on, a.time_zone, clock_timestamp()))),
    next_at = clock_timestamp()
  FROM accounts a WHERE k.recurring_id = $1 AND a.account_id = k.account_id;

-- recurring_delete: no more packs by this schedule; what it granted stays.
UPDATE recurring_packs SET deleted_at = clock_timestamp(), next_at = NULL
 WHERE recurring_id = $1 AND deleted_at IS NULL RETURNING recurring_id::text;

-- recurring_grant: the packs that are due, of at most $1 schedules, or of $2 alone.
SELECT account_id::text, version, snapshot FROM grant_recurring(clock_timestamp(), $1, $2);
