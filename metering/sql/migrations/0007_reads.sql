-- 0007_reads: pages that stay fast at tens of millions of rows, and the roll-ups behind series.
--
-- Every page is read in the order of an index, within an account and within the partitions of its time. Which index serves
-- which filter, and what each costs a settlement, is measured by bench/ledger.py and told in bench/README.md.
-- Indexes leave out request_id where `at` orders well enough: what shares a moment is sorted when it is read.

-- How a hold was laid on packs: [pack_id, amount, …]; null on events from before.
ALTER TABLE events ADD COLUMN split jsonb;

CREATE INDEX events_by_time ON events (at DESC, request_id DESC);
CREATE INDEX events_of_user ON events (account_id, user_id, at DESC);
CREATE INDEX events_of_api_key ON events (account_id, key_id, at DESC) WHERE key_id IS NOT NULL;
CREATE INDEX events_of_session ON events (account_id, session_id, at DESC) WHERE session_id IS NOT NULL;
CREATE INDEX events_of_model ON events (account_id, model, at DESC);
CREATE INDEX events_of_feature ON events (account_id, feature, at DESC) WHERE feature IS NOT NULL;
CREATE INDEX events_by_charge ON events (account_id, charge DESC, at DESC);
-- What nearly every row has is found by walking through time; these have the others.
CREATE INDEX events_of_endpoint ON events (account_id, endpoint, at DESC) WHERE endpoint <> 'chat/completions';
CREATE INDEX events_of_resource ON events (account_id, resource, at DESC) WHERE resource NOT IN ('tokens', 'credits');
CREATE INDEX events_surplus ON events (account_id, at DESC) WHERE allocated_amount = 0;
CREATE INDEX events_allocated ON events (account_id, at DESC) WHERE allocated_amount > 0;
CREATE INDEX events_hybrid ON events (account_id, at DESC) WHERE allocated_amount > 0 AND allocated_amount < charge;
-- Only these can have a correction, which pages must look for.
CREATE INDEX events_recovered ON events (account_id, at DESC) WHERE source = 'recovered';
-- A request is booked on its own day, or a little later. The few others (a dead gateway's, adopted after days; a clock
-- that was wrong) are in this index, so that a page knows which partitions its time may be in.
CREATE INDEX events_of_odd_days ON events (account_id, at, day)
    WHERE (at AT TIME ZONE 'UTC')::date - day NOT BETWEEN -1 AND 2;
-- What roll-ups have not taken in yet.
CREATE INDEX events_of_version ON events (account_id, version);
CREATE INDEX corrections_of_version ON corrections (account_id, version);

CREATE INDEX entries_by_time ON entries (at DESC, version DESC, seq DESC, account_id DESC);
CREATE INDEX entries_of_kind ON entries (account_id, kind, at DESC) WHERE kind <> 'usage';
DROP INDEX entries_of_pack;
CREATE INDEX entries_of_pack ON entries (pack_id, at DESC) WHERE pack_id IS NOT NULL;

-- Sums of an account's usage by the hour (of its own time zone), the newest numbers of each request under the time at
-- which it was booked. `dims` says what a row is of: 0 all, 1 a member, 2 a key, 3 a model, 4 a feature, 5 an endpoint,
-- 6 all five together; what it is not of is ''. An account's rows hold its versions up to its mark, each once.
CREATE TABLE rollups (
    account_id        uuid NOT NULL,
    dims              smallint NOT NULL CHECK (dims BETWEEN 0 AND 6),
    resource          text NOT NULL,
    slot              timestamptz NOT NULL,
    user_id           text NOT NULL,
    key_id            text NOT NULL,
    model             text NOT NULL,
    feature           text NOT NULL,
    endpoint          text NOT NULL,
    requests          bigint NOT NULL,
    charge            bigint NOT NULL, -- corrections included, refunds not
    allocated_amount  bigint NOT NULL,
    input_amount      bigint NOT NULL,
    prompt_tokens     bigint NOT NULL,
    cached_tokens     bigint NOT NULL,
    completion_tokens bigint NOT NULL,
    reasoning_tokens  bigint NOT NULL,
    cost              bigint NOT NULL,
    refunded          bigint NOT NULL,
    PRIMARY KEY (account_id, dims, resource, slot, user_id, key_id, model, feature, endpoint)
) WITH (fillfactor = 70);

CREATE TABLE rollup_marks (
    account_id uuid PRIMARY KEY REFERENCES accounts,
    version    bigint NOT NULL,
    time_zone  text NOT NULL
);

-- What retention has dropped of the events (functions/76_retention.sql): which months, and the sums that stay for it, so that
-- series go on and every invariant still adds up. `kept_usage` is of the hours and names of roll-ups; `explained` is the
-- debt that dropped requests may have made.
CREATE TABLE dropped_months (
    month      date PRIMARY KEY CHECK (month = date_trunc('month', month)::date),
    events     bigint NOT NULL,
    dropped_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE kept_usage (
    account_id        uuid NOT NULL,
    resource          text NOT NULL,
    slot              timestamptz NOT NULL,
    user_id           text NOT NULL,
    key_id            text NOT NULL,
    model             text NOT NULL,
    feature           text NOT NULL,
    endpoint          text NOT NULL,
    requests          bigint NOT NULL,
    charge            bigint NOT NULL,
    allocated_amount  bigint NOT NULL,
    input_amount      bigint NOT NULL,
    prompt_tokens     bigint NOT NULL,
    cached_tokens     bigint NOT NULL,
    completion_tokens bigint NOT NULL,
    reasoning_tokens  bigint NOT NULL,
    cost              bigint NOT NULL,
    refunded          bigint NOT NULL,
    PRIMARY KEY (account_id, resource, slot, user_id, key_id, model, feature, endpoint)
);

CREATE TABLE kept_debt (
    account_id uuid NOT NULL,
    resource   text NOT NULL,
    explained  bigint NOT NULL,
    PRIMARY KEY (account_id, resource)
);
