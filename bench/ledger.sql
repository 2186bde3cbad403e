-- What bench/ledger.py fills a ledger with: $-parameters are put in by it. Months before this one need partitions of their
-- own; indexes are dropped while rows are made, and made again after, which is what a restored backup does too.

-- month: one month's partitions.
DO $do$ BEGIN
    IF to_regclass('{table}_{month}') IS NULL THEN
        CREATE TABLE {table}_{month} PARTITION OF {table} FOR VALUES FROM ('{first}') TO ('{next}');
        PERFORM guard_partition('{table}_{month}');
    END IF;
END $do$;

-- indexes: the indexes of events and entries that are no constraints.
SELECT c.relname, pg_get_indexdef(i.indexrelid)
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
 WHERE i.indrelid IN ('events'::regclass, 'entries'::regclass) AND NOT i.indisprimary ORDER BY 1;

-- events: requests $2 to $3 of account $1, one every so many milliseconds ($5) from $4 on, twenty a version. Members and
-- models are of unequal activity; sessions have some seven requests; a few are images, hybrid or recovered.
INSERT INTO events (day, request_id, account_id, version, at, reserved_at, user_id, key_id, endpoint, model, provider,
                    resource, reserved, charge, prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens,
                    counted_prompt_tokens, counted_completion_tokens, source, status, rates, rate_version,
                    allocated_amount, surplus_amount, debt_amount, session_id, reason, feature, attempts, duration_ms)
SELECT (to_timestamp(r.ms / 1000.0) AT TIME ZONE 'UTC')::date,
       (lpad(to_hex(r.ms), 12, '0') || '7' || substr(r.h, 1, 3) || '8' || substr(r.h, 4, 15))::uuid, $1::uuid, r.i / 20 + 2,
       to_timestamp(r.ms / 1000.0) + interval '1 second', to_timestamp(r.ms / 1000.0), 'member-' || r.member,
       md5('key' || r.member)::uuid, CASE WHEN r.x < 0.02 THEN 'images' WHEN r.x < 0.05 THEN 'embeddings' ELSE 'chat/completions' END,
       'model-' || floor(12 * r.y ^ 3)::int, 'p', CASE WHEN r.x < 0.02 THEN 'images' ELSE 'tokens' END, r.charge, r.charge,
       r.charge / 2, 0, r.charge - r.charge / 2, 0, r.charge / 2, r.charge - r.charge / 2,
       CASE WHEN r.i % 10007 = 0 THEN 'recovered' ELSE 'upstream' END, 'completed', '{1000000,1000000,1000000}', '1',
       r.allocated, r.charge - r.allocated, 0, CASE WHEN r.i % 2 = 0 THEN 'session-' || r.i / 14 END, 'chat/completions',
       CASE WHEN r.z < 0.3 THEN 'feature-' || floor(20 * r.z ^ 2 / 0.09)::int END, '[]', 1000
  FROM (SELECT q.*, CASE WHEN q.member % 10 <> 0 THEN 0 WHEN q.i % 1009 = 0 THEN q.charge / 2 ELSE q.charge END AS allocated
          FROM (SELECT i, md5($1::uuid::text || i) AS h, $4::bigint + (i * $5::float8)::bigint AS ms, floor(1000 * random() ^ 3)::int AS member,
                       random() AS x, random() AS y, random() AS z, 2 + (20 * exp(random() * 6))::bigint AS charge
                  FROM generate_series($2::bigint, $3::bigint) i OFFSET 0) q OFFSET 0) r;

-- entries: one for each of those requests, and a grant now and then.
INSERT INTO entries (day, account_id, version, seq, at, kind, resource, amount, delta, book_from, book_to, balance_after,
                     pack_id, request_id, user_id, key_id, model, service, session_id, reason, prompt_tokens,
                     completion_tokens, source)
SELECT (e.at AT TIME ZONE 'UTC')::date, e.account_id, e.version,
       -- a version that crosses midnight at the end of a month is written in two goes
       100 * extract(month FROM e.day) + row_number() OVER (PARTITION BY e.version ORDER BY e.request_id),
       e.at, CASE WHEN e.charge % 9973 = 0 THEN 'grant' ELSE 'usage' END, e.resource, e.charge, 0 - e.charge,
       'pack:' || p.pack_id, 'usage', 1000000, p.pack_id, e.request_id, e.user_id, e.key_id, e.model,
       coalesce(e.feature, e.endpoint), e.session_id, e.reason, e.prompt_tokens, e.completion_tokens, e.source
  FROM events e
 CROSS JOIN LATERAL (SELECT md5(CASE WHEN e.allocated_amount > 0 THEN 'own' ELSE 'pack' END || date_trunc('month', e.day)::text)::uuid AS pack_id) p
 WHERE e.account_id = $1 AND e.day >= $2 AND e.day < $3;

-- packs: the packs of those entries, a shared one and a member's own each month; $2, $3: the first months of both ends.
INSERT INTO packs (pack_id, account_id, resource, size, remaining, user_id)
SELECT md5(own || m::text)::uuid, $1, 'tokens', 1000000, 1000000, CASE own WHEN 'own' THEN 'member-0' END
  FROM generate_series($2::date::timestamptz, $3::date::timestamptz, '1 month') m, unnest(ARRAY['own', 'pack']) own
    ON CONFLICT DO NOTHING;
