-- was_dropped: whether retention has dropped the event of a request.
CREATE OR REPLACE FUNCTION was_dropped(p_request uuid) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT date_trunc('month', uuid7_day(p_request))::date IN (SELECT month FROM dropped_months)
$$;

-- refuse_dropped: a request of a dropped month may have been charged before, and nobody can tell any more: its settlement
-- is refused, so that it is set aside with an alarm for a person to decide.
CREATE OR REPLACE FUNCTION refuse_dropped() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the events of % were dropped by retention: whether % was charged before is in the ledger only',
        to_char(NEW.day, 'YYYY-MM'), NEW.request_id USING ERRCODE = 'check_violation';
END $$;

-- debt_explained: how much debt the events of some days may have made, by account and resource (invariant debts_explained).
CREATE OR REPLACE FUNCTION debt_explained(p_first date, p_next date)
RETURNS TABLE (account_id uuid, resource text, explained bigint)
LANGUAGE sql STABLE AS $$
    SELECT d.account_id, d.resource, sum(d.amount)::bigint
      FROM (SELECT v.account_id, v.resource, greatest(0, v.charge - v.reserved)
                 + CASE WHEN v.status = 'adopted' THEN v.charge ELSE 0 END
                 + CASE WHEN EXISTS (SELECT 1 FROM packs k
                                      WHERE k.account_id = v.account_id AND k.resource = v.resource AND k.unlimited
                                        AND k.revoked_at > v.reserved_at AND k.revoked_at <= v.at)
                        THEN v.charge ELSE 0 END AS amount
              FROM events v WHERE v.day >= p_first AND v.day < p_next
            UNION ALL
            SELECT c.account_id, v.resource, c.delta FROM corrections c JOIN events v USING (day, request_id)
             WHERE c.delta > 0 AND v.day >= p_first AND v.day < p_next) d
     WHERE d.amount > 0 GROUP BY 1, 2
$$;

-- keep_month: add the usage of a month's events, as corrected and refunded now, to what is kept; the hours are those of
-- the clocks that the accounts' roll-ups are made by.
CREATE OR REPLACE FUNCTION keep_month(p_first date, p_next date) RETURNS void
LANGUAGE sql VOLATILE AS $$
    INSERT INTO kept_usage AS k
    SELECT e.account_id, e.resource, slot_of(e.at, m.time_zone), coalesce(e.user_id, ''), coalesce(e.key_id::text, ''),
           e.model, coalesce(e.feature, ''), e.endpoint, count(*), sum(e.charge + coalesce(c.delta, 0)),
           sum(CASE WHEN c.request_id IS NULL THEN e.allocated_amount ELSE corrected_allocated(e, c) END),
           sum(input_amount(e.charge + coalesce(c.delta, 0), coalesce(c.prompt_tokens, e.prompt_tokens), e.cached_tokens,
                            coalesce(c.completion_tokens, e.completion_tokens), e.rates, e.details)),
           sum(coalesce(c.prompt_tokens, e.prompt_tokens)), sum(e.cached_tokens),
           sum(coalesce(c.completion_tokens, e.completion_tokens)), sum(e.reasoning_tokens),
           sum(coalesce(c.cost, e.cost, 0)), sum(coalesce(f.amount, 0)),
           sum(CASE WHEN c.request_id IS NULL THEN images_of(e, e.charge, (e.details ->> 'units')::bigint)
                    ELSE images_of(e, c.exact, NULL) END)
      FROM events e
      JOIN rollup_marks m ON m.account_id = e.account_id
      LEFT JOIN corrections c ON c.day = e.day AND c.request_id = e.request_id
      LEFT JOIN (SELECT x.request_id, sum(x.amount)::bigint AS amount FROM entries x
                  WHERE x.kind = 'refund' AND uuid7_day(x.request_id) >= p_first AND uuid7_day(x.request_id) < p_next
                  GROUP BY 1) f ON f.request_id = e.request_id
     WHERE e.day >= p_first AND e.day < p_next
     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
    -- a request of the last hour of a month may be booked in the next one
    ON CONFLICT (account_id, resource, slot, user_id, key_id, model, feature, endpoint) DO UPDATE SET
        requests = k.requests + EXCLUDED.requests, charge = k.charge + EXCLUDED.charge,
        allocated_amount = k.allocated_amount + EXCLUDED.allocated_amount,
        input_amount = k.input_amount + EXCLUDED.input_amount, prompt_tokens = k.prompt_tokens + EXCLUDED.prompt_tokens,
        cached_tokens = k.cached_tokens + EXCLUDED.cached_tokens,
        completion_tokens = k.completion_tokens + EXCLUDED.completion_tokens,
        reasoning_tokens = k.reasoning_tokens + EXCLUDED.reasoning_tokens, cost = k.cost + EXCLUDED.cost,
        refunded = k.refunded + EXCLUDED.refunded, images = k.images + EXCLUDED.images
