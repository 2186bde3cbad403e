-- book_entry: one ledger entry outside a settle batch; answers nothing. The caller holds the account's lock,
-- has raised its version, and has applied the effect, so that posted_balance is the balance after.
CREATE OR REPLACE FUNCTION book_entry(
    p_account uuid, p_kind text, p_resource text, p_amount bigint, p_delta bigint, p_from text, p_to text,
    p_pack uuid, p_event events, p_reason text) RETURNS void
LANGUAGE sql VOLATILE AS $$
    INSERT INTO entries (day, account_id, version, seq, at, kind, resource, amount, delta, book_from, book_to,
                         balance_after, pack_id, request_id, user_id, key_id, model, service, session_id, reason,
                         prompt_tokens, completion_tokens, source)
    SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date, p_account, a.version,
           1 + (SELECT count(*) FROM entries e
                 WHERE e.account_id = p_account AND e.version = a.version
                   AND e.day >= (clock_timestamp() AT TIME ZONE 'UTC')::date - 1),
           clock_timestamp(), p_kind, p_resource, p_amount, p_delta, p_from, p_to,
           posted_balance(p_account, p_resource), p_pack, (p_event).request_id, (p_event).user_id, (p_event).key_id,
           (p_event).model, coalesce((p_event).feature, (p_event).endpoint), (p_event).session_id,
           coalesce(p_reason, (p_event).reason), (p_event).prompt_tokens, (p_event).completion_tokens, (p_event).source
      FROM accounts a WHERE a.account_id = p_account
$$;

-- give_back: reverse up to p_amount of a request's own entries, last first: its open debt, then each pack it drew
-- on; what belongs to a dead pack goes to the book that closed it. Returns what could not be reversed (0).
CREATE OR REPLACE FUNCTION give_back(p_event events, p_kind text, p_amount bigint, p_reason text) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_left bigint := p_amount;
    v_take bigint;
    p      record;
BEGIN
    SELECT least(d.open, v_left) INTO v_take FROM debts d
     WHERE d.account_id = p_event.account_id AND d.request_id = p_event.request_id;
    IF v_take > 0 THEN
        PERFORM repay_debt(p_event.account_id, p_event.request_id, p_event.resource, v_take);
        PERFORM book_entry(p_event.account_id, p_kind, p_event.resource, v_take, v_take, 'usage', 'debt', NULL, p_event, p_reason);
        v_left := v_left - v_take;
    END IF;
    FOR p IN
        -- what this request drew from each pack (or had repaid by one), less what went back before
        SELECT e.pack_id, sum(CASE WHEN e.book_to = 'pack:' || e.pack_id OR e.book_from = 'usage' THEN 0 - e.amount ELSE e.amount END) AS drawn,
               max(e.version) AS last, k.unlimited, k.revoked_at, k.closed_at
          FROM entries e JOIN packs k ON k.pack_id = e.pack_id
         WHERE e.request_id = p_event.request_id AND e.account_id = p_event.account_id AND e.kind <> 'auto_grant'
         GROUP BY e.pack_id, k.unlimited, k.revoked_at, k.closed_at, k.priority, k.expires_at, k.granted_at
         ORDER BY max(ARRAY[e.version, e.seq]) DESC
    LOOP
        EXIT WHEN v_left = 0;
        v_take := least(p.drawn, v_left);
        CONTINUE WHEN v_take <= 0;
        IF p.revoked_at IS NOT NULL THEN
            PERFORM book_entry(p_event.account_id, p_kind, p_event.resource, v_take, 0, 'usage', 'revoked', p.pack_id, p_event, p_reason);
        ELSIF p.closed_at IS NOT NULL THEN
            PERFORM book_entry(p_event.account_id, p_kind, p_event.resource, v_take, 0, 'usage', 'expired', p.pack_id, p_event, p_reason);
        ELSIF p.unlimited THEN -- it issued what it was drawn for: the issue is taken back
            PERFORM book_entry(p_event.account_id, p_kind, p_event.resource, v_take, 0, 'usage', 'issued', p.pack_id, p_event, p_reason);
        ELSE
            UPDATE packs SET remaining = remaining + v_take WHERE pack_id = p.pack_id;
            PERFORM book_entry(p_event.account_id, p_kind, p_event.resource, v_take, v_take, 'usage', 'pack:' || p.pack_id, p.pack_id, p_event, p_reason);
        END IF;
        v_left := v_left - v_take;
    END LOOP;
    RETURN v_left;
