-- The invariants of what is derived from the ledger for reading; the others are in invariants.sql.

-- rollups_equal_charges: an account's roll-ups are what its versions up to their mark have used, hour by hour.
WITH used AS (
    SELECT m.account_id, u.resource, slot_of(u.at, m.time_zone) AS slot, u.user_id, u.key_id, u.model, u.feature, u.endpoint,
           sum(u.requests) AS requests, sum(u.charge) AS charge, sum(u.allocated_amount) AS allocated_amount,
           sum(u.input_amount) AS input_amount, sum(u.prompt_tokens) AS prompt_tokens,
           sum(u.cached_tokens) AS cached_tokens, sum(u.completion_tokens) AS completion_tokens,
           sum(u.reasoning_tokens) AS reasoning_tokens, sum(u.cost) AS cost, sum(u.refunded) AS refunded,
           sum(u.images) AS images
      FROM rollup_marks m CROSS JOIN LATERAL usage_whole(m.account_id, 0, m.version) u
     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
)
SELECT account_id, resource, slot, user_id, key_id, model, feature, endpoint, u.charge, r.charge AS rolled
  FROM used u
  FULL JOIN (SELECT * FROM rollups WHERE dims = 6) r
       USING (account_id, resource, slot, user_id, key_id, model, feature, endpoint)
 WHERE (u.requests, u.charge, u.allocated_amount, u.input_amount, u.prompt_tokens, u.cached_tokens, u.completion_tokens,
        u.reasoning_tokens, u.cost, u.refunded, u.images)
       IS DISTINCT FROM (r.requests, r.charge, r.allocated_amount, r.input_amount, r.prompt_tokens, r.cached_tokens,
                         r.completion_tokens, r.reasoning_tokens, r.cost, r.refunded, r.images);

-- rollups_agree: all sets of roll-ups add up to the same, hour by hour.
SELECT account_id, resource, slot, min(charge) AS least, max(charge) AS most, count(*) AS sets
  FROM (SELECT account_id, resource, slot, dims, sum(requests) AS requests, sum(charge) AS charge,
               sum(allocated_amount) AS allocated_amount, sum(prompt_tokens + completion_tokens) AS tokens,
               sum(refunded) AS refunded
          FROM rollups WHERE dims < 10 GROUP BY 1, 2, 3, 4) s
 GROUP BY 1, 2, 3 HAVING count(*) <> 7 OR count(DISTINCT (requests, charge, allocated_amount, tokens, refunded)) <> 1;

-- days_are_hours: the roll-ups of a day are those of its hours, where there are any of days.
WITH hours AS (
    SELECT r.account_id, r.dims + 10 AS dims, r.resource, date_trunc('day', r.slot, m.days_zone) AS slot, r.user_id, r.key_id,
           r.model, r.feature, r.endpoint, sum(r.requests) AS requests, sum(r.charge) AS charge,
           sum(r.allocated_amount) AS allocated_amount, sum(r.input_amount) AS input_amount,
           sum(r.prompt_tokens) AS prompt_tokens, sum(r.cached_tokens) AS cached_tokens,
           sum(r.completion_tokens) AS completion_tokens, sum(r.reasoning_tokens) AS reasoning_tokens, sum(r.cost) AS cost,
           sum(r.refunded) AS refunded, sum(r.images) AS images
      FROM rollup_marks m JOIN rollups r ON r.account_id = m.account_id AND r.dims < 10
     WHERE m.days_zone IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
)
SELECT account_id, dims - 10 AS dims, resource, slot, user_id, key_id, model, feature, endpoint, h.charge,
       d.charge AS of_the_day
  FROM hours h
  FULL JOIN (SELECT * FROM rollups WHERE dims >= 10) d
       USING (account_id, dims, resource, slot, user_id, key_id, model, feature, endpoint)
 WHERE (h.requests, h.charge, h.allocated_amount, h.input_amount, h.prompt_tokens, h.cached_tokens, h.completion_tokens,
        h.reasoning_tokens, h.cost, h.refunded, h.images)
       IS DISTINCT FROM (d.requests, d.charge, d.allocated_amount, d.input_amount, d.prompt_tokens, d.cached_tokens,
                         d.completion_tokens, d.reasoning_tokens, d.cost, d.refunded, d.images);

-- spend_is_summed: the days of whoever has a limit of spend are the charges of what was reserved on them, with corrections and
-- less refunds, since the month in which they are summed (at most 60 days).
SELECT k.account_id, k.scope, k.subject, e.day, e.amount, s.amount AS summed
  FROM spend_kept k JOIN accounts a ON a.account_id = k.account_id CROSS JOIN LATERAL (
       SELECT (v.reserved_at AT TIME ZONE a.time_zone)::date AS day, sum(v.charge + coalesce(c.delta, 0)
              - coalesce((SELECT sum(x.amount) FROM entries x WHERE x.request_id = v.request_id AND x.kind = 'refund'), 0)) AS amount
         FROM events v LEFT JOIN corrections c ON c.day = v.day AND c.request_id = v.request_id
        WHERE v.account_id = k.account_id AND v.resource = a.unit AND v.reserved_at >= greatest(
              date_trunc('month', k.since AT TIME ZONE a.time_zone) AT TIME ZONE a.time_zone, clock_timestamp() - interval '60 days')
          AND (k.scope, k.subject) IN (SELECT w.scope, w.subject FROM spenders(v.user_id, v.key_id, v.model) w)
        GROUP BY 1) e
  LEFT JOIN spend_sums s ON (s.account_id, s.scope, s.subject, s.day) = (k.account_id, k.scope, k.subject, e.day)
 WHERE s.amount IS DISTINCT FROM e.amount AND e.day > (clock_timestamp() - interval '59 days')::date;
