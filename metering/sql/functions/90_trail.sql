-- leave_trail: one line of the trail, in the transaction of the change that it tells of. Who makes the change is said
-- once a transaction, in `farebox.actor` (metering/books/trail.py). Where nobody said it, it was a chore of a gateway,
-- or somebody at the database itself.
CREATE OR REPLACE FUNCTION leave_trail(
    p_action text, p_object text, p_object_id text, p_account uuid, p_before jsonb, p_after jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_actor  jsonb := nullif(current_setting('farebox.actor', true), '')::jsonb;
    v_nobody text := CASE current_setting('application_name') WHEN 'farebox' THEN 'server' ELSE 'database' END;
BEGIN
    INSERT INTO trail (actor_kind, actor, user_id, via, action, object, object_id, account_id, before, after, request_id)
    VALUES (coalesce(v_actor->>'kind', v_nobody),
            coalesce(v_actor->>'name', CASE v_nobody WHEN 'server' THEN 'gateway' ELSE session_user END),
            v_actor->>'user_id', coalesce(v_actor->>'via', v_nobody), p_action, p_object, p_object_id, p_account,
            p_before, p_after, (v_actor->>'request_id')::uuid);
END $$;

-- trail_row: the trigger of a watched table. Arguments: the object's name, the column of its id, what an INSERT is.
-- An update that changes nothing leaves nothing.
CREATE OR REPLACE FUNCTION trail_row() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    v_old     jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    v_new     jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    v_row     jsonb := coalesce(v_new, v_old);
    v_rotated boolean := coalesce(v_old->'digest' <> v_new->'digest', false);
    v_before  jsonb := v_old - 'digest';
    v_after   jsonb := v_new - 'digest';
    v_action  text := CASE TG_OP WHEN 'INSERT' THEN TG_ARGV[2] ELSE 'delete' END;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, v_new->o.key) INTO v_before, v_after
          FROM jsonb_each(v_old - '{digest,version,changed_at,next_at,granted_from}'::text[]) o WHERE o.value IS DISTINCT FROM v_new->o.key;
        IF v_before IS NULL AND NOT v_rotated THEN RETURN NULL; END IF;
        v_action := CASE
            WHEN v_rotated THEN 'rotate'
            WHEN v_before->'revoked_at' = 'null' THEN 'revoke'
            WHEN v_before->'closed_at' = 'null' THEN 'expire'
            WHEN v_before->'deleted_at' = 'null' THEN 'delete'
            WHEN v_before->'retired_at' = 'null' THEN 'retire'
            WHEN v_after->>'status' = 'deactivated' THEN 'deactivate'
            ELSE 'change' END;
    END IF;
    PERFORM leave_trail(v_action, TG_ARGV[0], v_row->>TG_ARGV[1], (v_row->>'account_id')::uuid, v_before, v_after);
    RETURN NULL;
END $$;

-- watch_table: let every change of a table leave a line, but for updates of `p_quiet` columns alone: those are the
-- meter's own, and the trigger is not called for them. A column that is added later is watched. Nothing is locked when the
-- triggers are there already: gateways migrate while others serve.
CREATE OR REPLACE FUNCTION watch_table(p_table text, p_object text, p_id text, p_insert text, p_quiet text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_columns text := (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                        WHERE a.attrelid = p_table::regclass AND a.attnum > 0 AND NOT a.attisdropped
                          AND a.attname <> ALL(p_quiet));
    v_call    text := format('FOR EACH ROW EXECUTE FUNCTION trail_row(%L, %L, %L)', p_object, p_id, p_insert);
    v_mark    text := left(md5(v_columns || v_call), 8);
    v_old     text;
BEGIN
    IF EXISTS (SELECT 1 FROM pg_trigger WHERE tgrelid = p_table::regclass AND tgname = 'trail_change_' || v_mark) THEN
        RETURN;
    END IF;
    FOR v_old IN SELECT tgname FROM pg_trigger WHERE tgrelid = p_table::regclass AND tgname ~ '^trail_(row|change)_' LOOP
        EXECUTE format('DROP TRIGGER %I ON %I', v_old, p_table);
    END LOOP;
    EXECUTE format('CREATE TRIGGER %I AFTER INSERT OR DELETE ON %I %s', 'trail_row_' || v_mark, p_table, v_call);
    EXECUTE format('CREATE TRIGGER %I AFTER UPDATE OF %s ON %I %s', 'trail_change_' || v_mark, v_columns, p_table, v_call);
END $$;

-- The watched tables. Of every other one tests/integration/api/test_trail.py says why it is not here.
SELECT watch_table('accounts', 'account', 'account_id', 'create', '{version,changed_at}');
SELECT watch_table('members', 'member', 'user_id', 'create', '{}');
SELECT watch_table('api_keys', 'key', 'key_id', 'create', '{last_used_at, version}');
SELECT watch_table('limits', 'limits', 'name', 'create', '{name}');
SELECT watch_table('packs', 'pack', 'pack_id', 'grant', '{remaining}');
SELECT watch_table('recurring_packs', 'recurring', 'recurring_id', 'create', '{next_at, granted_from}');
SELECT watch_table('resource_settings', 'resource', 'resource', 'create', '{}');
SELECT watch_table('features', 'feature', 'feature_key', 'create', '{changed_at}');
SELECT watch_table('feature_rates', 'rate', 'feature_key', 'create', '{}');
SELECT watch_table('prices', 'price', 'price_id', 'create', '{}');