END $$;

-- repay_debt: lower one request's open debt, and the account's. The caller books the entry.
CREATE OR REPLACE FUNCTION repay_debt(p_account uuid, p_request uuid, p_resource text, p_amount bigint) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    DELETE FROM debts WHERE account_id = p_account AND request_id = p_request AND open = p_amount;
    IF NOT FOUND THEN
        UPDATE debts SET open = open - p_amount WHERE account_id = p_account AND request_id = p_request;
    END IF;
    UPDATE account_resources SET debt = debt - p_amount WHERE account_id = p_account AND resource = p_resource;
END $$;

-- charge_more: draw p_amount more for a request: fitting packs in burn-down order, then debt.
CREATE OR REPLACE FUNCTION charge_more(p_event events, p_amount bigint) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_left bigint := p_amount;
    v_take bigint;
    p      packs;
BEGIN
    FOR p IN
        SELECT k.* FROM packs k
         WHERE k.account_id = p_event.account_id AND k.resource = p_event.resource AND k.closed_at IS NULL
           AND k.revoked_at IS NULL AND (k.unlimited OR k.remaining > 0)
           AND (k.user_id IS NULL OR k.user_id = p_event.user_id) AND (k.models IS NULL OR p_event.model = ANY(k.models))
           AND (k.expires_at IS NULL OR k.expires_at > p_event.reserved_at)
         ORDER BY k.priority, k.unlimited, k.user_id IS NULL, k.models IS NULL, k.expires_at NULLS LAST, k.granted_at, k.pack_id
    LOOP
        EXIT WHEN v_left = 0;
        IF p.unlimited THEN
            v_take := v_left;
            PERFORM book_entry(p_event.account_id, 'auto_grant', p_event.resource, v_take, 0, 'issued', 'pack:' || p.pack_id, p.pack_id, p_event, NULL);
            PERFORM book_entry(p_event.account_id, 'correction', p_event.resource, v_take, 0, 'pack:' || p.pack_id, 'usage', p.pack_id, p_event, NULL);
        ELSE
            v_take := least(p.remaining, v_left);
            UPDATE packs SET remaining = remaining - v_take WHERE pack_id = p.pack_id;
            PERFORM book_entry(p_event.account_id, 'correction', p_event.resource, v_take, 0 - v_take, 'pack:' || p.pack_id, 'usage', p.pack_id, p_event, NULL);
        END IF;
        v_left := v_left - v_take;
    END LOOP;
    IF v_left > 0 THEN
        INSERT INTO debts AS d (account_id, request_id, resource, user_id, model, open)
        VALUES (p_event.account_id, p_event.request_id, p_event.resource, p_event.user_id, p_event.model, v_left)
        ON CONFLICT (account_id, request_id) DO UPDATE SET open = d.open + EXCLUDED.open;
        INSERT INTO account_resources AS a (account_id, resource, debt) VALUES (p_event.account_id, p_event.resource, v_left)
        ON CONFLICT (account_id, resource) DO UPDATE SET debt = a.debt + EXCLUDED.debt;
        PERFORM book_entry(p_event.account_id, 'overdraft', p_event.resource, v_left, 0 - v_left, 'debt', 'usage', NULL, p_event, NULL);
    END IF;
END $$;

