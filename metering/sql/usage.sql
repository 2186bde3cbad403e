-- Series and sums of usage (metering/books/usage.py). What stands in braces is put in there; all of it is our own text.

-- usage_clock: an account's time zone and unit, and the hours of its clock that a time begins and ends in.
SELECT a.time_zone, a.unit, slot_of($2, a.time_zone), slot_of($3::timestamptz - interval '1 microsecond', a.time_zone)
  FROM accounts a WHERE a.account_id = $1;

-- usage_of_hours: the roll-ups of one set, by the hour.
SELECT * FROM rollups r WHERE r.account_id = $1 AND r.resource = $2 AND r.slot BETWEEN $3 AND $4 AND r.dims = {dims};

-- usage_of_whole_days: the same, by the day wherever a whole day is among them.
SELECT * FROM usage_of_days($1, $2, {dims}, $3, $4, $5);

-- usage_rolled: roll-ups, and what the account's versions above its mark add: exact, since both are seen at one moment.
SELECT r.slot, r.user_id, r.key_id, r.model, r.feature, r.endpoint, ''::text AS session_id, r.requests, r.charge,
       r.allocated_amount, r.input_amount, r.prompt_tokens, r.cached_tokens, r.completion_tokens, r.reasoning_tokens,
       r.cost, r.refunded
  FROM ({rollups}) r
 WHERE {rolled}
UNION ALL
SELECT slot_of(t.at, $5), t.user_id, t.key_id, t.model, t.feature, t.endpoint, '', t.requests, t.charge,
       t.allocated_amount, t.input_amount, t.prompt_tokens, t.cached_tokens, t.completion_tokens, t.reasoning_tokens,
       t.cost, t.refunded
  FROM accounts a
  LEFT JOIN rollup_marks m ON m.account_id = a.account_id
 CROSS JOIN LATERAL usage_moved(a.account_id, coalesce(m.version, 0), a.version) t
 WHERE a.account_id = $1 AND t.resource = $2 AND slot_of(t.at, $5) BETWEEN $3 AND $4 AND {tail};

-- usage_counted: the same from the events themselves, for what roll-ups do not know.
SELECT slot_of(e.at, {zone}), coalesce(e.user_id, ''), coalesce(e.key_id::text, ''), e.model, coalesce(e.feature, ''),
       e.endpoint, coalesce(e.session_id, ''), 1::bigint, e.charge, e.allocated_amount,
       input_amount(e.charge, e.prompt_tokens, e.cached_tokens, e.completion_tokens, e.rates, e.details), e.prompt_tokens,
       e.cached_tokens, e.completion_tokens, e.reasoning_tokens, coalesce(e.cost, 0), coalesce(f.amount, 0)
  FROM ((SELECT * FROM ({plain}) e WHERE {where}) UNION ALL (SELECT * FROM ({recovered}) e WHERE {where})) e
  LEFT JOIN (SELECT x.request_id, sum(x.amount)::bigint AS amount FROM entries x
              WHERE x.account_id = {account} AND x.kind = 'refund' GROUP BY 1) f ON f.request_id = e.request_id;

-- usage_series: points of a series: sums by period and group. What a period is called is found out once for each period.
WITH p AS MATERIALIZED (
    SELECT {period} AS period, {groups}sum(requests)::bigint AS requests, sum(charge)::bigint AS charge,
           sum(allocated_amount)::bigint AS allocated_amount, sum(input_amount)::bigint AS input_amount,
           sum(prompt_tokens)::bigint AS prompt_tokens, sum(cached_tokens)::bigint AS cached_tokens,
           sum(completion_tokens)::bigint AS completion_tokens, sum(reasoning_tokens)::bigint AS reasoning_tokens,
           sum(cost)::bigint AS cost, sum(refunded)::bigint AS refunded
      FROM ({rows}) m(slot, user_id, key_id, model, feature, endpoint, session_id, requests, charge, allocated_amount,
                      input_amount, prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens, cost, refunded)
     GROUP BY 1{by}
), named AS MATERIALIZED (
    SELECT p.period, {at} AS at, {label} AS label FROM (SELECT DISTINCT period FROM p) p
)
SELECT to_char(s.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, s.period, {groups}s.requests,
       s.charge, s.allocated_amount, s.charge - s.allocated_amount AS surplus_amount, s.input_amount,
       s.charge - s.input_amount AS output_amount, s.prompt_tokens, s.cached_tokens, s.completion_tokens,
       s.reasoning_tokens, s.cost, s.refunded, {key}
  FROM (SELECT named.at, named.label AS period, {groups}p.requests, p.charge, p.allocated_amount, p.input_amount,
               p.prompt_tokens, p.cached_tokens, p.completion_tokens, p.reasoning_tokens, p.cost, p.refunded
          FROM p JOIN named USING (period)
         WHERE requests <> 0 OR charge <> 0 OR refunded <> 0) s
 WHERE {after}
 ORDER BY {order}
 LIMIT {limit};

-- usage_sums: all that an account has used, by resource; $2: only of the member $3.
SELECT u.resource, sum(u.requests)::bigint AS requests, sum(u.charge)::bigint AS charge,
       sum(u.prompt_tokens + u.completion_tokens)::bigint AS tokens, sum(u.refunded)::bigint AS refunded,
       sum(u.images)::bigint AS images
  FROM (SELECT r.resource, r.requests, r.charge, r.prompt_tokens, r.completion_tokens, r.refunded, r.images
          FROM rollup_marks m JOIN rollups r ON r.account_id = m.account_id
         WHERE m.account_id = $1
           AND r.dims = CASE WHEN $2::boolean THEN 1 ELSE 0 END + CASE WHEN m.days_zone IS NULL THEN 0 ELSE 10 END
           AND (NOT $2 OR r.user_id = coalesce($3::text, ''))
        UNION ALL
        SELECT t.resource, t.requests, t.charge, t.prompt_tokens, t.completion_tokens, t.refunded, t.images
          FROM accounts a
          LEFT JOIN rollup_marks m ON m.account_id = a.account_id
         CROSS JOIN LATERAL usage_moved(a.account_id, coalesce(m.version, 0), a.version) t
         WHERE a.account_id = $1 AND (NOT $2 OR t.user_id = coalesce($3, ''))) u
 GROUP BY u.resource ORDER BY u.resource;

-- rollups_due: accounts whose newest versions are not in their roll-ups, or whose time zone has changed.
SELECT a.account_id::text FROM accounts a LEFT JOIN rollup_marks m ON m.account_id = a.account_id
 WHERE m.version IS DISTINCT FROM a.version OR m.time_zone IS DISTINCT FROM a.time_zone
    OR m.days_zone IS DISTINCT FROM a.time_zone
 ORDER BY a.changed_at LIMIT $1;

-- roll_next: take the next versions of an account into its roll-ups, about $2 requests.
SELECT more FROM roll_account($1, $2);

-- months_due: the months whose events are older than $1 months, and not dropped yet, oldest first.
SELECT m.month FROM (
    SELECT to_date(right(c.relname, 6), 'YYYYMM') AS month
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'events'::regclass AND c.relname ~ '^events_[0-9]{6}$') m
 WHERE m.month + interval '1 month' <= (clock_timestamp() AT TIME ZONE 'UTC') - make_interval(months => $1)
   AND m.month NOT IN (SELECT month FROM dropped_months)
 ORDER BY 1;

-- month_drop: drop the events of a month, their sums kept.
SELECT drop_month($1) AS dropped;
