-- Holds that outlive their HTTP request (metering/reservations.py).

-- reservation_open: a new reservation, unless its id was voided meanwhile; its id, or no row.
INSERT INTO reservations (reservation_id, account_id, bucket, status, on_expiry, expires_at, user_id, base, units, reserved,
                          reserved_at, split, facts)
VALUES ($1, $2, $3, 'open', $4, clock_timestamp() + make_interval(secs => $5), $6, $7, $8, $9, $10, $11::text::jsonb, $12)
ON CONFLICT (reservation_id) DO NOTHING
RETURNING reservation_id::text;

-- reservation_void: a tombstone for a hold whose reservation is not there: it can't be opened any more. No row: it is.
INSERT INTO reservations (reservation_id, account_id, bucket, status, closed_at)
VALUES ($1, $2, $3, 'released', clock_timestamp())
ON CONFLICT (reservation_id) DO NOTHING
RETURNING reservation_id::text;

-- reservation_get: one reservation of an account; $3: only of the member $4.
SELECT r.reservation_id::text AS id, r.account_id::text, r.status, r.on_expiry, r.by_deadline, r.user_id, r.base, r.units,
       r.used_units, r.reserved, r.reserved_at, r.split::text, r.facts, r.charge,
       to_char(r.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_at,
       to_char(r.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS expires_at,
       to_char(r.closed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS closed_at
  FROM reservations r
 WHERE r.reservation_id = $1 AND r.account_id = $2 AND r.facts IS NOT NULL
   AND (NOT $3::boolean OR r.user_id IS NOT DISTINCT FROM $4::text);

-- reservation_close: end a reservation ('settle', 'release', 'deadline'); see functions/92_reservations.sql.
SELECT outcome, account_id::text, version, snapshot
  FROM close_reservation($1, $2, $3::text::jsonb, make_interval(secs => $4));

-- reservations_due: open ones whose time has been over for $1 seconds, the oldest first.
SELECT reservation_id::text, facts, reserved, reserved_at, split::text, on_expiry, units, base
  FROM reservations
 WHERE status = 'open' AND expires_at <= clock_timestamp() - make_interval(secs => $1) ORDER BY expires_at LIMIT $2;

-- reservations_open_in: the open ones of these buckets.
SELECT reservation_id::text, facts, reserved, reserved_at, split::text
  FROM reservations WHERE status = 'open' AND bucket = ANY($1::smallint[]) ORDER BY reservation_id;

-- reservations_status: what became of these.
SELECT reservation_id::text, status FROM reservations WHERE reservation_id = ANY($1::uuid[]);

-- reservations_older: the open ones that were opened more than $1 seconds ago.
SELECT reservation_id::text, account_id::text FROM reservations
 WHERE status = 'open' AND created_at < clock_timestamp() - make_interval(secs => $1);
