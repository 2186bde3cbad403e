-- Seals: what was booked, chained by hash. The encoding is documented in docs/architecture.md ("Seals"); the verifier
-- (metering/core/seals.py) writes it a second time, in Python, from the rows. What changes here is a new form of seal.
-- They are STABLE so that Postgres puts them into the statement: declared IMMUTABLE they are called, at ten times the cost.

-- seal_text: one field as it is hashed: its bytes in UTF-8, counted, a colon, the text; "-" for null.
CREATE OR REPLACE FUNCTION seal_text(p_text text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(octet_length(p_text) || ':' || p_text, '-')
$$;

-- seal_moment: microseconds since 1970, exact.
CREATE OR REPLACE FUNCTION seal_moment(p_at timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT (extract(epoch FROM p_at) * 1000000)::bigint::text
$$;

-- seal_leaf: one entry in 60 bytes: version, seq and id as they are, then the SHA-256 of all its fields.
CREATE OR REPLACE FUNCTION seal_leaf(e entries) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT int8send(e.version) || int4send(e.seq) || uuid_send(e.id) || sha256(convert_to(
        seal_text('farebox entry 1') || seal_text(e.account_id::text) || seal_text(e.version::text)
        || seal_text(e.seq::text) || seal_text(e.id::text) || seal_text(to_char(e.day, 'YYYY-MM-DD'))
        || seal_text(seal_moment(e.at)) || seal_text(e.kind) || seal_text(e.resource) || seal_text(e.amount::text)
        || seal_text(e.delta::text) || seal_text(e.book_from) || seal_text(e.book_to)
        || seal_text(e.balance_after::text) || seal_text(e.pack_id::text) || seal_text(e.request_id::text)
        || seal_text(e.user_id) || seal_text(e.key_id::text) || seal_text(e.model) || seal_text(e.service)
        || seal_text(e.session_id) || seal_text(e.reason) || seal_text(e.prompt_tokens::text)
        || seal_text(e.completion_tokens::text) || seal_text(e.source), 'UTF8'))
$$;

-- seal_hash: the hash of a seal, over every column but itself; the leaves stand in it by their digest.
CREATE OR REPLACE FUNCTION seal_hash(s seals) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(convert_to(
        seal_text('farebox seal 1') || seal_text(s.position::text) || seal_text(s.account_id::text)
        || seal_text(s.number::text) || seal_text(s.first_version::text) || seal_text(s.last_version::text)
        || seal_text(s.entries::text) || seal_text(to_char(s.first_day, 'YYYY-MM-DD'))
        || seal_text(to_char(s.last_day, 'YYYY-MM-DD')) || seal_text(s.sums) || seal_text(encode(s.leaves_digest, 'hex'))
        || seal_text(encode(s.previous, 'hex')) || seal_text(encode(s.previous_overall, 'hex'))
        || seal_text(seal_moment(s.sealed_at)), 'UTF8'))
$$;

-- seal_end: the last version that the next seal of an account covers: at most p_versions of them, the version in which
-- entry number p_entries stands, and no version of a later calendar month (UTC), so that a month's partition is
-- dropped with whole seals. Versions are never cut: one that crosses midnight at the end of a month goes whole.
CREATE OR REPLACE FUNCTION seal_end(p_account uuid, p_from bigint, p_to bigint, p_entries int) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_first record;
    v_next  bigint;
    v_full  bigint;
BEGIN
    SELECT e.version, e.day INTO v_first FROM entries e
     WHERE e.account_id = p_account AND e.version BETWEEN p_from AND p_to ORDER BY e.version, e.seq LIMIT 1;
    SELECT e.version INTO v_next FROM entries e
     WHERE e.account_id = p_account AND e.version BETWEEN p_from AND p_to
       AND date_trunc('month', e.day::timestamp) <> date_trunc('month', v_first.day::timestamp)
     ORDER BY e.version, e.seq LIMIT 1;
    SELECT e.version INTO v_full FROM entries e
     WHERE e.account_id = p_account AND e.version BETWEEN p_from AND p_to
     ORDER BY e.version, e.seq OFFSET p_entries - 1 LIMIT 1;
    IF v_next IS NOT NULL THEN v_next := greatest(v_next - 1, v_first.version); END IF;
    RETURN least(p_to, v_full, v_next); -- which ignores what is null
END $$;

-- seal_account: the next seal of one account, if it has an entry older than p_age without one. All versions up to the
-- account's own are whole in any snapshot: a version and its entries are committed together, under the account's lock,
-- which this does not need. One seal at a time is made in the whole ledger; who comes meanwhile is turned away.
-- Returns the seal's entries and whether the account has more versions; no row: nothing to do, or somebody does it.
CREATE OR REPLACE FUNCTION seal_account(p_account uuid, p_age interval, p_versions int, p_entries int)
RETURNS TABLE (sealed int, more boolean)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_newest bigint;
    v_to     bigint;
    s        seals;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('farebox seals')) THEN RETURN; END IF;
    SELECT l.number, l.last_version, l.hash INTO s.number, s.first_version, s.previous FROM seals l
     WHERE l.account_id = p_account ORDER BY l.number DESC LIMIT 1;
    SELECT l.position, l.hash INTO s.position, s.previous_overall FROM seals l ORDER BY l.position DESC LIMIT 1;
    s.account_id := p_account;
    s.position := coalesce(s.position, 0) + 1;
    s.number := coalesce(s.number, 0) + 1;
    s.first_version := coalesce(s.first_version, 0) + 1;
    s.previous := coalesce(s.previous, decode(repeat('00', 32), 'hex'));
    s.previous_overall := coalesce(s.previous_overall, decode(repeat('00', 32), 'hex'));
    SELECT a.version INTO v_newest FROM accounts a WHERE a.account_id = p_account;
    IF NOT coalesce((SELECT e.at <= clock_timestamp() - p_age FROM entries e
                      WHERE e.account_id = p_account AND e.version BETWEEN s.first_version AND v_newest
                      ORDER BY e.version, e.seq LIMIT 1), false) THEN
        RETURN;
    END IF;
    v_to := seal_end(p_account, s.first_version, least(v_newest, s.first_version + p_versions - 1), p_entries);
    s.last_version := v_to;
    SELECT count(*), min(e.day), max(e.day), coalesce(string_agg(seal_leaf(e), ''::bytea ORDER BY e.version, e.seq), ''::bytea)
      INTO s.entries, s.first_day, s.last_day, s.leaves FROM entries e
     WHERE e.account_id = p_account AND e.version BETWEEN s.first_version AND v_to;
    SELECT coalesce(json_agg(json_build_array(g.resource, g.kind, g.entries, g.amount, g.delta)
                             ORDER BY g.resource COLLATE "C", g.kind COLLATE "C")::text, '[]') INTO s.sums
      FROM (SELECT e.resource, e.kind, count(*) AS entries, sum(e.amount) AS amount, sum(e.delta) AS delta FROM entries e
             WHERE e.account_id = p_account AND e.version BETWEEN s.first_version AND v_to GROUP BY 1, 2) g;
    s.leaves_digest := sha256(s.leaves);
    s.sealed_at := clock_timestamp();
    s.hash := seal_hash(s);
    INSERT INTO seals SELECT (s).*;
    RETURN QUERY SELECT s.entries, v_to < v_newest;
END $$;