$$;

-- drop_month: drop the events of a month, and keep their sums; the ledger's entries stay. False: not now (they are not all
-- in the roll-ups, or somebody uses them); the next try may. Rows are summed while others read them; only when that is
-- done everybody is kept out, and what was refunded or corrected meanwhile makes it begin again another time.
CREATE OR REPLACE FUNCTION drop_month(p_month date) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET lock_timeout = '5s' AS $$
DECLARE
    v_name   text := 'events_' || to_char(p_month, 'YYYYMM');
    v_next   date := (p_month + interval '1 month')::date;
    v_events bigint;
BEGIN
    IF NOT pg_try_advisory_xact_lock(4199461062) OR EXISTS (SELECT 1 FROM dropped_months d WHERE d.month = p_month) THEN
        RETURN false;
    END IF;
    EXECUTE format('LOCK TABLE %I IN SHARE MODE', v_name);
    -- Rollers wait: marks and time zones must not move while rows are summed.
    LOCK TABLE rollup_marks IN SHARE MODE;
    IF EXISTS (SELECT 1 FROM (SELECT e.account_id, max(e.version) AS version FROM events e
                               WHERE e.day >= p_month AND e.day < v_next GROUP BY 1) n
                 LEFT JOIN rollup_marks m ON m.account_id = n.account_id
                WHERE m.version IS NULL OR m.version < n.version) THEN
        RETURN false;
    END IF;
    PERFORM keep_month(p_month, v_next);
    INSERT INTO kept_debt AS k SELECT * FROM debt_explained(p_month, v_next)
        ON CONFLICT (account_id, resource) DO UPDATE SET explained = k.explained + EXCLUDED.explained;
    -- A request that cost nothing has no entry: its version is accounted for here.
    INSERT INTO account_changes (account_id, version, at)
    SELECT e.account_id, e.version, min(e.at) FROM events e
     WHERE e.day >= p_month AND e.day < v_next
       AND NOT EXISTS (SELECT 1 FROM entries x WHERE x.account_id = e.account_id AND x.version = e.version)
     GROUP BY 1, 2 ON CONFLICT DO NOTHING;
    DELETE FROM parked_settlements p USING events e
     WHERE e.day >= p_month AND e.day < v_next AND p.request_id = e.request_id::text;
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', v_name);
    IF EXISTS (SELECT 1 FROM rollup_marks m JOIN corrections c ON c.account_id = m.account_id AND c.version > m.version
                WHERE c.day >= p_month AND c.day < v_next)
        OR EXISTS (SELECT 1 FROM rollup_marks m JOIN entries x ON x.account_id = m.account_id AND x.version > m.version
                    WHERE x.kind = 'refund' AND uuid7_day(x.request_id) >= p_month AND uuid7_day(x.request_id) < v_next) THEN
        RAISE EXCEPTION 'changed meanwhile' USING ERRCODE = 'serialization_failure';
    END IF;
    EXECUTE format('SELECT count(*) FROM %I', v_name) INTO v_events;
    EXECUTE format('DROP TRIGGER %I ON %I', v_name || '_no_truncate', v_name);
    EXECUTE format('TRUNCATE %I', v_name);
    PERFORM guard_partition(v_name);
    EXECUTE format('CREATE TRIGGER %I BEFORE INSERT ON %I FOR EACH ROW EXECUTE FUNCTION refuse_dropped()',
                   v_name || '_dropped', v_name);
    INSERT INTO dropped_months (month, events) VALUES (p_month, v_events);
    RETURN true;
EXCEPTION WHEN lock_not_available OR deadlock_detected OR serialization_failure THEN
    RETURN false;
END $$;
