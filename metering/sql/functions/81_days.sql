-- whole_days: the days of an account, within the hours p_first to p_last of its clock, of which roll-ups are there: where
-- the first begins and the last ends. Without one both are the end of the last hour.
CREATE OR REPLACE FUNCTION whole_days(p_account uuid, p_first timestamptz, p_last timestamptz, p_zone text)
RETURNS TABLE (first timestamptz, next timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN w.there THEN d.first ELSE d.until END, CASE WHEN w.there THEN d.next ELSE d.until END
      FROM rollup_marks m
     CROSS JOIN LATERAL (SELECT (p_first AT TIME ZONE p_zone)::date AS day, p_last + interval '1 hour' AS until) p
     CROSS JOIN LATERAL (SELECT month_start(p.day + (month_start(p.day, p_zone) < p_first)::int, p_zone) AS first,
                                month_start((p.until AT TIME ZONE p_zone)::date, p_zone) AS next, p.until) d
     CROSS JOIN LATERAL (SELECT m.days_zone IS NOT DISTINCT FROM p_zone AND d.first < d.next AS there) w
     WHERE m.account_id = p_account
$$;

-- usage_of_days: the roll-ups of one set, for the hours p_first to p_last: by the day wherever a whole one is among them.
CREATE OR REPLACE FUNCTION usage_of_days(p_account uuid, p_resource text, p_dims int, p_first timestamptz,
                                         p_last timestamptz, p_zone text) RETURNS SETOF rollups
LANGUAGE sql STABLE AS $$
    SELECT r.* FROM whole_days(p_account, p_first, p_last, p_zone) d, rollups r
     WHERE r.account_id = p_account AND r.dims = p_dims AND r.resource = p_resource
       AND r.slot >= p_first AND r.slot <= p_last AND r.slot < d.first
    UNION ALL
    SELECT r.* FROM whole_days(p_account, p_first, p_last, p_zone) d, rollups r
     WHERE r.account_id = p_account AND r.dims = p_dims + 10 AND r.resource = p_resource
       AND r.slot >= d.first AND r.slot < d.next
    UNION ALL
    SELECT r.* FROM whole_days(p_account, p_first, p_last, p_zone) d, rollups r
     WHERE r.account_id = p_account AND r.dims = p_dims AND r.resource = p_resource
       AND r.slot >= d.next AND r.slot <= p_last
$$;

-- roll_days: make an account's roll-ups by the day anew, from those by the hour.
CREATE OR REPLACE FUNCTION roll_days(p_account uuid, p_zone text) RETURNS void
LANGUAGE sql VOLATILE AS $$
    DELETE FROM rollups r WHERE r.account_id = p_account AND r.dims >= 10;
    INSERT INTO rollups (account_id, dims, resource, slot, user_id, key_id, model, feature, endpoint, requests, charge,
                         allocated_amount, input_amount, prompt_tokens, cached_tokens, completion_tokens,
                         reasoning_tokens, cost, refunded, images)
    SELECT r.account_id, r.dims + 10, r.resource, date_trunc('day', r.slot, p_zone), r.user_id, r.key_id, r.model,
           r.feature, r.endpoint, sum(r.requests), sum(r.charge), sum(r.allocated_amount), sum(r.input_amount),
           sum(r.prompt_tokens), sum(r.cached_tokens), sum(r.completion_tokens), sum(r.reasoning_tokens), sum(r.cost),
           sum(r.refunded), sum(r.images)
      FROM rollups r WHERE r.account_id = p_account AND r.dims < 10
     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
$$;
