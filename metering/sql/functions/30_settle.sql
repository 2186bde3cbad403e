-- settle: book finished requests, at most once each, and answer the newest snapshot of every account touched.
--
-- p_rows is a JSON array of settlements. Two statements decide everything, in this order and never in one
-- (READ COMMITTED reads before it waits): 1. lock the account rows, ascending; 2. read what is new.
-- A draw follows the hold's own split first (with what an unlimited pack let in without a hold: the finite packs
-- were held by others), then burn-down order over fitting packs that were not dead when the request was reserved,
-- then debt. Settle never refuses. A row that is known already changes nothing,
-- except an exact one after a recovered one: that is corrected, once; and so is an estimate by what a hold said (a
-- Redis that lost a second may know less of it) when the dead gateway's journal knows of more (status 'adopted').
-- Returns one row an account: version, snapshot, and how many rows were duplicates or corrections.
CREATE OR REPLACE FUNCTION settle(p_rows jsonb)
RETURNS TABLE (account_id uuid, version bigint, snapshot text, duplicates bigint, corrected bigint)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_now      timestamptz;
    v_all      settlement[];
    v_new      settlement[];
    v_accounts uuid[];
    r          settlement;
    -- the open packs of these accounts, in burn-down order, and what this batch draws from each
    k_account uuid[]; k_pack uuid[]; k_left bigint[]; k_free boolean[]; k_resource text[]; k_user text[];
    k_expires timestamptz[]; k_models jsonb; k_drawn bigint[]; k_count int; k_first int := 1; k int;
    -- the entries to write
    e_row int[] := '{}'; e_seq int[] := '{}'; e_kind text[] := '{}'; e_amount bigint[] := '{}';
    e_delta bigint[] := '{}'; e_from text[] := '{}'; e_to text[] := '{}'; e_pack uuid[] := '{}';
    e_balance bigint[] := '{}';
    -- per new settlement: what came from allocated packs, what became debt
    n_allocated bigint[] := '{}'; n_debt bigint[] := '{}';
    v_account uuid; v_resource text; v_balance bigint; v_need bigint; v_take bigint; v_part bigint;
    v_allocated bigint; v_seq int; v_at timestamptz; v_parts int; v_unheld bigint; i int; v_corrected uuid[] := '{}';
    v_written int; v_same int; -- entries before this request's, and its entry of the same pack
