-- 0001_first_ride: accounts, keys, packs, usage events, the ledger, and what recovery needs.
--
-- Amounts are bigint in the unit of their resource, never above 2^52 (Lua numbers are doubles).
-- The account row guards everything that belongs to it: every change locks that row and nothing
-- else, in ascending order of account_id, and then starts a new statement.

-- uuid7_day: the UTC day inside a UUIDv7. The key of an event is (day, request_id); since the day
-- is a function of the id, it is as unique as the id alone, and partitions stay possible.
CREATE FUNCTION uuid7_day(p_id uuid) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT (to_timestamp((('x' || translate(left(p_id::text, 13), '-', ''))::bit(48)::bigint) / 1000.0)
            AT TIME ZONE 'UTC')::date
$$;

-- uuid7: a new UUIDv7 (Postgres 18 has one of its own; 15 to 17 do not).
CREATE FUNCTION uuid7() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT encode(
        set_byte(
            overlay(uuid_send(gen_random_uuid())
                    PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                    FROM 1 FOR 6),
            6, (get_byte(uuid_send(gen_random_uuid()), 6) & 15) | 112),
        'hex')::uuid
$$;

-- refuse_change: events and entries are written once.
CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TABLE accounts (
    account_id        uuid PRIMARY KEY,
    name              text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    email             text,
    plan              text,
    domain            text,
    unit              text NOT NULL DEFAULT 'tokens' CHECK (unit IN ('tokens', 'credits')),
    time_zone         text NOT NULL DEFAULT 'UTC',
    floor             text CHECK (floor IN ('cross', 'keep')),            -- null: the configuration decides
    clamp             text CHECK (clamp IN ('never', 'unset', 'always')), -- null: the same
    orphan            text CHECK (orphan IN ('bounded', 'upper_bound', 'checkpoint')),
    min_reserve       bigint CHECK (min_reserve BETWEEN 0 AND 4503599627370496),
    warning_threshold bigint CHECK (warning_threshold BETWEEN 0 AND 4503599627370496),
    status            text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    version           bigint NOT NULL DEFAULT 0,
    changed_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

-- One row per resource in which the account owes something, or has settings of its own.
CREATE TABLE account_resources (
    account_id        uuid NOT NULL REFERENCES accounts,
    resource          text NOT NULL,
    debt              bigint NOT NULL DEFAULT 0 CHECK (debt >= 0),
    PRIMARY KEY (account_id, resource)
) WITH (fillfactor = 50);

CREATE TABLE api_keys (
    key_id       uuid PRIMARY KEY,
    account_id   uuid NOT NULL REFERENCES accounts,
    user_id      text CHECK (length(user_id) BETWEEN 1 AND 128),
    name         text NOT NULL,
    digest       bytea NOT NULL UNIQUE CHECK (length(digest) = 32), -- SHA-256 of the key
    prefix       text NOT NULL,
    role         text NOT NULL DEFAULT 'member' CHECK (role IN ('member', 'admin')),
    models       text[],
    limits       jsonb NOT NULL DEFAULT '{}',
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX api_keys_of_account ON api_keys (account_id, key_id);

CREATE TABLE packs (
    pack_id    uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    resource   text NOT NULL,
    unlimited  boolean NOT NULL DEFAULT false,
    size       bigint CHECK (size BETWEEN 1 AND 4503599627370496),
    remaining  bigint,
    priority   smallint NOT NULL DEFAULT 50,
    user_id    text CHECK (length(user_id) BETWEEN 1 AND 128), -- null: the shared surplus pool
    models     text[],                                         -- null: any model
    note       text NOT NULL DEFAULT '',
    granted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz,
    revoked_at timestamptz,
    closed_at  timestamptz,                                    -- its rest is booked: nothing draws on it any more
    CHECK ((unlimited AND size IS NULL AND remaining IS NULL)
        OR (NOT unlimited AND remaining BETWEEN 0 AND size))
) WITH (fillfactor = 50);
CREATE INDEX packs_of_account ON packs (account_id, pack_id);
CREATE INDEX packs_open ON packs (account_id) WHERE closed_at IS NULL;
CREATE INDEX packs_due ON packs (expires_at) WHERE closed_at IS NULL AND expires_at IS NOT NULL;

-- What a request left unpaid, until a later grant repays it. `open` is the only column that changes.
CREATE TABLE debts (
    account_id uuid NOT NULL REFERENCES accounts,
    request_id uuid NOT NULL,
    resource   text NOT NULL,
    user_id    text,
    model      text,
    open       bigint NOT NULL CHECK (open > 0),
    PRIMARY KEY (account_id, request_id)
);

-- One row per request, for ever: the charge and everything known about it.
CREATE TABLE events (
    day                       date NOT NULL CHECK (day = uuid7_day(request_id)),
    request_id                uuid NOT NULL,
    account_id                uuid NOT NULL,
    version                   bigint NOT NULL,
    at                        timestamptz NOT NULL,
    reserved_at               timestamptz NOT NULL,
    user_id                   text,
    key_id                    uuid,
    endpoint                  text NOT NULL,
    model                     text NOT NULL,
    provider                  text NOT NULL,
    resource                  text NOT NULL,
    reserved                  bigint NOT NULL CHECK (reserved >= 0),
    charge                    bigint NOT NULL CHECK (charge >= 0),
    prompt_tokens             bigint NOT NULL CHECK (prompt_tokens >= 0),
    cached_tokens             bigint NOT NULL CHECK (cached_tokens >= 0),
    completion_tokens         bigint NOT NULL CHECK (completion_tokens >= 0),
    reasoning_tokens          bigint NOT NULL CHECK (reasoning_tokens >= 0),
    counted_prompt_tokens     bigint NOT NULL CHECK (counted_prompt_tokens >= 0),
    counted_completion_tokens bigint CHECK (counted_completion_tokens >= 0),
    source                    text NOT NULL CHECK (source IN ('upstream', 'tokenizer', 'recovered', 'policy')),
    status                    text NOT NULL,
    rates                     bigint[] NOT NULL,
    rate_version              text NOT NULL,
    allocated_amount          bigint NOT NULL CHECK (allocated_amount >= 0),
    surplus_amount            bigint NOT NULL CHECK (surplus_amount >= 0),
    debt_amount               bigint NOT NULL CHECK (debt_amount >= 0),
    session_id                text,
    reason                    text NOT NULL,
    feature                   text,
    cost                      bigint,
    attempts                  jsonb NOT NULL DEFAULT '[]',
    duration_ms               bigint NOT NULL,
    CHECK (allocated_amount + surplus_amount = charge),
    PRIMARY KEY (day, request_id)
) PARTITION BY RANGE (day);
CREATE INDEX events_of_account ON events (account_id, at DESC, request_id DESC);

-- Versions that moved no amount (settings, an empty pack closed): with events, entries and corrections, every
-- version of an account is accounted for, without a gap.
CREATE TABLE account_changes (
    account_id uuid NOT NULL REFERENCES accounts,
    version    bigint NOT NULL,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (account_id, version)
);

-- The one correction that a recovered event may get when its owner turns up after all.
CREATE TABLE corrections (
    day               date NOT NULL,
    request_id        uuid NOT NULL,
    account_id        uuid NOT NULL,
    version           bigint NOT NULL,
    at                timestamptz NOT NULL,
    delta             bigint NOT NULL,
    exact             bigint NOT NULL CHECK (exact >= 0),
    prompt_tokens     bigint NOT NULL,
    completion_tokens bigint NOT NULL,
    source            text NOT NULL,
    PRIMARY KEY (day, request_id)
);

-- The ledger: one transfer a row, a positive amount from one book to another.
CREATE TABLE entries (
    day               date NOT NULL,
    id                uuid NOT NULL DEFAULT uuid7(),
    account_id        uuid NOT NULL,
    version           bigint NOT NULL,
    seq               integer NOT NULL,
    at                timestamptz NOT NULL,
    kind              text NOT NULL CHECK (kind IN ('grant', 'purchase', 'auto_grant', 'usage', 'overdraft', 'repay',
                                                    'expire', 'revoke', 'refund', 'correction')),
    resource          text NOT NULL,
    amount            bigint NOT NULL CHECK (amount > 0),
    delta             bigint NOT NULL CHECK (delta IN (amount, 0 - amount, 0)),
    book_from         text NOT NULL,
    book_to           text NOT NULL CHECK (book_to <> book_from),
    balance_after     bigint NOT NULL, -- posted balance of the resource: open packs minus debt
    pack_id           uuid,
    request_id        uuid,
    user_id           text,
    key_id            uuid,
    model             text,
    service           text,
    session_id        text,
    reason            text,
    prompt_tokens     bigint,
    completion_tokens bigint,
    source            text,
    PRIMARY KEY (day, account_id, version, seq)
) PARTITION BY RANGE (day);
CREATE INDEX entries_of_account ON entries (account_id, at DESC, version DESC, seq DESC);
CREATE INDEX entries_of_request ON entries (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX entries_of_pack ON entries (pack_id) WHERE pack_id IS NOT NULL;

CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE ON entries FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER corrections_append_only BEFORE UPDATE OR DELETE ON corrections FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER account_changes_append_only BEFORE UPDATE OR DELETE ON account_changes
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER account_changes_no_truncate BEFORE TRUNCATE ON account_changes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER entries_no_truncate BEFORE TRUNCATE ON entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER corrections_no_truncate BEFORE TRUNCATE ON corrections FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- settlement: one finished request as gateways, journals and holds carry it (metering/core/settlement.py).
-- reserved_at is milliseconds since the epoch; split is [pack_id, amount, pack_id, amount, …].
CREATE TYPE settlement AS (
    request_id                uuid,
    account_id                uuid,
    reserved_at               bigint,
    user_id                   text,
    key_id                    uuid,
    endpoint                  text,
    model                     text,
    provider                  text,
    resource                  text,
    reserved                  bigint,
    split                     jsonb,
    charge                    bigint,
    prompt_tokens             bigint,
    cached_tokens             bigint,
    completion_tokens         bigint,
    reasoning_tokens          bigint,
    counted_prompt_tokens     bigint,
    counted_completion_tokens bigint,
    source                    text,
    status                    text,
    rates                     bigint[],
    rate_version              text,
    session_id                text,
    reason                    text,
    feature                   text,
    cost                      bigint,
    attempts                  jsonb,
    duration_ms               bigint
);

-- A settlement that Postgres refused for its data, set aside so that its lane goes on. Its hold stays.
CREATE TABLE parked_settlements (
    request_id text PRIMARY KEY,
    settlement text NOT NULL,
    error      text NOT NULL,
    at         timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Gateways that are alive, or were. The announced epoch is what a barrier waits for.
CREATE TABLE instances (
    instance_id     text PRIMARY KEY,
    started_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    heartbeat_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    announced_epoch bigint NOT NULL DEFAULT 0
);

-- The memory of Redis, bucket by bucket: another owner or a lost sentinel starts a new epoch.
CREATE SEQUENCE epoch_numbers;
CREATE TABLE epochs (
    bucket     smallint PRIMARY KEY,
    epoch      bigint NOT NULL,
    run_id     text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE audits (
    checked_at timestamptz PRIMARY KEY,
    clean      boolean NOT NULL,
    invariants jsonb NOT NULL
);
