-- 0005_pools: settings of single resources, reservations of what is no model call, packs granted by schedule.

-- What people set in a resource that is not the account's unit (that has its own in `accounts`). Null: the configuration decides.
CREATE TABLE resource_settings (
    account_id        uuid NOT NULL REFERENCES accounts,
    resource          text NOT NULL,
    min_reserve       bigint CHECK (min_reserve BETWEEN 0 AND 4503599627370496),
    warning_threshold bigint CHECK (warning_threshold BETWEEN 0 AND 4503599627370496),
    PRIMARY KEY (account_id, resource)
);

-- A hold that outlives the HTTP request that took it. This row is its owner: it says what is held and until when, so
-- that any gateway can settle or release it, state it again after Redis lost its memory, and end it at its deadline.
-- A row that is 'released' without facts is a tombstone: its gateway died before the reservation was answered.
CREATE TABLE reservations (
    reservation_id uuid PRIMARY KEY,
    account_id     uuid NOT NULL REFERENCES accounts,
    bucket         smallint NOT NULL,        -- of the account (metering/keys.py)
    status         text NOT NULL CHECK (status IN ('open', 'settled', 'released', 'expired')),
    on_expiry      text NOT NULL DEFAULT 'release' CHECK (on_expiry IN ('release', 'settle')),
    by_deadline    boolean NOT NULL DEFAULT false, -- settled with all that was held, since nobody said what was used
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_at      timestamptz,
    user_id        text,
    base           text CHECK (base IN ('unit', 'word', 'character', 'token')),
    units          bigint CHECK (units BETWEEN 0 AND 4503599627370496), -- what was asked for, in its base
    used_units     bigint CHECK (used_units BETWEEN 0 AND 4503599627370496),
    reserved       bigint CHECK (reserved BETWEEN 0 AND 4503599627370496), -- what is held, in the resource
    reserved_at    bigint,                   -- milliseconds, the clock of Redis
    split          jsonb NOT NULL DEFAULT '[]', -- [pack_id, amount, pack_id, amount, …]
    facts          text,                     -- JSON (metering/core/settlement.py)
    charge         bigint CHECK (charge BETWEEN 0 AND 4503599627370496),
    CHECK ((status = 'open') = (closed_at IS NULL)),
    CHECK ((status = 'settled') = (charge IS NOT NULL)),
    CHECK (status IN ('released') OR (facts IS NOT NULL AND reserved IS NOT NULL AND reserved_at IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX reservations_due ON reservations (expires_at) WHERE status = 'open';
CREATE INDEX reservations_open ON reservations (bucket) WHERE status = 'open';
CREATE INDEX reservations_open_of_account ON reservations (account_id) WHERE status = 'open';

-- Packs granted by schedule. Periods are counted from `starts_on`, in the account's time zone.
CREATE TABLE recurring_packs (
    recurring_id uuid PRIMARY KEY,
    account_id   uuid NOT NULL REFERENCES accounts,
    period       text NOT NULL CHECK (period IN ('month', 'week', 'day')),
    starts_on    date NOT NULL,
    ends_on      date,                       -- no period that begins on or after this day
    rollover     boolean NOT NULL DEFAULT false, -- false: a pack expires when its period ends
    resource     text NOT NULL,
    size         bigint NOT NULL CHECK (size BETWEEN 1 AND 4503599627370496),
    priority     smallint NOT NULL DEFAULT 50,
    user_id      text CHECK (length(user_id) BETWEEN 1 AND 128),
    models       text[],
    note         text NOT NULL DEFAULT '',
    paused       boolean NOT NULL DEFAULT false,
    deleted_at   timestamptz,
    granted_from date NOT NULL,              -- periods before this one are not made up for
    next_at      timestamptz,                -- when to look next; null: never again
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX recurring_packs_of_account ON recurring_packs (account_id, recurring_id);
CREATE INDEX recurring_packs_due ON recurring_packs (next_at) WHERE next_at IS NOT NULL;

-- One row a period, for ever: whoever inserts it grants the pack, in the same transaction.
CREATE TABLE recurring_grants (
    recurring_id uuid NOT NULL REFERENCES recurring_packs,
    account_id   uuid NOT NULL,
    period_start date NOT NULL,
    pack_id      uuid UNIQUE,                -- null: the account's packs would have held more than amounts can count
    granted_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (recurring_id, account_id, period_start)
);
CREATE TRIGGER recurring_grants_append_only BEFORE UPDATE OR DELETE ON recurring_grants
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER recurring_grants_no_truncate BEFORE TRUNCATE ON recurring_grants
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Periods begin at other moments in another time zone.
CREATE FUNCTION look_at_recurring_packs() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE recurring_packs SET next_at = clock_timestamp()
     WHERE account_id = NEW.account_id AND next_at IS NOT NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER accounts_move_recurring_packs AFTER UPDATE OF time_zone ON accounts
    FOR EACH ROW WHEN (OLD.time_zone <> NEW.time_zone) EXECUTE FUNCTION look_at_recurring_packs();
