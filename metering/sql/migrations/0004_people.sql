-- 0004_people: members, keys that are bound to addresses and can be rotated, and the trail of what people change.

-- A person or an app inside an account. Keys and packs name them by `user_id`, the account's own text, whether there is
-- a row here or not; a row gives them a role, which their keys act with, and lets them be switched off.
CREATE TABLE members (
    member_id      uuid PRIMARY KEY,
    account_id     uuid NOT NULL REFERENCES accounts,
    user_id        text NOT NULL CHECK (length(user_id) BETWEEN 1 AND 128),
    name           text NOT NULL DEFAULT '',
    email          text,
    role           text NOT NULL DEFAULT 'member' CHECK (role IN ('member', 'admin')),
    status         text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'deactivated')),
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (account_id, user_id)
);
CREATE INDEX members_of_account ON members (account_id, member_id);

ALTER TABLE api_keys
    ADD COLUMN ip_ranges            cidr[] CHECK (cardinality(ip_ranges) > 0), -- null: from anywhere
    ADD COLUMN previous_valid_until timestamptz;                              -- of the secret before the last rotation
CREATE INDEX api_keys_of_member ON api_keys (account_id, user_id) WHERE user_id IS NOT NULL;

-- Secrets that were replaced, and until when they are good all the same.
CREATE TABLE retired_secrets (
    digest      bytea PRIMARY KEY CHECK (length(digest) = 32),
    key_id      uuid NOT NULL REFERENCES api_keys,
    valid_until timestamptz NOT NULL
);
CREATE INDEX retired_secrets_of_key ON retired_secrets (key_id);

-- Accounts write under Idempotency-Keys too: theirs are stored behind the id of the API key and a space.
ALTER TABLE admin_answers DROP CONSTRAINT admin_answers_key_check;
ALTER TABLE admin_answers ADD CHECK (length(key) BETWEEN 1 AND 300);

-- What people change, a line each, written in the transaction of the change (metering/sql/functions/90_trail.sql).
-- `before` and `after` are the columns that changed; of a new row all of it. No secret is in them, nor a digest of one.
CREATE TABLE trail (
    trail_id   uuid PRIMARY KEY DEFAULT uuid7(),
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor_kind text NOT NULL CHECK (actor_kind IN ('platform_admin', 'account_admin', 'member', 'server', 'database')),
    actor      text NOT NULL, -- the admin key's fingerprint; the API key's id; a chore's name; a database user
    user_id    text,          -- the member whose API key it was
    via        text NOT NULL CHECK (via IN ('api', 'cli', 'server', 'database')),
    action     text NOT NULL,
    object     text NOT NULL,
    object_id  text,
    account_id uuid,
    before     jsonb,
    after      jsonb,
    request_id uuid
);
CREATE INDEX trail_by_time ON trail (at DESC, trail_id DESC);
CREATE INDEX trail_of_account ON trail (account_id, at DESC, trail_id DESC);
CREATE TRIGGER trail_append_only BEFORE UPDATE OR DELETE ON trail FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER trail_no_truncate BEFORE TRUNCATE ON trail FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
