-- grant_pack: a new pack; it first repays, oldest first, the debts of requests that it would have fitted.
-- Granting the same pack_id again changes nothing. Returns the account's snapshot; no row: no such account.
CREATE OR REPLACE FUNCTION grant_pack(
    p_pack uuid, p_account uuid, p_resource text, p_size bigint, p_unlimited boolean, p_priority int, p_user text,
    p_models text[], p_note text, p_expires timestamptz, p_kind text)
RETURNS TABLE (account_id uuid, version bigint, snapshot text)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_left bigint := p_size;
    d      debts;
    v_take bigint;
    v_event events;
BEGIN
    PERFORM 1 FROM accounts a WHERE a.account_id = p_account FOR NO KEY UPDATE;
    IF NOT FOUND THEN RETURN; END IF;
    IF NOT EXISTS (SELECT 1 FROM packs k WHERE k.pack_id = p_pack) THEN
        PERFORM touch_account(p_account);
        INSERT INTO packs (pack_id, account_id, resource, unlimited, size, remaining, priority, user_id, models, note, expires_at)
        VALUES (p_pack, p_account, p_resource, p_unlimited, p_size, p_size, p_priority, p_user, p_models, p_note, p_expires);
        IF NOT p_unlimited THEN
            PERFORM book_entry(p_account, p_kind, p_resource, p_size, p_size, 'issued', 'pack:' || p_pack, p_pack, NULL, nullif(p_note, ''));
        END IF;
        FOR d IN SELECT * FROM debts o WHERE o.account_id = p_account AND o.resource = p_resource
                    AND (p_user IS NULL OR o.user_id = p_user) AND (p_models IS NULL OR o.model = ANY(p_models))
                  ORDER BY o.request_id LOOP
            EXIT WHEN v_left = 0;
            v_take := least(d.open, v_left); -- an unlimited pack has no v_left: all of it
            SELECT e.* INTO v_event FROM events e WHERE e.day = uuid7_day(d.request_id) AND e.request_id = d.request_id;
            IF v_event.request_id IS NULL THEN -- dropped by retention: the entry of its debt repeats what is needed
                SELECT x.request_id, x.user_id, x.key_id, x.model, x.service, x.session_id, x.reason, x.prompt_tokens,
                       x.completion_tokens, x.source
                  INTO v_event.request_id, v_event.user_id, v_event.key_id, v_event.model, v_event.endpoint,
                       v_event.session_id, v_event.reason, v_event.prompt_tokens, v_event.completion_tokens, v_event.source
                  FROM entries x
                 WHERE x.account_id = p_account AND x.request_id = d.request_id AND x.book_from = 'debt'
                 ORDER BY x.version, x.seq LIMIT 1;
            END IF;
            PERFORM repay_debt(p_account, d.request_id, p_resource, v_take);
            IF p_unlimited THEN
                PERFORM book_entry(p_account, 'auto_grant', p_resource, v_take, v_take, 'issued', 'pack:' || p_pack, p_pack, v_event, NULL);
            ELSE
                UPDATE packs SET remaining = remaining - v_take WHERE pack_id = p_pack;
            END IF;
            PERFORM book_entry(p_account, 'repay', p_resource, v_take, 0, 'pack:' || p_pack, 'debt', p_pack, v_event, NULL);
            v_left := v_left - v_take;
        END LOOP;
    END IF;
    RETURN QUERY SELECT * FROM account_snapshots(ARRAY[p_account]);
END $$;

-- close_pack: withdraw what is left of a pack, into `revoked` or `expired`. The account's lock is held.
CREATE OR REPLACE FUNCTION close_pack(p_pack packs, p_kind text) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM touch_account(p_pack.account_id);
    UPDATE packs SET closed_at = clock_timestamp(), remaining = CASE WHEN unlimited THEN NULL ELSE 0 END,
                     revoked_at = CASE WHEN p_kind = 'revoke' THEN clock_timestamp() ELSE revoked_at END
     WHERE pack_id = p_pack.pack_id;
    IF p_pack.remaining > 0 THEN
        PERFORM book_entry(p_pack.account_id, p_kind, p_pack.resource, p_pack.remaining, 0 - p_pack.remaining,
                           'pack:' || p_pack.pack_id, CASE p_kind WHEN 'revoke' THEN 'revoked' ELSE 'expired' END,
                           p_pack.pack_id, NULL, nullif(p_pack.note, ''));
    END IF;