BEGIN
    SELECT array_agg(u), array_agg(DISTINCT u.account_id) INTO v_all, v_accounts
      FROM jsonb_populate_recordset(NULL::settlement, p_rows) u;
    PERFORM 1 FROM accounts a WHERE a.account_id = ANY(v_accounts) ORDER BY a.account_id FOR NO KEY UPDATE;
    GET DIAGNOSTICS k = ROW_COUNT;
    IF k <> array_length(v_accounts, 1) THEN
        RAISE EXCEPTION 'a settlement names an unknown account' USING ERRCODE = 'foreign_key_violation';
    END IF;

    v_now := clock_timestamp();
    SELECT array_agg(ROW(d.*)::settlement ORDER BY d.account_id, d.resource, d.reserved_at, d.request_id) INTO v_new
      FROM (SELECT DISTINCT ON (u.request_id) u.* FROM unnest(v_all) u
             ORDER BY u.request_id, (u.source = 'recovered'), CASE WHEN u.source = 'recovered' THEN u.charge END DESC) d
     -- A scalar subquery, not NOT EXISTS: that became an anti-join over every partition, which reads all of them.
     WHERE (SELECT true FROM events e
             WHERE e.day = uuid7_day(d.request_id) AND e.request_id = d.request_id) IS NULL;

    IF v_new IS NOT NULL THEN
        WITH open_packs AS (
            SELECT p.*, row_number() OVER (ORDER BY p.account_id, p.priority, p.unlimited, p.user_id IS NULL,
                           p.models IS NULL, p.expires_at NULLS LAST, p.granted_at, p.pack_id) AS place
              FROM packs p
             WHERE p.account_id = ANY(v_accounts) AND p.closed_at IS NULL AND p.revoked_at IS NULL
               AND (p.unlimited OR p.remaining > 0))
        SELECT array_agg(o.account_id ORDER BY o.place), array_agg(o.pack_id ORDER BY o.place),
               array_agg(o.remaining ORDER BY o.place), array_agg(o.unlimited ORDER BY o.place),
               array_agg(o.resource ORDER BY o.place), array_agg(o.user_id ORDER BY o.place),
               array_agg(o.expires_at ORDER BY o.place), jsonb_agg(to_jsonb(o.models) ORDER BY o.place)
          INTO k_account, k_pack, k_left, k_free, k_resource, k_user, k_expires, k_models FROM open_packs o;
        k_count := coalesce(array_length(k_pack, 1), 0);
        k_drawn := array_fill(0::bigint, ARRAY[greatest(k_count, 1)]);

        FOR i IN 1 .. array_length(v_new, 1) LOOP
            r := v_new[i];
            IF r.account_id IS DISTINCT FROM v_account THEN
                v_account := r.account_id; v_resource := NULL; v_seq := 0;
                WHILE k_first <= k_count AND k_account[k_first] < v_account LOOP k_first := k_first + 1; END LOOP;
            END IF;
            IF r.resource IS DISTINCT FROM v_resource THEN
                v_resource := r.resource;
                v_balance := posted_balance(v_account, v_resource);
            END IF;
            v_at := to_timestamp(r.reserved_at / 1000.0);
            v_need := r.charge; v_allocated := 0; v_unheld := r.reserved;
            v_parts := coalesce(jsonb_array_length(r.split), 0) / 2;
            v_written := coalesce(array_length(e_row, 1), 0);

            -- turn 0 .. v_parts-1: the hold's own split; then what was let in without a hold: unlimited packs;
            -- the last turn: all fitting packs in burn-down order.
            FOR v_turn IN 0 .. v_parts + 1 LOOP
                EXIT WHEN v_need = 0;
                IF v_turn < v_parts THEN
                    v_part := (r.split ->> (2 * v_turn + 1))::bigint;
                    v_unheld := v_unheld - v_part;
                END IF;
                CONTINUE WHEN v_turn = v_parts AND v_unheld <= 0;
                k := k_first;
                WHILE v_need > 0 AND k <= k_count AND k_account[k] = v_account LOOP
                    v_take := 0;
                    IF v_turn < v_parts THEN
                        IF k_pack[k] = (r.split ->> (2 * v_turn))::uuid THEN
                            v_take := least(v_part, k_left[k], v_need);
                        END IF;
                    ELSIF (v_turn > v_parts OR k_free[k] AND v_unheld > 0) AND k_resource[k] = r.resource AND (k_user[k] IS NULL OR k_user[k] = r.user_id)
                          AND (k_expires[k] IS NULL OR k_expires[k] > v_at)
                          AND (k_models -> (k - 1) = 'null'::jsonb OR (k_models -> (k - 1)) ? r.model) THEN
                        v_take := CASE WHEN v_turn = v_parts THEN least(v_unheld, v_need)
                                       WHEN k_free[k] THEN v_need ELSE least(k_left[k], v_need) END;
                        v_same := array_position(e_pack, k_pack[k], v_written + 1);
                        IF k_free[k] THEN -- an unlimited pack issues what it is drawn for, and nets zero
                            v_unheld := v_unheld - v_take;
                        END IF;
                        IF v_take > 0 AND v_same IS NOT NULL THEN -- one entry a pack: it pays more than its part
                            IF k_free[k] THEN
                                e_amount[v_same] := e_amount[v_same] + v_take;
                                e_delta[v_same] := e_delta[v_same] + v_take;
                                e_balance[v_same] := e_balance[v_same] + v_take;
                                v_same := v_same + 1; -- its usage follows what it issued
                            ELSE
                                k_left[k] := k_left[k] - v_take; k_drawn[k] := k_drawn[k] + v_take;
                                v_balance := v_balance - v_take;
                                FOR j IN v_same .. array_length(e_balance, 1) LOOP
                                    e_balance[j] := e_balance[j] - v_take;
                                END LOOP;
                            END IF;
                            e_amount[v_same] := e_amount[v_same] + v_take;
                            e_delta[v_same] := e_delta[v_same] - v_take;
                            IF k_user[k] IS NOT NULL THEN v_allocated := v_allocated + v_take; END IF;
                            v_need := v_need - v_take; v_take := 0;
                        ELSIF k_free[k] THEN
                            v_balance := v_balance + v_take; v_seq := v_seq + 1;
                            e_row := e_row || i; e_seq := e_seq || v_seq; e_kind := e_kind || 'auto_grant'::text;
                            e_amount := e_amount || v_take; e_delta := e_delta || v_take;
                            e_from := e_from || 'issued'::text; e_to := e_to || ('pack:' || k_pack[k]);
                            e_pack := e_pack || k_pack[k]; e_balance := e_balance || v_balance;
                        END IF;
                    END IF;
                    IF v_take > 0 THEN
                        IF NOT k_free[k] THEN
                            k_left[k] := k_left[k] - v_take; k_drawn[k] := k_drawn[k] + v_take;
                        END IF;
                        IF k_user[k] IS NOT NULL THEN v_allocated := v_allocated + v_take; END IF;
                        v_need := v_need - v_take; v_balance := v_balance - v_take; v_seq := v_seq + 1;
                        e_row := e_row || i; e_seq := e_seq || v_seq; e_kind := e_kind || 'usage'::text;
                        e_amount := e_amount || v_take; e_delta := e_delta || (0 - v_take);
                        e_from := e_from || ('pack:' || k_pack[k]); e_to := e_to || 'usage'::text;
                        e_pack := e_pack || k_pack[k]; e_balance := e_balance || v_balance;
                    END IF;
                    k := k + 1;
                END LOOP;
            END LOOP;
            IF v_need > 0 THEN
                v_balance := v_balance - v_need; v_seq := v_seq + 1;
                e_row := e_row || i; e_seq := e_seq || v_seq; e_kind := e_kind || 'overdraft'::text;
                e_amount := e_amount || v_need; e_delta := e_delta || (0 - v_need);
                e_from := e_from || 'debt'::text; e_to := e_to || 'usage'::text;
                e_pack := e_pack || NULL::uuid; e_balance := e_balance || v_balance;
            END IF;
            n_allocated := n_allocated || v_allocated; n_debt := n_debt || v_need;
        END LOOP;
        PERFORM book_settlements(v_new, v_now, k_pack, k_drawn, n_allocated, n_debt,
                                 e_row, e_seq, e_kind, e_amount, e_delta, e_from, e_to, e_pack, e_balance);
        IF EXISTS (SELECT 1 FROM spend_kept s WHERE s.account_id = ANY(v_accounts)) THEN PERFORM add_spend(v_new); END IF;
    END IF;

    -- An exact count, or a better estimate, for what was recovered before: rare, so one at a time.
    IF coalesce(array_length(v_new, 1), 0) < array_length(v_all, 1) THEN
        FOR r IN SELECT u.* FROM unnest(v_all) u WHERE u.source <> 'recovered' OR u.status = 'adopted'
                  ORDER BY u.account_id, u.request_id, (u.source = 'recovered') LOOP
            IF correct_event(r) THEN v_corrected := v_corrected || r.account_id; END IF;
        END LOOP;
    END IF;

    RETURN QUERY
        SELECT s.account_id, s.version, s.snapshot,
               (SELECT count(*) FROM unnest(v_all) u WHERE u.account_id = s.account_id)
             - (SELECT count(*) FROM unnest(v_new) u WHERE u.account_id = s.account_id),
               (SELECT count(*) FROM unnest(v_corrected) c WHERE c = s.account_id)
          FROM account_snapshots(v_accounts) s;
