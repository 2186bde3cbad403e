-- input_of_kinds: what the prompt of a request costs, in millionths, where every kind of token has its own rate. Rates are
-- prompt, cached, completion, cache write, reasoning, image, audio, …; parts never exceed the whole (metering/core/rates.py).
CREATE OR REPLACE FUNCTION input_of_kinds(p_prompt bigint, p_cached bigint, p_rates bigint[], p_details jsonb) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT a.taken::numeric * p_rates[7] + i.taken::numeric * p_rates[6] + c.taken::numeric * p_rates[2]
         + w.taken::numeric * p_rates[4] + (p_prompt - a.taken - i.taken - c.taken - w.taken)::numeric * p_rates[1]
      FROM (SELECT least(coalesce((p_details ->> 'audio_tokens')::bigint, 0), p_prompt) AS taken) a
     CROSS JOIN LATERAL (SELECT least(coalesce((p_details ->> 'image_tokens')::bigint, 0), p_prompt - a.taken) AS taken) i
     CROSS JOIN LATERAL (SELECT least(p_cached, p_prompt - a.taken - i.taken) AS taken) c
     CROSS JOIN LATERAL (SELECT least(coalesce((p_details ->> 'cache_write_tokens')::bigint, 0),
                                      p_prompt - a.taken - i.taken - c.taken) AS taken) w
$$;

-- input_amount: what of a charge the input cost. The output's is the rest, so that the two add up; where nothing was
-- answered all of it is the input's. Rates are micro-units: prompt, cached, completion, and in credits the other kinds.
CREATE OR REPLACE FUNCTION input_amount(p_charge bigint, p_prompt bigint, p_cached bigint, p_completion bigint,
                                        p_rates bigint[], p_details jsonb) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_completion = 0 THEN p_charge
                ELSE least(p_charge, ceil(CASE
                    WHEN p_details IS NOT NULL AND cardinality(p_rates) > 3
                    THEN input_of_kinds(p_prompt, p_cached, p_rates, p_details)
                    ELSE (p_prompt - p_cached)::numeric * coalesce(p_rates[1], 0)
                         + p_cached::numeric * coalesce(p_rates[2], 0) END / 1000000)::bigint) END
$$;

-- corrected_allocated: what allocated packs pay of a charge that was corrected: within the charge, also where an
-- allocated pack has repaid what was debt at first.
CREATE OR REPLACE FUNCTION corrected_allocated(p_event events, p_correction corrections) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT least(p_event.charge + p_correction.delta, greatest(0, p_event.allocated_amount + (
        SELECT coalesce(sum(CASE WHEN x.book_to = 'usage' THEN x.amount ELSE 0 - x.amount END), 0)::bigint
          FROM entries x JOIN packs k ON k.pack_id = x.pack_id
         WHERE x.request_id = p_correction.request_id AND x.account_id = p_correction.account_id
           AND x.version = p_correction.version AND x.kind = 'correction' AND k.user_id IS NOT NULL)))
$$;

-- odd_days: the first and the last day of requests that were not booked on their own day, of those booked in a time, of an
-- account (null: all). It looks into every partition, so its plan is made once a session; OFFSET keeps Postgres from
-- looking for the first day in the order of days, which reads everything when there is none.
CREATE OR REPLACE FUNCTION odd_days(p_since timestamptz, p_until timestamptz, p_account uuid)
RETURNS TABLE (first_day date, last_day date)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
BEGIN
    RETURN QUERY
        SELECT min(o.day), max(o.day)
          FROM (SELECT e.day FROM events e
                 WHERE (e.at AT TIME ZONE 'UTC')::date - e.day NOT BETWEEN -1 AND 2 AND e.at >= p_since AND e.at < p_until
                   AND (p_account IS NULL OR e.account_id = p_account) OFFSET 0) o;
END $$;

-- slot_of: the hour, of a time zone's own clock, that a moment is in: its beginning.
CREATE OR REPLACE FUNCTION slot_of(p_at timestamptz, p_zone text) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT p_at - ((p_at AT TIME ZONE p_zone) - date_trunc('hour', p_at AT TIME ZONE p_zone))
$$;

