-- 0006_tariffs: features and their rates, the price table, and what a charge was made of.

-- A feature is what requests are made for. Its rates stand in rows of their own, which never change.
CREATE TABLE features (
    feature_key text PRIMARY KEY CHECK (feature_key ~ '^[a-z0-9][a-z0-9_.-]{0,63}$'),
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    note        text NOT NULL DEFAULT '',
    retired_at  timestamptz,                       -- unknown from then on; events keep its key
    changed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One version of a feature's rate for a model (null: any) in a unit. `rate` is millionths of the unit for one token of the
-- reply, word, character or unit, `prompt_rate` the same for a token of the prompt; null ends the rate.
CREATE TABLE feature_rates (
    feature_key text NOT NULL REFERENCES features,
    model       text,
    unit        text NOT NULL CHECK (unit ~ '^[a-z][a-z0-9_]{0,63}$'),
    version     integer NOT NULL CHECK (version > 0),
    base        text NOT NULL CHECK (base IN ('token', 'word', 'character', 'unit')),
    rate        bigint CHECK (rate BETWEEN 0 AND 1000000000000),
    prompt_rate bigint CHECK (prompt_rate BETWEEN 0 AND 1000000000000),
    valid_from  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((rate IS NULL AND prompt_rate IS NULL) OR (rate IS NOT NULL AND prompt_rate IS NOT NULL)),
    CHECK (base = 'token' OR coalesce(prompt_rate, 0) = 0)
);
CREATE UNIQUE INDEX feature_rates_once ON feature_rates (feature_key, coalesce(model, ''), unit, version);

-- The price table: micro-dollars for a million tokens of each kind (`images`: for 10,000 images). A kind without a price
-- costs what the whole costs that it is part of: prompt (`input`) or completion. A row is valid from its date until a newer
-- one of the same model, service tier and threshold; `ended` says that there is no price from then on.
CREATE TABLE prices (
    price_id            uuid PRIMARY KEY,
    model               text NOT NULL CHECK (length(model) BETWEEN 1 AND 256),
    service_tier        text NOT NULL DEFAULT 'default' CHECK (service_tier ~ '^[a-z][a-z0-9_-]{0,31}$'),
    above_prompt_tokens bigint NOT NULL DEFAULT 0 CHECK (above_prompt_tokens BETWEEN 0 AND 1000000000),
    input               bigint CHECK (input BETWEEN 0 AND 1000000000000),
    cached_input        bigint CHECK (cached_input BETWEEN 0 AND 1000000000000),
    cache_write         bigint CHECK (cache_write BETWEEN 0 AND 1000000000000),
    completion          bigint CHECK (completion BETWEEN 0 AND 1000000000000),
    reasoning           bigint CHECK (reasoning BETWEEN 0 AND 1000000000000),
    image               bigint CHECK (image BETWEEN 0 AND 1000000000000),
    audio               bigint CHECK (audio BETWEEN 0 AND 1000000000000),
    image_completion    bigint CHECK (image_completion BETWEEN 0 AND 1000000000000),
    audio_completion    bigint CHECK (audio_completion BETWEEN 0 AND 1000000000000),
    images              bigint CHECK (images BETWEEN 0 AND 1000000000000),
    ended               boolean NOT NULL DEFAULT false,
    source              text NOT NULL,
    valid_from          timestamptz NOT NULL,
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (ended OR (input IS NOT NULL AND completion IS NOT NULL))
);
CREATE INDEX prices_of_model ON prices (model, service_tier, above_prompt_tokens, valid_from DESC, price_id DESC);

CREATE TRIGGER prices_append_only BEFORE UPDATE OR DELETE ON prices FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER prices_no_truncate BEFORE TRUNCATE ON prices FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER feature_rates_append_only BEFORE UPDATE OR DELETE ON feature_rates
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER feature_rates_no_truncate BEFORE TRUNCATE ON feature_rates
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A key may have a feature of its own, for applications that can't send the header.
ALTER TABLE api_keys ADD COLUMN feature text REFERENCES features;

-- What a charge was made of beside prompt, cached, completion and reasoning tokens; null where there is nothing else.
ALTER TYPE settlement ADD ATTRIBUTE details jsonb;
ALTER TABLE events ADD COLUMN details jsonb;
ALTER TABLE corrections ADD COLUMN cost bigint;
