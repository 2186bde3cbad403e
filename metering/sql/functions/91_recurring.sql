-- Packs granted by schedule, once a period, however many gateways look and however long none did.

-- recurring_day: the first day of period number p_number, counted from p_start. Months are counted from the start and
-- not from each other: one that starts on the 31st begins on February 28th and then on March 31st.
CREATE OR REPLACE FUNCTION recurring_day(p_period text, p_start date, p_number int) RETURNS date
LANGUAGE sql IMMUTABLE AS $$
    SELECT (p_start + CASE p_period WHEN 'month' THEN make_interval(months => p_number)
                                    WHEN 'week' THEN make_interval(weeks => p_number)
                                    ELSE make_interval(days => p_number) END)::date
$$;

-- recurring_number: the number of the period that p_now is in; negative before the first.
CREATE OR REPLACE FUNCTION recurring_number(p_period text, p_start date, p_zone text, p_now timestamptz) RETURNS int
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_today date := (p_now AT TIME ZONE p_zone)::date;
    n       int;
BEGIN
    n := CASE p_period
        WHEN 'month' THEN 12 * (extract(year FROM v_today) - extract(year FROM p_start))::int
                        + (extract(month FROM v_today) - extract(month FROM p_start))::int
        WHEN 'week' THEN floor((v_today - p_start) / 7.0)::int
        ELSE v_today - p_start END;
    -- The moments decide, not the days: where clocks are put back at midnight a day begins once and is left again.
    WHILE month_start(recurring_day(p_period, p_start, n), p_zone) > p_now LOOP n := n - 1; END LOOP;
    WHILE month_start(recurring_day(p_period, p_start, n + 1), p_zone) <= p_now LOOP n := n + 1; END LOOP;
    RETURN n;
END $$;

-- grant_period: the pack of one period, unless that has one. The account's lock is held.
CREATE OR REPLACE FUNCTION grant_period(r recurring_packs, p_day date, p_ends timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_pack uuid := uuid7();
BEGIN
    IF (SELECT coalesce(sum(k.remaining), 0) + r.size > 4503599627370496 FROM packs k
         WHERE k.account_id = r.account_id AND k.resource = r.resource AND k.closed_at IS NULL) THEN
        v_pack := NULL; -- amounts above 2^52 are not exact in Redis
    END IF;
    INSERT INTO recurring_grants (recurring_id, account_id, period_start, pack_id)
    VALUES (r.recurring_id, r.account_id, p_day, v_pack) ON CONFLICT DO NOTHING;
    IF FOUND AND v_pack IS NOT NULL THEN
        PERFORM grant_pack(v_pack, r.account_id, r.resource, r.size, false, r.priority::int, r.user_id, r.models, r.note,
                           CASE WHEN NOT r.rollover THEN p_ends END, 'grant');
    END IF;
END $$;

-- grant_periods: every period of one schedule that has begun by p_now, has no pack yet, and whose pack would still be
-- live. Then it says when to look next. The account's lock is held.
CREATE OR REPLACE FUNCTION grant_periods(r recurring_packs, p_zone text, p_now timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_now  int := recurring_number(r.period, r.starts_on, p_zone, p_now);
    v_from int;
    v_day  date;
    v_next date;
BEGIN
    -- A pack that expired with its period would be dead at its grant; one that rolls over is still wanted.
    v_from := CASE WHEN r.rollover
                   THEN recurring_number(r.period, r.starts_on, p_zone, month_start(r.granted_from, p_zone)) ELSE v_now END;
    FOR n IN greatest(v_from, 0) .. v_now LOOP
        v_day := recurring_day(r.period, r.starts_on, n);
        EXIT WHEN v_day >= r.ends_on;
        CONTINUE WHEN v_day < r.granted_from;
        PERFORM grant_period(r, v_day, month_start(recurring_day(r.period, r.starts_on, n + 1), p_zone));
    END LOOP;
    v_next := recurring_day(r.period, r.starts_on, greatest(v_now + 1, 0));
    UPDATE recurring_packs k
       SET next_at = CASE WHEN v_next < r.ends_on OR r.ends_on IS NULL THEN month_start(v_next, p_zone) END
     WHERE k.recurring_id = r.recurring_id;
END $$;

-- grant_recurring: the packs of all schedules that are due at p_now, of at most p_limit schedules a call, or of
-- p_only alone. Several gateways may call at once. Returns the snapshots of the accounts that were looked at.
CREATE OR REPLACE FUNCTION grant_recurring(p_now timestamptz, p_limit int, p_only uuid DEFAULT NULL)
RETURNS TABLE (account_id uuid, version bigint, snapshot text)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_due      uuid[];
    v_accounts uuid[];
    d          record;
BEGIN
    SELECT array_agg(q.recurring_id), array_agg(DISTINCT q.account_id) INTO v_due, v_accounts
      FROM (SELECT k.recurring_id, k.account_id FROM recurring_packs k
             WHERE k.next_at <= p_now AND NOT k.paused AND (p_only IS NULL OR k.recurring_id = p_only) ORDER BY k.next_at LIMIT p_limit) q;
    IF v_due IS NULL THEN RETURN; END IF;
    PERFORM 1 FROM accounts a WHERE a.account_id = ANY(v_accounts) ORDER BY a.account_id FOR NO KEY UPDATE;
    -- Read anew under the locks: another gateway may have been here.
    FOR d IN SELECT k AS recurring, a.time_zone FROM recurring_packs k JOIN accounts a ON a.account_id = k.account_id
              WHERE k.recurring_id = ANY(v_due) AND k.next_at <= p_now AND NOT k.paused AND k.deleted_at IS NULL
              ORDER BY k.account_id, k.recurring_id LOOP
        PERFORM grant_periods(d.recurring, d.time_zone, p_now);
    END LOOP;
    RETURN QUERY SELECT s.account_id, s.version, s.snapshot FROM account_snapshots(v_accounts) s;
END $$;
