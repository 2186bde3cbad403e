-- The price table and the rates of features.

-- tariff_mark: a text that changes whenever what is in force does, also when a row begins to be valid.
SELECT concat_ws(' ',
    (SELECT concat_ws(' ', count(*), count(*) FILTER (WHERE valid_from <= statement_timestamp())) FROM prices),
    (SELECT concat_ws(' ', count(*), count(*) FILTER (WHERE valid_from <= statement_timestamp())) FROM feature_rates),
    (SELECT concat_ws(' ', count(*), max(changed_at)) FROM features));

-- prices_now: the prices in force, one a model, service tier and threshold.
SELECT * FROM (
    SELECT DISTINCT ON (model, service_tier, above_prompt_tokens)
           price_id::text, model, service_tier, above_prompt_tokens, input, cached_input, cache_write, completion, reasoning,
           image, audio, image_completion, audio_completion, images, ended, source,
           to_char(valid_from AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS valid_from,
           to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_at
      FROM prices WHERE valid_from <= statement_timestamp()
     ORDER BY model, service_tier, above_prompt_tokens, prices.valid_from DESC, prices.price_id DESC) p
 WHERE NOT ended ORDER BY model, service_tier, above_prompt_tokens;

-- prices_page: all rows older than $1 (null: the newest), of the model $2 (null: any), newest first.
SELECT price_id::text, model, service_tier, above_prompt_tokens, input, cached_input, cache_write, completion, reasoning,
       image, audio, image_completion, audio_completion, images, ended, source,
       to_char(valid_from AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  FROM prices
 WHERE price_id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff') AND ($2::text IS NULL OR model = $2)
 ORDER BY price_id DESC LIMIT $3;

-- price_add: a new row; valid from now where no date is given ($17). No row: that date is in the past.
INSERT INTO prices (price_id, model, service_tier, above_prompt_tokens, input, cached_input, cache_write, completion,
                    reasoning, image, audio, image_completion, audio_completion, images, ended, source, valid_from)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, coalesce($17, statement_timestamp())
 WHERE coalesce($17, statement_timestamp()) >= statement_timestamp()
RETURNING price_id::text, model, service_tier, above_prompt_tokens, input, cached_input, cache_write, completion, reasoning,
       image, audio, image_completion, audio_completion, images, ended, source,
       to_char(valid_from AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- prices_lock: let one import at a time read the table and write to it.
LOCK TABLE prices IN SHARE ROW EXCLUSIVE MODE;

-- feature_add: a new feature; no row when its key is taken.
INSERT INTO features (feature_key, name, note) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING feature_key;

-- feature_get: one feature.
SELECT feature_key, name, note,
       to_char(retired_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  FROM features WHERE feature_key = $1;

-- features_all: every feature, in the order of their keys.
SELECT feature_key, name, note,
       to_char(retired_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS retired_at,
       to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_at
  FROM features ORDER BY feature_key;

-- feature_change: name, note, and whether it is retired; $2 names the ones that change.
UPDATE features SET
    name = CASE WHEN 'name' = ANY($2::text[]) THEN $3 ELSE name END,
    note = CASE WHEN 'note' = ANY($2) THEN $4 ELSE note END,
    retired_at = CASE WHEN NOT 'retired' = ANY($2) THEN retired_at
                      WHEN $5 THEN coalesce(retired_at, clock_timestamp()) END,
    changed_at = clock_timestamp()
 WHERE feature_key = $1 RETURNING feature_key;

-- feature_lock: a feature whose next version is made; no row when there is none.
SELECT feature_key FROM features WHERE feature_key = $1 FOR UPDATE;

-- feature_rate_add: the next version of a feature's rate, valid from now. The caller holds the feature's lock.
INSERT INTO feature_rates (feature_key, model, unit, version, base, rate, prompt_rate)
SELECT $1, $2::text, $3::text, 1 + coalesce(max(version), 0), $4, $5, $6
  FROM feature_rates WHERE feature_key = $1 AND model IS NOT DISTINCT FROM $2::text AND unit = $3::text
RETURNING feature_key, model, unit, version, base, rate, prompt_rate,
       to_char(valid_from AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- feature_rates_of: all versions of a feature's rates, newest first.
SELECT feature_key, model, unit, version, base, rate, prompt_rate,
       to_char(valid_from AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  FROM feature_rates WHERE feature_key = $1 ORDER BY feature_rates.valid_from DESC, version DESC, model NULLS LAST, unit;

-- feature_rates_now: the rates in force, one a feature, model and unit.
SELECT * FROM (
    SELECT DISTINCT ON (feature_key, model, unit) feature_key, model, unit, version, base, rate, prompt_rate,
           to_char(valid_from AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS valid_from
      FROM feature_rates WHERE valid_from <= statement_timestamp()
     ORDER BY feature_key, model, unit, version DESC) r
 WHERE rate IS NOT NULL ORDER BY feature_key, model NULLS FIRST, unit;

-- usage_mix: what an account (and one member of it, where $2) has used since $4, by model, in the resource $3.
SELECT model, count(*) AS requests, sum(charge)::bigint AS charge, sum(prompt_tokens)::bigint AS prompt_tokens,
       sum(cached_tokens)::bigint AS cached_tokens, sum(completion_tokens)::bigint AS completion_tokens
  FROM events
 WHERE account_id = $1 AND at >= $4 AND resource = $3 AND ($2::text IS NULL OR user_id = $2)
 GROUP BY model ORDER BY sum(charge) DESC, model;

-- usage_spent: what an account has been charged since $3 and since $4, in the resource $2, and when it began to be.
SELECT coalesce(sum(charge) FILTER (WHERE at >= $3), 0)::bigint AS newest, coalesce(sum(charge), 0)::bigint AS all_of_it,
       extract(epoch FROM statement_timestamp() - min(at))::bigint AS seconds
  FROM events WHERE account_id = $1 AND resource = $2 AND at >= $4;
