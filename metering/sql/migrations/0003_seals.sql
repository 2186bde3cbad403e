-- 0003_seals: the ledger's entries chained by hash (metering/sql/functions/70_seals.sql; docs/architecture.md, "Seals").

-- An account's entries are read in the order of their versions, by seals and statements. The same key with its columns
-- in that order serves both, where a second index would cost every settlement a write.
ALTER TABLE entries DROP CONSTRAINT entries_pkey;
ALTER TABLE entries ADD PRIMARY KEY (account_id, version, seq, day);

-- One seal a row: it covers the versions first_version to last_version of one account, each with all its entries. It
-- names the seal before it twice: of the same account, and of the whole ledger. What a later retention drops of
-- `entries` leaves the seal: its sums and its place in both chains do not need the rows, nor the leaves.
CREATE TABLE seals (
    position         bigint PRIMARY KEY CHECK (position >= 1),       -- in the whole ledger, without a gap
    account_id       uuid NOT NULL,
    number           bigint NOT NULL CHECK (number >= 1),            -- in the account, without a gap
    first_version    bigint NOT NULL CHECK (first_version >= 1),
    last_version     bigint NOT NULL CHECK (last_version >= first_version),
    entries          integer NOT NULL CHECK (entries >= 0),
    first_day        date,                                           -- UTC days of the entries: one calendar month,
    last_day         date,                                           -- but for a version that itself crosses its end
    sums             text NOT NULL,   -- JSON: [[resource, kind, entries, sum of amount, sum of delta], …]
    leaves           bytea NOT NULL CHECK (octet_length(leaves) = entries * 60), -- version, seq, id, SHA-256 of each
    leaves_digest    bytea NOT NULL CHECK (octet_length(leaves_digest) = 32),
    previous         bytea NOT NULL CHECK (octet_length(previous) = 32),         -- zeros: there is none
    previous_overall bytea NOT NULL CHECK (octet_length(previous_overall) = 32),
    sealed_at        timestamptz NOT NULL,
    hash             bytea NOT NULL CHECK (octet_length(hash) = 32),
    UNIQUE (account_id, number),
    UNIQUE (account_id, first_version)
);

CREATE TRIGGER seals_append_only BEFORE UPDATE OR DELETE ON seals FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER seals_no_truncate BEFORE TRUNCATE ON seals FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