END $$;

-- touch_account: a new version, also where no amount moves (settings, an empty pack closed, an unlimited pack).
CREATE OR REPLACE FUNCTION touch_account(p_account uuid) RETURNS void
LANGUAGE sql VOLATILE AS $$
    UPDATE accounts SET version = version + 1, changed_at = clock_timestamp() WHERE account_id = p_account;
    INSERT INTO account_changes (account_id, version) SELECT account_id, version FROM accounts WHERE account_id = p_account
$$;

-- revoke_pack: withdrawn at once; running requests settle on the next packs, else debt. Twice changes nothing.
CREATE OR REPLACE FUNCTION revoke_pack(p_pack uuid) RETURNS TABLE (account_id uuid, version bigint, snapshot text)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_account uuid;
    v_pack    packs;
BEGIN
    SELECT k.account_id INTO v_account FROM packs k WHERE k.pack_id = p_pack;
    IF v_account IS NULL THEN RETURN; END IF;
    PERFORM 1 FROM accounts a WHERE a.account_id = v_account FOR NO KEY UPDATE;
    SELECT k.* INTO v_pack FROM packs k WHERE k.pack_id = p_pack;
    IF v_pack.closed_at IS NULL THEN PERFORM close_pack(v_pack, 'revoke'); END IF;
    RETURN QUERY SELECT * FROM account_snapshots(ARRAY[v_account]);
END $$;

-- held_by_reservation: whether an open reservation, which may live longer than a request, has its amount on a pack.
CREATE OR REPLACE FUNCTION held_by_reservation(p_account uuid, p_pack uuid) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT 1 FROM reservations r
                    WHERE r.account_id = p_account AND r.status = 'open' AND r.split ? p_pack::text)
$$;

-- expire_packs: book the rest of packs that expired more than p_grace ago: no hold from before can be left.
-- At most p_limit accounts a call; several gateways may call at once. Returns the snapshots of changed accounts.
CREATE OR REPLACE FUNCTION expire_packs(p_grace interval, p_limit int)
RETURNS TABLE (account_id uuid, version bigint, snapshot text)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_accounts uuid[];
    v_pack     packs;
BEGIN
    SELECT array_agg(d.account_id) INTO v_accounts FROM (
        SELECT DISTINCT k.account_id FROM packs k
         WHERE k.closed_at IS NULL AND k.expires_at < clock_timestamp() - p_grace
           AND NOT held_by_reservation(k.account_id, k.pack_id) LIMIT p_limit) d;
    IF v_accounts IS NULL THEN RETURN; END IF;
    PERFORM 1 FROM accounts a WHERE a.account_id = ANY(v_accounts) ORDER BY a.account_id FOR NO KEY UPDATE;
    FOR v_pack IN SELECT k.* FROM packs k WHERE k.account_id = ANY(v_accounts) AND k.closed_at IS NULL
                     AND k.expires_at < clock_timestamp() - p_grace AND NOT held_by_reservation(k.account_id, k.pack_id)
                   ORDER BY k.account_id, k.pack_id LOOP
        PERFORM close_pack(v_pack, 'expire');
    END LOOP;
    RETURN QUERY SELECT * FROM account_snapshots(v_accounts);
END $$;

-- change_pack: note, priority and expiry are all that may change. p_set names the ones that do.
CREATE OR REPLACE FUNCTION change_pack(p_pack uuid, p_set text[], p_note text, p_priority int, p_expires timestamptz)
RETURNS TABLE (account_id uuid, version bigint, snapshot text)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_account uuid;
BEGIN
    SELECT k.account_id INTO v_account FROM packs k WHERE k.pack_id = p_pack;
    IF v_account IS NULL THEN RETURN; END IF;
    PERFORM 1 FROM accounts a WHERE a.account_id = v_account FOR NO KEY UPDATE;
    UPDATE packs k SET
        note = CASE WHEN 'note' = ANY(p_set) THEN p_note ELSE k.note END,
        priority = CASE WHEN 'priority' = ANY(p_set) THEN p_priority ELSE k.priority END,
        expires_at = CASE WHEN 'expires_at' = ANY(p_set) THEN p_expires ELSE k.expires_at END
     WHERE k.pack_id = p_pack;
    PERFORM touch_account(v_account);
    RETURN QUERY SELECT * FROM account_snapshots(ARRAY[v_account]);
END $$;
