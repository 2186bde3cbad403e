-- 0002_idempotency: requests that are repeated under an Idempotency-Key.

-- The key stands on the charge itself, so that it is known wherever the charge is, whatever Redis has forgotten.
-- The index is not unique on purpose: settle never refuses. If Redis and a gateway's disk are both lost, two requests
-- may have been forwarded under one key, and both are charged. reserve.lua is what lets only one of them through.
ALTER TYPE settlement ADD ATTRIBUTE idempotency_key text, ADD ATTRIBUTE body_digest text;
ALTER TABLE events ADD COLUMN idempotency_key text, ADD COLUMN body_digest text;
CREATE INDEX events_of_key ON events (account_id, idempotency_key, reserved_at DESC) WHERE idempotency_key IS NOT NULL;

-- No answer is stored unless an account asks for it.
ALTER TABLE accounts ADD COLUMN replay boolean NOT NULL DEFAULT false;
CREATE TABLE kept_answers (
    request_id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    status     smallint NOT NULL,
    headers    jsonb NOT NULL,
    body       bytea NOT NULL,
    at         timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX kept_answers_of_account ON kept_answers (account_id);
CREATE INDEX kept_answers_by_age ON kept_answers (at);

-- What a write of the admin API has answered, committed with the change itself. Status and body are null only inside
-- the transaction that makes the change; a secret is never in the body, `withheld` names the field that it was in.
CREATE TABLE admin_answers (
    key        text PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 255),
    digest     text NOT NULL,
    status     smallint,
    body       text,
    withheld   text,
    account_id uuid, -- whose balance the change was about: Redis is told again when the write is repeated
    at         timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX admin_answers_by_age ON admin_answers (at);