-- correct_event: the exact count of a request that was booked as recovered, or its journal's estimate where that is
-- above its hold's (the journal may know of more progress, the hold of an extension). Once; anything else changes nothing.
-- After a refund the correction re-bases to max(0, exact - refunded). The caller holds the account's lock.
CREATE OR REPLACE FUNCTION correct_event(r settlement) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_event    events;
    v_refunded bigint;
    v_delta    bigint;
BEGIN
    SELECT * INTO v_event FROM events e WHERE e.day = uuid7_day(r.request_id) AND e.request_id = r.request_id;
    IF v_event.source IS DISTINCT FROM 'recovered'
        OR (r.source = 'recovered' AND (v_event.status = 'adopted' OR r.charge <= v_event.charge)) OR EXISTS (
        SELECT 1 FROM corrections c WHERE c.day = v_event.day AND c.request_id = v_event.request_id) THEN
        RETURN false;
    END IF;
    SELECT coalesce(sum(amount), 0) INTO v_refunded FROM entries
     WHERE request_id = r.request_id AND account_id = v_event.account_id AND kind = 'refund';
    v_delta := greatest(0, r.charge - v_refunded) - (v_event.charge - v_refunded);
    UPDATE accounts SET version = version + 1, changed_at = clock_timestamp() WHERE account_id = v_event.account_id;
    INSERT INTO corrections (day, request_id, account_id, version, at, delta, exact, prompt_tokens, completion_tokens, source, cost)
    SELECT v_event.day, r.request_id, a.account_id, a.version, clock_timestamp(), v_delta, r.charge, r.prompt_tokens,
           r.completion_tokens, r.source, r.cost FROM accounts a WHERE a.account_id = v_event.account_id;
    IF v_delta < 0 THEN
        PERFORM give_back(v_event, 'correction', 0 - v_delta, NULL);
    ELSIF v_delta > 0 THEN
        PERFORM charge_more(v_event, v_delta);
    END IF;
    PERFORM shift_spend(v_event, v_delta);
    RETURN true;
END $$;

-- refund: give back p_amount (null: all that is left) of one request. The charge never falls below zero.
-- Returns the amount given back and the account's snapshot; no row when the request is not known.
CREATE OR REPLACE FUNCTION refund(p_request uuid, p_amount bigint, p_reason text)
RETURNS TABLE (refunded bigint, account_id uuid, version bigint, snapshot text)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_event  events;
    v_open   bigint;
    v_amount bigint;
BEGIN
    SELECT e.* INTO v_event FROM events e WHERE e.day = uuid7_day(p_request) AND e.request_id = p_request;
    IF v_event.request_id IS NULL THEN RETURN; END IF;
    PERFORM 1 FROM accounts a WHERE a.account_id = v_event.account_id FOR NO KEY UPDATE;
    SELECT v_event.charge + coalesce((SELECT c.delta FROM corrections c WHERE c.day = v_event.day AND c.request_id = p_request), 0)
         - coalesce((SELECT sum(x.amount) FROM entries x WHERE x.request_id = p_request AND x.kind = 'refund'
                        AND x.account_id = v_event.account_id), 0)
      INTO v_open;
    v_amount := least(coalesce(p_amount, v_open), v_open);
    IF v_amount > 0 THEN
        UPDATE accounts a SET version = a.version + 1, changed_at = clock_timestamp() WHERE a.account_id = v_event.account_id;
        PERFORM give_back(v_event, 'refund', v_amount, p_reason);
        PERFORM shift_spend(v_event, 0 - v_amount);
        PERFORM leave_trail('refund', 'event', p_request::text, v_event.account_id, jsonb_build_object('charge', v_open),
                            jsonb_build_object('charge', v_open - v_amount, 'refunded', v_amount, 'reason', p_reason));
    END IF;
    RETURN QUERY SELECT greatest(v_amount, 0), s.account_id, s.version, s.snapshot
                   FROM account_snapshots(ARRAY[v_event.account_id]) s;
END $$;
