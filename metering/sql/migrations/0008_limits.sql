-- 0008_limits: what an account, its members, keys and models may use, and what has been spent under such a limit.

-- The limits of keys stand in api_keys.limits. The model of a limit is the name that clients write.
CREATE TABLE limits (
    account_id uuid NOT NULL REFERENCES accounts,
    scope      text NOT NULL CHECK (scope IN ('account', 'member', 'model')),
    subject    text NOT NULL CHECK (length(subject) <= 256 AND (scope = 'account') = (subject = '')),
    limits     jsonb NOT NULL CHECK (limits <> '{}'),
    name       text GENERATED ALWAYS AS (CASE scope WHEN 'account' THEN scope ELSE scope || ':' || subject END) STORED,
    PRIMARY KEY (account_id, scope, subject)
);

-- Whose spend is summed: those with a limit of it. Everybody else costs a settlement one look into an index.
CREATE TABLE spend_kept (
    account_id uuid NOT NULL REFERENCES accounts,
    scope      text NOT NULL CHECK (scope IN ('account', 'member', 'key', 'model')),
    subject    text NOT NULL,
    since      timestamptz NOT NULL DEFAULT clock_timestamp(), -- of its month all is summed, of those before not all
    PRIMARY KEY (account_id, scope, subject)
);

-- One row for each day of the account's own calendar: charges plus corrections minus refunds of what was reserved on it.
-- What a reset has forgiven counts no longer.
CREATE TABLE spend_sums (
    account_id     uuid NOT NULL REFERENCES accounts,
    scope          text NOT NULL,
    subject        text NOT NULL,
    day            date NOT NULL,
    amount         bigint NOT NULL,
    day_forgiven   bigint NOT NULL DEFAULT 0,
    month_forgiven bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, scope, subject, day)
) WITH (fillfactor = 50);
CREATE INDEX spend_sums_by_day ON spend_sums (day);

-- Triggers, so that no write can forget the sums (metering/sql/functions/35_limits.sql has what they call).
CREATE FUNCTION limits_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM keep_spend(coalesce(NEW.account_id, OLD.account_id), coalesce(NEW.scope, OLD.scope),
                       coalesce(NEW.subject, OLD.subject), coalesce(NEW.limits, '{}'));
    RETURN NULL;
END $$;
CREATE TRIGGER limits_keep_spend AFTER INSERT OR UPDATE OR DELETE ON limits
    FOR EACH ROW EXECUTE FUNCTION limits_changed();

CREATE FUNCTION key_limits_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM keep_spend(NEW.account_id, 'key', NEW.key_id::text, NEW.limits);
    RETURN NULL;
END $$;
CREATE TRIGGER key_limits_made AFTER INSERT ON api_keys
    FOR EACH ROW WHEN (NEW.limits <> '{}') EXECUTE FUNCTION key_limits_changed();
CREATE TRIGGER key_limits_changed AFTER UPDATE OF limits ON api_keys
    FOR EACH ROW WHEN (OLD.limits IS DISTINCT FROM NEW.limits) EXECUTE FUNCTION key_limits_changed();

CREATE FUNCTION zone_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sum_spend_again(NEW.account_id);
    RETURN NULL;
END $$;
CREATE TRIGGER zone_changed AFTER UPDATE OF time_zone ON accounts
    FOR EACH ROW WHEN (OLD.time_zone IS DISTINCT FROM NEW.time_zone) EXECUTE FUNCTION zone_changed();
