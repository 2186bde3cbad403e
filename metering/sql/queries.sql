-- settle: book a batch of settlements ($1: JSON array).
SELECT account_id::text, version, snapshot, duplicates, corrected FROM settle($1::text::jsonb);

-- settle_pooled: the same, through a pooler that keeps no session.
SELECT account_id::text, version, snapshot, duplicates, corrected FROM settle_pooled($1::text::jsonb);

-- snapshots: the newest state of accounts.
SELECT account_id::text, version, snapshot FROM account_snapshots($1::uuid[]);

-- park: set a settlement aside that Postgres refused.
INSERT INTO parked_settlements (request_id, settlement, error) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING;

-- renew_epochs: compare-and-set the epochs of buckets.
SELECT bucket, epoch, renewed FROM renew_epochs($1::text[], $2::int[], $3::bigint[]);

-- beat: one instance is alive.
SELECT beat($1);

-- announced: an instance has stated its holds for all epochs up to $2.
INSERT INTO instances AS i (instance_id, announced_epoch) VALUES ($1, $2)
ON CONFLICT (instance_id) DO UPDATE SET announced_epoch = greatest(i.announced_epoch, $2), heartbeat_at = clock_timestamp();

-- open_buckets: the buckets of an epoch that may admit.
SELECT open_buckets($1, $2, $3);

-- forget_instance: an instance has stopped, or its journal was adopted whole.
DELETE FROM instances WHERE instance_id = $1;

-- expire_packs: book the rest of packs that expired more than $1 seconds ago.
SELECT account_id::text, version, snapshot FROM expire_packs(make_interval(secs => $1), $2);

-- key_used: remember when keys were last used.
UPDATE api_keys SET last_used_at = clock_timestamp() WHERE key_id = ANY($1::uuid[]);

-- known_events: which of these requests are booked, and whether by recovery.
SELECT e.request_id::text, e.source FROM events e
 WHERE e.request_id = ANY($1::uuid[]) AND e.day IN (SELECT uuid7_day(r) FROM unnest($1::uuid[]) r);

-- make_partitions: partitions for the coming months.
SELECT make_partitions($1);

-- ping: whether Postgres answers.
SELECT 1;
