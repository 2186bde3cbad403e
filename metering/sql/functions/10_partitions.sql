-- guard_partition: TRUNCATE of a single partition is refused too; the table's own trigger does not cover it.
CREATE OR REPLACE FUNCTION guard_partition(p_name text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_trigger WHERE tgrelid = p_name::regclass AND tgname = p_name || '_no_truncate') THEN
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()',
                       p_name || '_no_truncate', p_name);
    END IF;
END $$;

-- make_partitions: monthly partitions of events and entries around today, so that a row always finds one.
-- A default partition takes what a skewed clock puts elsewhere: a late row is never refused.
CREATE OR REPLACE FUNCTION make_partitions(p_months_ahead int) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_table text;
    v_month date;
    v_name text;
BEGIN
    FOREACH v_table IN ARRAY ARRAY['events', 'entries'] LOOP
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I DEFAULT', v_table || '_default', v_table);
        PERFORM guard_partition(v_table || '_default');
        FOR k IN -1 .. p_months_ahead LOOP
            v_month := (date_trunc('month', (clock_timestamp() AT TIME ZONE 'UTC')) + make_interval(months => k))::date;
            v_name := v_table || to_char(v_month, '_YYYYMM');
            CONTINUE WHEN to_regclass(v_name) IS NOT NULL;
            BEGIN
                EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                               v_name, v_table, v_month, (v_month + interval '1 month')::date);
                PERFORM guard_partition(v_name);
            EXCEPTION WHEN check_violation THEN
                -- The default partition already holds rows of that month: they stay there, whole.
                RAISE WARNING 'partition % not made: rows of that month are in the default partition', v_name;
            END;
        END LOOP;
    END LOOP;
END $$;
