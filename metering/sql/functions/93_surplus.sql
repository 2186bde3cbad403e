-- step_bounds: the borders of steps ('hour', 'day', 'month') of a time zone between two moments, both of which are the
-- first and the last border. Days and months begin at their first moment; hours are those of the clocks on the wall.
CREATE OR REPLACE FUNCTION step_bounds(p_from timestamptz, p_to timestamptz, p_step text, p_zone text) RETURNS timestamptz[]
LANGUAGE sql STABLE AS $$
    SELECT array_agg(b.at ORDER BY b.at)
      FROM (SELECT p_from AS at UNION SELECT p_to
            UNION
            SELECT h FROM generate_series(date_trunc('hour', p_from, p_zone), p_to, interval '1 hour') h
             WHERE p_step = 'hour' AND h > p_from AND h < p_to
            UNION
            SELECT month_start(d::date, p_zone)
              FROM generate_series(date_trunc(p_step, p_from AT TIME ZONE p_zone), p_to AT TIME ZONE p_zone,
                                   ('1 ' || p_step)::interval) d
             WHERE p_step <> 'hour' AND month_start(d::date, p_zone) > p_from AND month_start(d::date, p_zone) < p_to) b
$$;

-- surplus_effect: what an entry does to the surplus pool: the account's shared packs less its debt. An allocated pack
-- that repays debt moves its amount into the surplus; nothing else crosses from one pool to the other.
CREATE OR REPLACE FUNCTION surplus_effect(p_kind text, p_amount bigint, p_delta bigint, p_member text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_kind = 'repay' THEN CASE WHEN p_member IS NULL THEN 0 ELSE p_amount END
                WHEN p_member IS NULL THEN p_delta ELSE 0 END
$$;
