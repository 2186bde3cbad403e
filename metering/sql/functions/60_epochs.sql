-- renew_epochs: compare-and-set the epochs of buckets. A bucket gets a new one when it has none, when its owner
-- (run_id) is another than p_run_id, or when it is in p_lost with the epoch in p_lost_epochs (its sentinel was
-- missing). One number serves all buckets renewed by a call. Returns every bucket; `renewed` marks those whose
-- sentinel the caller must write. A brand-new ledger can have no holds to wait for, so its barrier is over.
CREATE OR REPLACE FUNCTION renew_epochs(p_run_id text, p_buckets int, p_lost int[], p_lost_epochs bigint[])
RETURNS TABLE (bucket int, epoch bigint, renewed boolean)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_number  bigint;
    v_started timestamptz;
    v_renewed int[];
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('farebox epochs'));
    SELECT array_agg(b) INTO v_renewed
      FROM generate_series(0, p_buckets - 1) b LEFT JOIN epochs e ON e.bucket = b
     WHERE e.epoch IS NULL OR e.run_id <> p_run_id
        OR EXISTS (SELECT 1 FROM unnest(p_lost, p_lost_epochs) l(bucket, epoch) WHERE l.bucket = b AND l.epoch = e.epoch);
    IF v_renewed IS NOT NULL THEN
        v_number := nextval('epoch_numbers');
        v_started := CASE WHEN EXISTS (SELECT 1 FROM epochs) THEN clock_timestamp()
                          ELSE clock_timestamp() - interval '1 hour' END;
        INSERT INTO epochs AS e (bucket, epoch, run_id, started_at)
        SELECT b, v_number, p_run_id, v_started FROM unnest(v_renewed) b
        ON CONFLICT (bucket) DO UPDATE SET epoch = EXCLUDED.epoch, run_id = EXCLUDED.run_id, started_at = EXCLUDED.started_at;
    END IF;
    RETURN QUERY SELECT e.bucket::int, e.epoch, e.epoch = v_number IS TRUE FROM epochs e WHERE e.bucket < p_buckets;
END $$;

-- beat: one instance is alive. Returns the newest epoch number, for instances that have not heard of it.
CREATE OR REPLACE FUNCTION beat(p_instance text) RETURNS bigint
LANGUAGE sql VOLATILE AS $$
    INSERT INTO instances AS i (instance_id) VALUES (p_instance)
    ON CONFLICT (instance_id) DO UPDATE SET heartbeat_at = clock_timestamp();
    SELECT coalesce(max(epoch), 0) FROM epochs
$$;

-- barrier_open: whether epoch p_epoch may admit: p_seconds have passed since it started, and every instance whose
-- heartbeat is younger than p_lease_seconds has announced its holds for it.
CREATE OR REPLACE FUNCTION barrier_open(p_epoch bigint, p_seconds float, p_lease_seconds float) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT (SELECT max(started_at) FROM epochs WHERE epoch = p_epoch) <= clock_timestamp() - make_interval(secs => p_seconds)
       AND NOT EXISTS (SELECT 1 FROM instances
                        WHERE announced_epoch < p_epoch
                          AND heartbeat_at > clock_timestamp() - make_interval(secs => p_lease_seconds))
$$;
