-- spend_day_start: the first moment of a day in a time zone. Where clocks are set back at midnight, that is the earlier
-- of two; where they are set forward, there is none at midnight, and the day begins when they are.
CREATE OR REPLACE FUNCTION spend_day_start(p_zone text, p_day date) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT coalesce(min(t.at) FILTER (WHERE (t.at AT TIME ZONE p_zone)::date = p_day), p_day::timestamp AT TIME ZONE p_zone)
      FROM (SELECT (p_day::timestamp AT TIME ZONE p_zone) - make_interval(mins => 30 * n) FROM generate_series(0, 4) n) t(at)
$$;

-- spend_windows: the day and the month that a moment lies in, in milliseconds: day, its end, month, its end.
CREATE OR REPLACE FUNCTION spend_windows(p_zone text, p_at timestamptz) RETURNS bigint[]
LANGUAGE sql STABLE AS $$
    SELECT ARRAY(
        SELECT (extract(epoch FROM spend_day_start(p_zone, v.edge::date)) * 1000)::bigint
          FROM (SELECT date_trunc('day', p_at AT TIME ZONE p_zone) AS day, date_trunc('month', p_at AT TIME ZONE p_zone) AS month) l
         CROSS JOIN LATERAL (VALUES (1, l.day), (2, l.day + interval '1 day'), (3, l.month), (4, l.month + interval '1 month'))
               v(place, edge)
         ORDER BY v.place)
$$;

-- limits_of: what a request of a key has to obey, or null: JSON {"rules": [[tag, limits], …], "windows": [day, its end,
-- month, its end] | null}. Tags: "a" the account, "k:<key>", "u:<member>", "m:<model>". Windows are there with a limit of spend.
CREATE OR REPLACE FUNCTION limits_of(p_account uuid, p_zone text, p_user text, p_key uuid, p_own jsonb) RETURNS text
LANGUAGE sql VOLATILE AS $$
    WITH rules AS (
        SELECT 'k:' || p_key AS tag, p_own AS limits WHERE p_own <> '{}'
        UNION ALL
        SELECT CASE l.scope WHEN 'account' THEN 'a' WHEN 'member' THEN 'u:' || l.subject ELSE 'm:' || l.subject END, l.limits
          FROM limits l WHERE l.account_id = p_account AND (l.scope <> 'member' OR l.subject = p_user))
    SELECT json_build_object(
        'rules', json_agg(json_build_array(tag, limits)),
        'windows', CASE WHEN bool_or(limits ?| ARRAY['spend_per_day', 'spend_per_month'])
                        THEN spend_windows(p_zone, clock_timestamp()) END)::text
      FROM rules HAVING count(*) > 0
$$;

-- spenders: whom a charge counts for.
CREATE OR REPLACE FUNCTION spenders(p_user text, p_key uuid, p_model text) RETURNS TABLE (scope text, subject text)
LANGUAGE sql IMMUTABLE AS $$
    VALUES ('account', ''), ('member', p_user), ('key', p_key::text), ('model', p_model)
$$;