END $$;

-- book_settlements: the writes of one settle batch, each table once. The account locks are held by the caller.
CREATE OR REPLACE FUNCTION book_settlements(
    v_new settlement[], v_now timestamptz, k_pack uuid[], k_drawn bigint[], n_allocated bigint[], n_debt bigint[],
    e_row int[], e_seq int[], e_kind text[], e_amount bigint[], e_delta bigint[], e_from text[], e_to text[],
    e_pack uuid[], e_balance bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE packs p SET remaining = p.remaining - d.drawn
      FROM unnest(k_pack, k_drawn) d(pack_id, drawn) WHERE d.drawn > 0 AND p.pack_id = d.pack_id;

    UPDATE accounts a SET version = a.version + 1, changed_at = v_now
     WHERE a.account_id IN (SELECT u.account_id FROM unnest(v_new) u);

    IF EXISTS (SELECT 1 FROM unnest(n_debt) d WHERE d > 0) THEN
        INSERT INTO debts (account_id, request_id, resource, user_id, model, open)
        SELECT u.account_id, u.request_id, u.resource, u.user_id, u.model, d.debt
          FROM unnest(v_new) WITH ORDINALITY u JOIN unnest(n_debt) WITH ORDINALITY d(debt, place) ON d.place = u.ordinality
         WHERE d.debt > 0;
        INSERT INTO account_resources AS a (account_id, resource, debt)
        SELECT u.account_id, u.resource, sum(d.debt)
          FROM unnest(v_new) WITH ORDINALITY u JOIN unnest(n_debt) WITH ORDINALITY d(debt, place) ON d.place = u.ordinality
         WHERE d.debt > 0 GROUP BY 1, 2
        ON CONFLICT (account_id, resource) DO UPDATE SET debt = a.debt + EXCLUDED.debt;
    END IF;

    INSERT INTO events (day, request_id, account_id, version, at, reserved_at, user_id, key_id, endpoint, model, provider,
                        resource, reserved, charge, prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens,
                        counted_prompt_tokens, counted_completion_tokens, source, status, rates, rate_version,
                        allocated_amount, surplus_amount, debt_amount, session_id, reason, feature, cost, attempts,
                        duration_ms, idempotency_key, body_digest, details, split)
    SELECT uuid7_day(u.request_id), u.request_id, u.account_id, a.version, v_now, to_timestamp(u.reserved_at / 1000.0),
           u.user_id, u.key_id, u.endpoint, u.model, u.provider, u.resource, u.reserved, u.charge, u.prompt_tokens,
           u.cached_tokens, u.completion_tokens, u.reasoning_tokens, u.counted_prompt_tokens,
           u.counted_completion_tokens, u.source, u.status, u.rates, u.rate_version, n.allocated,
           u.charge - n.allocated, n.debt, u.session_id, u.reason, u.feature, u.cost, coalesce(u.attempts, '[]'),
           u.duration_ms, u.idempotency_key, u.body_digest, u.details, u.split
      FROM unnest(v_new) WITH ORDINALITY u
      JOIN unnest(n_allocated, n_debt) WITH ORDINALITY n(allocated, debt, place) ON n.place = u.ordinality
      JOIN accounts a ON a.account_id = u.account_id;

    INSERT INTO entries (day, account_id, version, seq, at, kind, resource, amount, delta, book_from, book_to,
                         balance_after, pack_id, request_id, user_id, key_id, model, service, session_id, reason,
                         prompt_tokens, completion_tokens, source)
    SELECT (v_now AT TIME ZONE 'UTC')::date, u.account_id, a.version, e.seq, v_now, e.kind, u.resource, e.amount, e.delta,
           e.book_from, e.book_to, e.balance, e.pack, u.request_id, u.user_id, u.key_id, u.model,
           coalesce(u.feature, u.endpoint), u.session_id, u.reason, u.prompt_tokens, u.completion_tokens, u.source
      FROM unnest(e_row, e_seq, e_kind, e_amount, e_delta, e_from, e_to, e_pack, e_balance)
           e(place, seq, kind, amount, delta, book_from, book_to, pack, balance)
      JOIN unnest(v_new) WITH ORDINALITY u ON u.ordinality = e.place
      JOIN accounts a ON a.account_id = u.account_id;
END $$;
