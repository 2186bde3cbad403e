-- renew_epochs: compare-and-set the epochs of buckets. p_owners names who serves each bucket, from bucket 0 on, as the
-- caller sees it; null where it can't tell. A bucket gets a new epoch when it has none, when its owner (run_id) is
-- another than the caller's, or when it is in p_lost with the epoch in p_lost_epochs (its sentinel was missing). One
-- number serves all buckets renewed by a call. Returns every bucket; `renewed` marks those whose sentinel the caller
-- must write. A brand-new ledger can have no holds to wait for, so its barrier is over.
CREATE OR REPLACE FUNCTION renew_epochs(p_owners text[], p_lost int[], p_lost_epochs bigint[])
RETURNS TABLE (bucket int, epoch bigint, renewed boolean)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_number  bigint;
    v_started timestamptz;
    v_renewed int[];
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('farebox epochs'));
    SELECT array_agg(o.place - 1) INTO v_renewed
      FROM unnest(p_owners) WITH ORDINALITY o(owner, place) LEFT JOIN epochs e ON e.bucket = o.place - 1
     WHERE o.owner IS NOT NULL
       AND (e.epoch IS NULL OR e.run_id <> o.owner
            OR EXISTS (SELECT 1 FROM unnest(p_lost, p_lost_epochs) l(bucket, epoch)
                        WHERE l.bucket = e.bucket AND l.epoch = e.epoch));
    IF v_renewed IS NOT NULL THEN
        v_number := nextval('epoch_numbers');
        v_started := CASE WHEN EXISTS (SELECT 1 FROM epochs) THEN clock_timestamp()
                          ELSE clock_timestamp() - interval '1 hour' END;
        INSERT INTO epochs AS e (bucket, epoch, run_id, started_at)
        SELECT b, v_number, p_owners[b + 1], v_started FROM unnest(v_renewed) b
        ON CONFLICT (bucket) DO UPDATE SET epoch = EXCLUDED.epoch, run_id = EXCLUDED.run_id, started_at = EXCLUDED.started_at;
    END IF;
    RETURN QUERY SELECT e.bucket::int, e.epoch, e.epoch = v_number IS TRUE FROM epochs e
                  WHERE e.bucket < cardinality(p_owners);
END $$;

-- beat: one instance is alive. Returns the newest epoch number, for instances that have not heard of it.
CREATE OR REPLACE FUNCTION beat(p_instance text) RETURNS bigint
LANGUAGE sql VOLATILE AS $$
    INSERT INTO instances AS i (instance_id) VALUES (p_instance)
    ON CONFLICT (instance_id) DO UPDATE SET heartbeat_at = clock_timestamp();
    SELECT coalesce(max(epoch), 0) FROM epochs
$$;

-- open_buckets: the buckets still in epoch p_epoch, once they may admit: p_seconds have passed since it started, and
-- every instance whose heartbeat is younger than p_lease_seconds has announced its holds for it. A bucket that has a
-- newer epoch is not among them: what was announced for that one may be on another server. One time is compared with
-- all of them: a clock that goes on from row to row would open a part of an epoch.
CREATE OR REPLACE FUNCTION open_buckets(p_epoch bigint, p_seconds float, p_lease_seconds float) RETURNS int[]
LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(bucket::int), '{}') FROM epochs
     WHERE epoch = p_epoch AND started_at <= statement_timestamp() - make_interval(secs => p_seconds)
       AND NOT EXISTS (SELECT 1 FROM instances
                        WHERE announced_epoch < p_epoch
                          AND heartbeat_at > statement_timestamp() - make_interval(secs => p_lease_seconds))
$$;
