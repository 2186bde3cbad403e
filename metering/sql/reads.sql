-- Pages, series and single requests as people read them (metering/books/{pages,usage,trace}.py). What stands in braces is
-- put in there; all of it is our own text. Times are text, RFC 3339 in UTC with microseconds.

-- entries_page: ledger entries.
SELECT e.id::text, e.account_id::text, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), e.kind,
       e.amount, e.delta, e.book_from, e.book_to, e.version, e.seq, e.balance_after, e.prompt_tokens,
       e.completion_tokens, e.model, e.service, e.session_id, e.reason, e.pack_id::text, e.request_id::text, e.user_id,
       e.source, e.resource, {key}
  FROM entries e
 WHERE {where}
 ORDER BY {order}
 LIMIT {limit};

-- entries_total: how many entries there are, counted up to a limit.
SELECT count(*) FROM (SELECT 1 FROM entries e WHERE {where} LIMIT {limit}) t;

-- entries_probe: the requests that entries may be of, by the events' own indexes: those booked in the same time, and those
-- of the kinds that are booked later than their event. More than the limit: there are too many to be worth it.
SELECT request_id::text FROM (
    (SELECT e.request_id FROM events e WHERE {events}{order} LIMIT {limit})
    UNION ALL
    (SELECT e.request_id FROM entries e
      WHERE {entries} AND e.kind IN ('overdraft', 'repay', 'refund', 'correction') LIMIT {limit})) r
 LIMIT {limit};

-- odd_days: the days of requests that were not booked on their own day, in a time and of an account (null: all).
SELECT first_day, last_day FROM odd_days($1, $2, $3);

-- plain_events: usage events that can have no correction, as they were booked.
SELECT e.day, e.request_id, e.account_id, e.at, e.user_id, e.key_id, e.endpoint, e.model, e.provider, e.prompt_tokens,
       e.cached_tokens, e.completion_tokens, e.reasoning_tokens, e.charge, e.allocated_amount, e.resource, e.source,
       e.counted_prompt_tokens, e.counted_completion_tokens, e.status, e.session_id, e.reason, e.feature, e.cost,
       e.attempts, e.duration_ms, e.rates, e.details, NULL::timestamptz AS corrected_at, e.charge AS booked_charge,
       e.allocated_amount AS booked_allocated, e.prompt_tokens AS booked_prompt_tokens,
       e.completion_tokens AS booked_completion_tokens, e.source AS booked_source
  FROM events e WHERE e.source <> 'recovered';

-- recovered_events: the others, with the numbers that hold now; `booked_*` is what was booked first.
SELECT e.day, e.request_id, e.account_id, e.at, e.user_id, e.key_id, e.endpoint, e.model, e.provider,
       coalesce(c.prompt_tokens, e.prompt_tokens) AS prompt_tokens, e.cached_tokens,
       coalesce(c.completion_tokens, e.completion_tokens) AS completion_tokens, e.reasoning_tokens,
       e.charge + coalesce(c.delta, 0) AS charge,
       CASE WHEN c.request_id IS NULL THEN e.allocated_amount ELSE corrected_allocated(e, c) END AS allocated_amount,
       e.resource, coalesce(c.source, e.source) AS source, e.counted_prompt_tokens, e.counted_completion_tokens,
       e.status, e.session_id, e.reason, e.feature, coalesce(c.cost, e.cost) AS cost, e.attempts, e.duration_ms, e.rates,
       e.details, c.at AS corrected_at,
       e.charge AS booked_charge, e.allocated_amount AS booked_allocated, e.prompt_tokens AS booked_prompt_tokens,
       e.completion_tokens AS booked_completion_tokens, e.source AS booked_source
  FROM events e LEFT JOIN corrections c ON c.day = e.day AND c.request_id = e.request_id WHERE e.source = 'recovered';

-- whole_rows: one row a request.
SELECT e.*, NULL::text AS io_type, NULL::bigint AS amount FROM ({source}) e;

-- io_rows: two rows a request: what its input cost, and its output.
SELECT e.*, io.io_type, io.amount FROM ({source}) e
 CROSS JOIN LATERAL (VALUES
     ('input', input_amount(e.charge, e.prompt_tokens, e.cached_tokens, e.completion_tokens, e.rates, e.details)),
     ('output', e.charge - input_amount(e.charge, e.prompt_tokens, e.cached_tokens, e.completion_tokens, e.rates, e.details)))
     io(io_type, amount);

-- events_page: usage events: those that can have no correction, in the order of their indexes, and the few others.
SELECT e.request_id::text, e.account_id::text, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at,
       e.user_id, e.key_id::text, e.endpoint, e.model, e.provider, e.prompt_tokens, e.cached_tokens,
       e.completion_tokens, e.reasoning_tokens, e.charge, e.allocated_amount, e.resource, e.source,
       e.counted_prompt_tokens, e.counted_completion_tokens, e.status, e.session_id, e.reason, e.feature, e.cost,
       e.attempts::text, e.duration_ms,
       to_char(e.corrected_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS corrected_at, e.booked_charge,
       e.booked_allocated, e.booked_prompt_tokens, e.booked_completion_tokens, e.booked_source, e.io_type, e.amount, {key}
  FROM ((SELECT * FROM ({plain}) e WHERE {where} ORDER BY {order} LIMIT {limit})
        UNION ALL
        (SELECT * FROM ({recovered}) e WHERE {where} ORDER BY {order} LIMIT {limit})) e
 ORDER BY {order}
 LIMIT {limit};

-- events_total: how many events there are, counted up to a limit.
SELECT count(*) FROM ((SELECT 1 FROM ({plain}) e WHERE {where} LIMIT {limit})
                      UNION ALL
                      (SELECT 1 FROM ({recovered}) e WHERE {where} LIMIT {limit})) t;

-- read_plans: plan each page for its own values, and never read a partition whole.
SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_seqscan', 'off', true);

-- trace_facts: what the page of a request does not say: how it was reserved, and by which rates.
SELECT e.account_id::text, to_char(e.reserved_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS reserved_at,
       e.reserved, e.split::text, e.rates, e.rate_version, e.debt_amount, e.version, e.idempotency_key,
       (SELECT coalesce(sum(x.amount), 0)::bigint FROM entries x
         WHERE x.request_id = e.request_id AND x.account_id = e.account_id AND x.kind = 'refund') AS refunded
  FROM events e
 WHERE e.day = uuid7_day($1) AND e.request_id = $1 AND ($2::uuid IS NULL OR e.account_id = $2)
   AND (NOT $3::boolean OR e.user_id IS NOT DISTINCT FROM $4::text);
