-- settle_pooled: settle, through a pooler that gives each transaction another session (postgres.pooling). What a lane
-- sets for its session is set for the call: plans made once for keys, no scan of a partition that was empty when the
-- plan was made (metering/ledger.py).
CREATE OR REPLACE FUNCTION settle_pooled(p_rows jsonb)
RETURNS TABLE (account_id uuid, version bigint, snapshot text, duplicates bigint, corrected bigint)
LANGUAGE sql VOLATILE
SET plan_cache_mode = 'force_generic_plan' SET enable_seqscan = off SET jit = off AS $$
    SELECT account_id, version, snapshot, duplicates, corrected FROM settle(p_rows)
$$;