-- keep_spend: begin or end to sum the spend of somebody whose limits have changed. The account's lock keeps settlements
-- away until it is done: what they book is in the sum once.
CREATE OR REPLACE FUNCTION keep_spend(p_account uuid, p_scope text, p_subject text, p_limits jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM 1 FROM accounts WHERE account_id = p_account FOR NO KEY UPDATE;
    IF p_limits ?| ARRAY['spend_per_day', 'spend_per_month'] THEN
        INSERT INTO spend_kept (account_id, scope, subject) VALUES (p_account, p_scope, p_subject) ON CONFLICT DO NOTHING;
        IF FOUND THEN PERFORM sum_spend(p_account, p_scope, p_subject); END IF;
    ELSE
        DELETE FROM spend_kept WHERE account_id = p_account AND scope = p_scope AND subject = p_subject;
        DELETE FROM spend_sums WHERE account_id = p_account AND scope = p_scope AND subject = p_subject;
    END IF;
END $$;

-- sum_spend: the days of this month from the events. They are found by when they were booked, which is later than when
-- they were reserved, but for clocks that differ.
CREATE OR REPLACE FUNCTION sum_spend(p_account uuid, p_scope text, p_subject text) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_unit  text;
    v_zone  text;
    v_since timestamptz;
BEGIN
    SELECT unit, time_zone, to_timestamp((spend_windows(time_zone, clock_timestamp()))[3] / 1000.0)
      INTO v_unit, v_zone, v_since FROM accounts WHERE account_id = p_account;
    INSERT INTO spend_sums (account_id, scope, subject, day, amount)
    SELECT p_account, p_scope, p_subject, (e.reserved_at AT TIME ZONE v_zone)::date,
           sum(e.charge + coalesce(c.delta, 0) - coalesce(r.amount, 0))
      FROM events e
      LEFT JOIN corrections c ON c.day = e.day AND c.request_id = e.request_id
      LEFT JOIN (SELECT x.request_id, sum(x.amount) AS amount FROM entries x
                  WHERE x.account_id = p_account AND x.kind = 'refund' AND x.at >= v_since - interval '1 hour'
                  GROUP BY x.request_id) r ON r.request_id = e.request_id
     WHERE e.account_id = p_account AND e.at >= v_since - interval '1 hour' AND e.reserved_at >= v_since
       AND e.resource = v_unit
       AND CASE p_scope WHEN 'member' THEN e.user_id = p_subject WHEN 'key' THEN e.key_id::text = p_subject
                        WHEN 'model' THEN e.model = p_subject ELSE true END
     GROUP BY 4;
END $$;

-- sum_spend_again: an account's days begin at other moments now. What was forgiven counts again.
CREATE OR REPLACE FUNCTION sum_spend_again(p_account uuid) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    DELETE FROM spend_sums WHERE account_id = p_account;
    UPDATE spend_kept SET since = clock_timestamp() WHERE account_id = p_account;
    PERFORM sum_spend(k.account_id, k.scope, k.subject) FROM spend_kept k WHERE k.account_id = p_account;
END $$;

-- add_spend: what a settle batch has charged. The account locks are held by the caller.
CREATE OR REPLACE FUNCTION add_spend(v_new settlement[]) RETURNS void
LANGUAGE sql VOLATILE AS $$
    INSERT INTO spend_sums AS s (account_id, scope, subject, day, amount)
    SELECT u.account_id, k.scope, k.subject, (to_timestamp(u.reserved_at / 1000.0) AT TIME ZONE a.time_zone)::date, sum(u.charge)
      FROM unnest(v_new) u
      JOIN accounts a ON a.account_id = u.account_id AND a.unit = u.resource
     CROSS JOIN LATERAL spenders(u.user_id, u.key_id, u.model) w
      JOIN spend_kept k ON k.account_id = u.account_id AND k.scope = w.scope AND k.subject = w.subject
     GROUP BY 1, 2, 3, 4
    ON CONFLICT (account_id, scope, subject, day) DO UPDATE SET amount = s.amount + EXCLUDED.amount
$$;

-- shift_spend: a correction or a refund of one request. The account's lock is held by the caller.
CREATE OR REPLACE FUNCTION shift_spend(p_event events, p_delta bigint) RETURNS void
LANGUAGE sql VOLATILE AS $$
    UPDATE spend_sums s SET amount = s.amount + p_delta
      FROM accounts a, spenders(p_event.user_id, p_event.key_id, p_event.model) w
     WHERE a.account_id = p_event.account_id AND a.unit = p_event.resource AND s.account_id = a.account_id
       AND s.scope = w.scope AND s.subject = w.subject AND s.day = (p_event.reserved_at AT TIME ZONE a.time_zone)::date
$$;

-- Keys that had a limit of spend before it was obeyed.
SELECT keep_spend(k.account_id, 'key', k.key_id::text, k.limits) FROM api_keys k
 WHERE k.limits ?| ARRAY['spend_per_day', 'spend_per_month'] AND NOT EXISTS (
       SELECT 1 FROM spend_kept s WHERE s.account_id = k.account_id AND s.scope = 'key' AND s.subject = k.key_id::text);