-- images_of: how many images a request processed: those charged in images, and those charged in credits by a model's price
-- of images. p_units: how many it said, null where it is not known; then the charge tells, rounded up as it was.
CREATE OR REPLACE FUNCTION images_of(p_event events, p_charge bigint, p_units bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_event.resource = 'images'
                  OR (p_event.resource = 'credits' AND p_event.provider = '-' AND p_event.rate_version LIKE 'price:%')
                THEN coalesce(p_units, floor(p_charge::numeric * 1000000 / nullif(p_event.rates[1], 0))::bigint, 0)
                ELSE 0 END
$$;

-- usage_moved: what the versions above p_above up to p_upto of an account add to its usage: each request, each correction
-- (its difference) and each refund, under the time and the names of its request. It looks into every partition, so its
-- plan is made once a session.
CREATE OR REPLACE FUNCTION usage_moved(p_account uuid, p_above bigint, p_upto bigint)
RETURNS TABLE (at timestamptz, resource text, user_id text, key_id text, model text, feature text, endpoint text,
               requests bigint, charge bigint, allocated_amount bigint, input_amount bigint, prompt_tokens bigint,
               cached_tokens bigint, completion_tokens bigint, reasoning_tokens bigint, cost bigint, refunded bigint,
               images bigint)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH moved AS (
        SELECT e.day, e.request_id, 1::bigint AS requests, e.charge, e.allocated_amount,
               input_amount(e.charge, e.prompt_tokens, e.cached_tokens, e.completion_tokens, e.rates, e.details) AS input_amount,
               e.prompt_tokens, e.cached_tokens, e.completion_tokens, e.reasoning_tokens, coalesce(e.cost, 0) AS cost,
               0::bigint AS refunded, images_of(e, e.charge, (e.details ->> 'units')::bigint) AS images, e.at, e.resource, e.user_id, e.key_id, e.model, e.feature, e.endpoint
          FROM events e WHERE e.account_id = p_account AND e.version > p_above AND e.version <= p_upto
        UNION ALL
        SELECT e.day, e.request_id, 0, c.delta, corrected_allocated(e, c) - e.allocated_amount,
               input_amount(e.charge + c.delta, c.prompt_tokens, e.cached_tokens, c.completion_tokens, e.rates, e.details)
               - input_amount(e.charge, e.prompt_tokens, e.cached_tokens, e.completion_tokens, e.rates, e.details),
               c.prompt_tokens - e.prompt_tokens, 0, c.completion_tokens - e.completion_tokens, 0,
               coalesce(c.cost, e.cost, 0) - coalesce(e.cost, 0), 0,
               images_of(e, c.exact, NULL) - images_of(e, e.charge, (e.details ->> 'units')::bigint),
               e.at, e.resource, e.user_id, e.key_id, e.model, e.feature, e.endpoint
          FROM corrections c JOIN events e ON e.day = c.day AND e.request_id = c.request_id
         WHERE c.account_id = p_account AND c.version > p_above AND c.version <= p_upto
        UNION ALL
        SELECT e.day, e.request_id, 0, 0, 0, 0, 0, 0, 0, 0, 0, x.amount, 0,
               e.at, e.resource, e.user_id, e.key_id, e.model, e.feature, e.endpoint
          FROM entries x JOIN events e ON e.day = uuid7_day(x.request_id) AND e.request_id = x.request_id
         WHERE x.account_id = p_account AND x.version > p_above AND x.version <= p_upto AND x.kind = 'refund')
    SELECT m.at, m.resource, coalesce(m.user_id, ''), coalesce(m.key_id::text, ''), m.model, coalesce(m.feature, ''),
           m.endpoint, m.requests, m.charge, m.allocated_amount, m.input_amount, m.prompt_tokens, m.cached_tokens,
           m.completion_tokens, m.reasoning_tokens, m.cost, m.refunded, m.images
      FROM moved m;
END $$;

-- usage_whole: the same, and from the beginning on also what retention has kept of requests that are gone.
CREATE OR REPLACE FUNCTION usage_whole(p_account uuid, p_above bigint, p_upto bigint)
RETURNS TABLE (at timestamptz, resource text, user_id text, key_id text, model text, feature text, endpoint text,
               requests bigint, charge bigint, allocated_amount bigint, input_amount bigint, prompt_tokens bigint,
               cached_tokens bigint, completion_tokens bigint, reasoning_tokens bigint, cost bigint, refunded bigint,
               images bigint)
LANGUAGE sql STABLE AS $$
    SELECT * FROM usage_moved(p_account, p_above, p_upto)
    UNION ALL
    SELECT k.slot, k.resource, k.user_id, k.key_id, k.model, k.feature, k.endpoint, k.requests, k.charge,
           k.allocated_amount, k.input_amount, k.prompt_tokens, k.cached_tokens, k.completion_tokens, k.reasoning_tokens,
           k.cost, k.refunded, k.images
      FROM kept_usage k WHERE k.account_id = p_account AND p_above = 0 AND p_upto > 0
$$;

-- roll_account: take the next versions of an account into its roll-ups, about p_events requests at most. Whoever rolls
-- it already is not waited for. All versions up to the account's own are whole in any snapshot: each was committed
-- under the account's lock, which this does not need. When the account has moved to a time zone whose hours begin at
-- other minutes, its roll-ups are made again. Returns whether there is more to do; no row: somebody else does it.
CREATE OR REPLACE FUNCTION roll_account(p_account uuid, p_events int) RETURNS TABLE (more boolean)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_mark   rollup_marks;
    v_newest bigint;
    v_zone   text;
    v_to     bigint;
BEGIN
    INSERT INTO rollup_marks SELECT a.account_id, 0, a.time_zone, a.time_zone FROM accounts a
     WHERE a.account_id = p_account ON CONFLICT DO NOTHING;
    SELECT * INTO v_mark FROM rollup_marks m WHERE m.account_id = p_account FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN RETURN; END IF;
    SELECT a.version, a.time_zone INTO v_newest, v_zone FROM accounts a WHERE a.account_id = p_account;
    IF extract(minute FROM clock_timestamp() AT TIME ZONE v_zone)
       <> extract(minute FROM clock_timestamp() AT TIME ZONE v_mark.time_zone) THEN
        DELETE FROM rollups r WHERE r.account_id = p_account;
        v_mark.version := 0;
    ELSIF v_mark.days_zone IS DISTINCT FROM v_zone THEN
        PERFORM roll_days(p_account, v_zone);
    END IF;
    SELECT e.version INTO v_to FROM events e WHERE e.account_id = p_account AND e.version > v_mark.version
     ORDER BY e.version OFFSET p_events LIMIT 1;
    v_to := least(v_newest, v_to); -- which ignores what is null
    INSERT INTO rollups AS r
    SELECT p_account, CASE GROUPING(m.user_id, m.key_id, m.model, m.feature, m.endpoint)
                           WHEN 31 THEN 0 WHEN 15 THEN 1 WHEN 23 THEN 2 WHEN 27 THEN 3 WHEN 29 THEN 4 WHEN 30 THEN 5 ELSE 6 END
                    + 10 * GROUPING(m.slot),
           m.resource, coalesce(m.slot, m.day), coalesce(m.user_id, ''), coalesce(m.key_id, ''), coalesce(m.model, ''),
           coalesce(m.feature, ''), coalesce(m.endpoint, ''), sum(m.requests), sum(m.charge), sum(m.allocated_amount),
           sum(m.input_amount), sum(m.prompt_tokens), sum(m.cached_tokens), sum(m.completion_tokens),
           sum(m.reasoning_tokens), sum(m.cost), sum(m.refunded), sum(m.images)
      FROM (SELECT u.*, slot_of(u.at, v_zone) AS slot, date_trunc('day', u.at, v_zone) AS day
              FROM usage_whole(p_account, v_mark.version, v_to) u) m
     GROUP BY m.resource, GROUPING SETS (m.slot, m.day),
              GROUPING SETS ((), m.user_id, m.key_id, m.model, m.feature, m.endpoint,
                             (m.user_id, m.key_id, m.model, m.feature, m.endpoint))
    ON CONFLICT (account_id, dims, resource, slot, user_id, key_id, model, feature, endpoint) DO UPDATE SET
        requests = r.requests + EXCLUDED.requests, charge = r.charge + EXCLUDED.charge,
        allocated_amount = r.allocated_amount + EXCLUDED.allocated_amount,
        input_amount = r.input_amount + EXCLUDED.input_amount, prompt_tokens = r.prompt_tokens + EXCLUDED.prompt_tokens,
        cached_tokens = r.cached_tokens + EXCLUDED.cached_tokens,
        completion_tokens = r.completion_tokens + EXCLUDED.completion_tokens,
        reasoning_tokens = r.reasoning_tokens + EXCLUDED.reasoning_tokens, cost = r.cost + EXCLUDED.cost,
        refunded = r.refunded + EXCLUDED.refunded, images = r.images + EXCLUDED.images;
    UPDATE rollup_marks m SET version = v_to, time_zone = v_zone, days_zone = v_zone
     WHERE m.account_id = p_account;
    RETURN QUERY SELECT v_to < v_newest;
END $$;
