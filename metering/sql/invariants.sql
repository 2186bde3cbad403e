-- The invariants of DESIGN 3.4 that the ledger alone can show. Each statement returns the rows that break it.
-- metering/audit.py runs them all in one REPEATABLE READ transaction, so they see one moment of the ledger.
-- Events that retention has dropped are not asked for one by one; their sums are kept, and must add up.

-- charged_once: a request has at most one charge.
SELECT request_id, count(*) AS charges FROM events GROUP BY request_id HAVING count(*) > 1;

-- entries_equal_charges: the entries of a request add up to its charge, and those of a correction to its difference.
WITH expected AS (
    SELECT request_id, account_id, version, charge AS amount FROM events
    UNION ALL
    SELECT request_id, account_id, version, delta FROM corrections WHERE NOT was_dropped(request_id)
), booked AS (
    SELECT request_id, account_id, version, sum(CASE WHEN book_to = 'usage' THEN amount ELSE 0 - amount END) AS amount
      FROM entries WHERE kind IN ('usage', 'overdraft', 'correction') AND NOT was_dropped(request_id) GROUP BY 1, 2, 3
)
SELECT request_id, account_id, version, e.amount AS charged, b.amount AS booked
  FROM expected e FULL JOIN booked b USING (request_id, account_id, version)
 WHERE coalesce(e.amount, 0) <> coalesce(b.amount, 0);

-- events_split_by_pool: what an event says of allocated packs, shared packs and debt is what its entries say.
WITH drawn AS (
    SELECT x.request_id, x.account_id, x.version, sum(x.amount) FILTER (WHERE k.user_id IS NOT NULL) AS allocated,
           sum(x.amount) FILTER (WHERE x.kind = 'overdraft') AS debt
      FROM entries x LEFT JOIN packs k ON k.pack_id = x.pack_id
     WHERE x.kind IN ('usage', 'overdraft') GROUP BY 1, 2, 3
)
SELECT v.request_id, v.account_id, v.charge, v.allocated_amount, v.surplus_amount, v.debt_amount,
       d.allocated AS allocated_booked, d.debt AS debt_booked
  FROM events v LEFT JOIN drawn d USING (request_id, account_id, version)
 WHERE v.allocated_amount <> coalesce(d.allocated, 0) OR v.debt_amount <> coalesce(d.debt, 0)
    OR v.allocated_amount + v.surplus_amount <> v.charge;

-- refunds_within_charges: charge plus correction minus refunds is never below zero.
SELECT r.request_id, r.account_id, r.refunded, v.charge + coalesce(c.delta, 0) AS charge
  FROM (SELECT request_id, account_id, sum(amount) AS refunded FROM entries WHERE kind = 'refund' GROUP BY 1, 2) r
  LEFT JOIN events v ON v.day = uuid7_day(r.request_id) AND v.request_id = r.request_id AND v.account_id = r.account_id
  LEFT JOIN corrections c ON c.day = v.day AND c.request_id = v.request_id
 WHERE r.refunded > coalesce(v.charge + coalesce(c.delta, 0), 0) AND NOT was_dropped(r.request_id);

-- corrections_follow_recoveries: only a recovered event is corrected, by its exact count (or, where its hold had
-- estimated it, by its journal's higher estimate) less what was refunded before.
SELECT c.request_id, c.account_id, v.source, v.charge, c.exact, r.refunded, c.delta
  FROM corrections c
  LEFT JOIN events v ON v.day = c.day AND v.request_id = c.request_id AND v.account_id = c.account_id
 CROSS JOIN LATERAL (SELECT coalesce(sum(x.amount), 0) AS refunded FROM entries x
                      WHERE x.request_id = c.request_id AND x.account_id = c.account_id AND x.kind = 'refund'
                        AND x.version < c.version) r
 WHERE NOT was_dropped(c.request_id)
   AND (v.source IS DISTINCT FROM 'recovered' OR (c.source = 'recovered' AND (v.status = 'adopted' OR c.delta <= 0))
        OR c.delta <> greatest(0, c.exact - r.refunded) - (v.charge - r.refunded));

-- packs_conserved: what was booked into a pack and out of it leaves what remains in it.
WITH booked AS (
    SELECT book, sum(amount) AS amount
      FROM (SELECT book_to AS book, amount FROM entries UNION ALL SELECT book_from, 0 - amount FROM entries) b
     WHERE book LIKE 'pack:%' GROUP BY book
)
SELECT b.book, p.pack_id, p.account_id, p.size, p.remaining, b.amount AS booked
  FROM packs p FULL JOIN booked b ON b.book = 'pack:' || p.pack_id
 WHERE p.pack_id IS NULL OR coalesce(p.remaining, 0) <> coalesce(b.amount, 0);

-- packs_granted_once: a pack was granted once, with its size; an unlimited one issues only what is drawn from it.
SELECT p.pack_id, p.account_id, p.size, g.amount AS granted, g.grants
  FROM packs p
  LEFT JOIN (SELECT pack_id, sum(amount) AS amount, count(*) AS grants FROM entries
              WHERE kind IN ('grant', 'purchase') GROUP BY 1) g USING (pack_id)
 WHERE coalesce(g.grants, 0) <> (CASE WHEN p.unlimited THEN 0 ELSE 1 END) OR coalesce(g.amount, 0) <> coalesce(p.size, 0);

-- packs_in_range: a pack holds between nothing and its size, and nothing once it is closed.
SELECT pack_id, account_id, size, remaining, unlimited, revoked_at, closed_at FROM packs
 WHERE NOT CASE WHEN unlimited THEN size IS NULL AND remaining IS NULL
                ELSE coalesce(remaining BETWEEN 0 AND size, false) END
    OR (closed_at IS NOT NULL AND remaining > 0) OR (revoked_at IS NOT NULL AND closed_at IS NULL);

-- debts_conserved: an account's debt is what was booked as such less what was repaid, and what its requests owe.
SELECT account_id, resource, sum(debt) AS debt, sum(booked) AS booked, sum(open) AS open
  FROM (SELECT account_id, resource, debt, 0 AS booked, 0 AS open FROM account_resources
        UNION ALL
        SELECT account_id, resource, 0, CASE WHEN book_from = 'debt' THEN amount ELSE 0 - amount END, 0
          FROM entries WHERE 'debt' IN (book_from, book_to)
        UNION ALL
        SELECT account_id, resource, 0, 0, open FROM debts) d
 GROUP BY 1, 2 HAVING sum(debt) <> sum(booked) OR sum(debt) <> sum(open) OR sum(debt) < 0;

-- debts_of_requests: what a request owes is what was booked for it as debt less what was repaid.
SELECT account_id, request_id, sum(open) AS open, sum(booked) AS booked
  FROM (SELECT account_id, request_id, open, 0 AS booked FROM debts
        UNION ALL
        SELECT account_id, request_id, 0, CASE WHEN book_from = 'debt' THEN amount ELSE 0 - amount END
          FROM entries WHERE 'debt' IN (book_from, book_to)) d
 GROUP BY 1, 2 HAVING sum(open) <> sum(booked);

-- debts_explained: debt comes from use above the hold, from a pack revoked while held, or from an upward correction.
-- What an unlimited pack would have paid is not held: all that ran while one was revoked may have become debt. And what a
-- dead gateway held may have been forgotten by Redis before its journal told of it: others were admitted meanwhile.
SELECT account_id, resource, sum(booked) AS booked, sum(explained) AS explained
  FROM (SELECT account_id, resource, amount AS booked, 0 AS explained FROM entries WHERE kind = 'overdraft'
        UNION ALL
        SELECT account_id, resource, 0, amount FROM entries WHERE kind = 'revoke'
        UNION ALL
        SELECT account_id, resource, 0, charge - reserved FROM events WHERE charge > reserved
        UNION ALL
        SELECT c.account_id, v.resource, 0, c.delta FROM corrections c JOIN events v USING (day, request_id)
         WHERE c.delta > 0
        UNION ALL
        SELECT account_id, resource, 0, charge FROM events WHERE status = 'adopted'
        UNION ALL
        SELECT account_id, resource, 0, explained FROM kept_debt
        UNION ALL
        SELECT v.account_id, v.resource, 0, v.charge FROM events v
         WHERE EXISTS (SELECT 1 FROM packs k
                        WHERE k.account_id = v.account_id AND k.resource = v.resource AND k.unlimited
                          AND k.revoked_at > v.reserved_at AND k.revoked_at <= v.at)) d
 GROUP BY 1, 2 HAVING sum(booked) > sum(explained);

-- system_conserved: all that was issued remains, was used, expired or was revoked; debt is use without issue.
SELECT resource, sum(issued) AS issued, sum(found) AS found
  FROM (SELECT resource, size AS issued, 0 AS found FROM packs WHERE NOT unlimited
        UNION ALL
        SELECT resource, amount, 0 FROM entries WHERE kind = 'auto_grant'
        UNION ALL
        SELECT resource, 0 - amount, 0 FROM entries WHERE book_to = 'issued'
        UNION ALL
        SELECT resource, 0, remaining FROM packs WHERE NOT unlimited
        UNION ALL
        SELECT resource, 0, charge FROM events
        UNION ALL
        SELECT resource, 0, charge FROM kept_usage -- corrections included
        UNION ALL
        SELECT v.resource, 0, c.delta FROM corrections c JOIN events v USING (day, request_id)
        UNION ALL
        SELECT resource, 0, 0 - amount FROM entries WHERE kind = 'refund'
        UNION ALL
        SELECT resource, 0, amount FROM entries WHERE book_to IN ('expired', 'revoked')
        UNION ALL
        SELECT resource, 0, 0 - debt FROM account_resources) s
 GROUP BY 1 HAVING sum(issued) <> sum(found);

-- versions_gap_free: every version of an account, from 1 to the newest, is an event, an entry, a correction or a change.
SELECT account_id, a.version, s.versions, s.first, s.last
  FROM accounts a
  FULL JOIN (SELECT account_id, count(*) AS versions, min(version) AS first, max(version) AS last
               FROM (SELECT account_id, version FROM events
                     UNION SELECT account_id, version FROM entries
                     UNION SELECT account_id, version FROM corrections
                     UNION SELECT account_id, version FROM account_changes) v GROUP BY 1) s USING (account_id)
 WHERE a.account_id IS NULL OR a.version <> coalesce(s.versions, 0) OR a.version <> coalesce(s.last, 0)
    OR coalesce(s.first, 1) <> 1;

-- entries_numbered: the entries of one version are numbered 1, 2, 3 …
SELECT account_id, version, count(*) AS entries, min(seq) AS first, max(seq) AS last
  FROM entries GROUP BY 1, 2 HAVING min(seq) <> 1 OR max(seq) <> count(*) OR count(DISTINCT seq) <> count(*);

-- entries_replay: each entry's balance is the one before plus its effect.
SELECT id, account_id, resource, version, seq, balance_after, replayed
  FROM (SELECT id, account_id, resource, version, seq, balance_after,
               delta + lag(balance_after, 1, 0::bigint) OVER (PARTITION BY account_id, resource ORDER BY version, seq)
                   AS replayed
          FROM entries) e
 WHERE balance_after <> replayed;

-- balances_replay: the balance after the last entry is what packs and debt say now.
SELECT account_id, resource, l.balance_after, n.balance
  FROM (SELECT DISTINCT ON (account_id, resource) account_id, resource, balance_after FROM entries
         ORDER BY account_id, resource, version DESC, seq DESC) l
  FULL JOIN (SELECT account_id, resource, sum(amount) AS balance
               FROM (SELECT account_id, resource, remaining AS amount FROM packs WHERE closed_at IS NULL
                     UNION ALL
                     SELECT account_id, resource, 0 - debt FROM account_resources) p
              GROUP BY 1, 2) n USING (account_id, resource)
 WHERE coalesce(l.balance_after, 0) <> coalesce(n.balance, 0);

-- entries_follow_their_kind: each kind moves between its own books, its pack is the one in the book, and its effect on
-- the balance is that of its books (nothing, where an unlimited pack nets zero).
SELECT e.id, e.account_id, e.kind, e.amount, e.delta, e.book_from, e.book_to, e.pack_id
  FROM (SELECT x.*, coalesce('pack:' || x.pack_id, '') AS pack,
               (book_to = 'debt' OR book_to LIKE 'pack:%')::int - (book_from = 'debt' OR book_from LIKE 'pack:%')::int AS sign
          FROM entries x) e
  LEFT JOIN packs p ON p.pack_id = e.pack_id
 WHERE NOT CASE
           WHEN kind IN ('grant', 'purchase', 'auto_grant') THEN book_from = 'issued' AND book_to = pack
           WHEN kind = 'usage' THEN book_from = pack AND book_to = 'usage'
           WHEN kind = 'overdraft' THEN book_from = 'debt' AND book_to = 'usage'
           WHEN kind = 'repay' THEN book_from = pack AND book_to = 'debt'
           WHEN kind = 'expire' THEN book_from = pack AND book_to = 'expired'
           WHEN kind = 'revoke' THEN book_from = pack AND book_to = 'revoked'
           ELSE (book_from = 'usage' AND book_to IN (pack, 'debt', 'expired', 'revoked', 'issued'))
             OR (kind = 'correction' AND book_from = pack AND book_to = 'usage') END
    OR (delta <> sign * amount AND NOT (delta = 0 AND coalesce(p.unlimited, false)));

-- draws_in_scope: a pack pays only for its own account, resource, member and models.
SELECT x.id, x.account_id, x.pack_id, x.request_id, x.resource, v.user_id, v.model
  FROM entries x
  LEFT JOIN packs p ON p.pack_id = x.pack_id
  LEFT JOIN events v ON v.day = uuid7_day(x.request_id) AND v.request_id = x.request_id
 WHERE x.pack_id IS NOT NULL AND NOT (x.request_id IS NOT NULL AND was_dropped(x.request_id))
   AND NOT (coalesce(p.account_id = x.account_id AND p.resource = x.resource, false)
            AND (x.request_id IS NULL
                 OR coalesce((p.user_id IS NULL OR p.user_id = v.user_id)
                             AND (p.models IS NULL OR v.model = ANY(p.models)), false)));

-- no_dead_pack_drawn: nothing is drawn from a pack that had expired when the request was reserved, or that is closed.
SELECT x.id, x.account_id, x.pack_id, x.request_id, x.kind, v.reserved_at, p.expires_at, p.closed_at
  FROM entries x
  JOIN packs p ON p.pack_id = x.pack_id
  LEFT JOIN events v ON v.day = uuid7_day(x.request_id) AND v.request_id = x.request_id
  LEFT JOIN (SELECT pack_id, min(version) AS version FROM entries WHERE kind IN ('expire', 'revoke') GROUP BY 1) c
         ON c.pack_id = x.pack_id
 WHERE x.book_from = 'pack:' || x.pack_id AND x.kind NOT IN ('expire', 'revoke')
   AND ((x.kind IN ('usage', 'correction') AND p.expires_at <= v.reserved_at)
        OR x.version > c.version OR (c.version IS NULL AND x.at > p.closed_at));

-- append_only: the database refuses to change or delete events, entries, corrections, account changes, seals, the trail,
-- prices and rates.
-- The bits 27 of a trigger: for each row, before, on delete and on update.
SELECT g.oid::regclass::text AS table_name
  FROM (SELECT t::regclass::oid AS oid FROM unnest(ARRAY['events', 'entries', 'corrections', 'account_changes', 'seals', 'trail',
             'prices', 'feature_rates']) t
        UNION
        SELECT inhrelid FROM pg_inherits WHERE inhparent IN ('events'::regclass, 'entries'::regclass)) g
 WHERE NOT EXISTS (SELECT 1 FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
                    WHERE t.tgrelid = g.oid AND f.proname = 'refuse_change' AND t.tgenabled IN ('O', 'A')
                      AND t.tgtype & 27 = 27);

-- seals_contiguous: seals stand one behind the other, in the whole ledger and in each account, without a gap, each with
-- the hash of what it says. That their entries are as they were sealed is what `farebox audit --verify` finds out.
SELECT position, account_id, number, first_version, last_version
  FROM (SELECT s.*, lag(position, 1, 0::bigint) OVER overall AS position_before, lag(hash) OVER overall AS hash_before,
               lag(number, 1, 0::bigint) OVER account AS number_before,
               lag(last_version, 1, 0::bigint) OVER account AS version_before, lag(hash) OVER account AS account_before,
               seal_hash(ROW(position, account_id, number, first_version, last_version, entries, first_day, last_day, sums,
                   ''::bytea, leaves_digest, previous, previous_overall, sealed_at, hash)::seals) AS hash_now
          FROM seals s
        WINDOW overall AS (ORDER BY position), account AS (PARTITION BY account_id ORDER BY number)) s
 WHERE position <> position_before + 1 OR number <> number_before + 1 OR first_version <> version_before + 1
    OR previous_overall <> coalesce(hash_before, decode(repeat('00', 32), 'hex'))
    OR previous <> coalesce(account_before, decode(repeat('00', 32), 'hex')) OR hash <> hash_now;

-- entries_repeat_their_event: what an entry says of its request is what the event says; entries are sealed, so with
-- this and entries_equal_charges the facts that an event was charged by are sealed too.
SELECT x.id, x.account_id, x.request_id, x.kind, v.version
  FROM entries x LEFT JOIN events v ON v.day = uuid7_day(x.request_id) AND v.request_id = x.request_id
 WHERE x.request_id IS NOT NULL AND NOT was_dropped(x.request_id)
   AND (x.account_id, x.resource, x.user_id, x.key_id, x.model, x.service, x.session_id, x.prompt_tokens,
        x.completion_tokens, x.source)
       IS DISTINCT FROM (v.account_id, v.resource, v.user_id, v.key_id, v.model, coalesce(v.feature, v.endpoint),
                         v.session_id, v.prompt_tokens, v.completion_tokens, v.source);

-- reservations_follow_their_events: a reservation that was settled has its event, with its charge (as corrected); any other
-- has none. What retention has dropped of the events is not asked for.
SELECT r.reservation_id, r.account_id, r.status, r.by_deadline, r.charge, v.charge AS booked, c.exact
  FROM reservations r
  LEFT JOIN events v ON v.day = uuid7_day(r.reservation_id) AND v.request_id = r.reservation_id
  LEFT JOIN corrections c ON c.day = v.day AND c.request_id = v.request_id
 WHERE NOT was_dropped(r.reservation_id)
   AND ((r.status = 'settled') <> (v.request_id IS NOT NULL)
        OR v.account_id <> r.account_id OR r.charge <> coalesce(c.exact, v.charge)
        OR (v.request_id IS NOT NULL AND r.by_deadline <> (v.source = 'recovered' AND c.request_id IS NULL)));

-- recurring_granted_once: a period of a schedule has at most one pack, of the schedule's account and scope, and a pack
-- belongs to at most one period.
SELECT g.recurring_id, g.period_start, g.pack_id, k.account_id
  FROM recurring_grants g
  JOIN recurring_packs r ON r.recurring_id = g.recurring_id
  LEFT JOIN packs k ON k.pack_id = g.pack_id
 WHERE g.pack_id IS NOT NULL
   AND (k.account_id, k.resource, k.user_id, k.models, g.account_id)
       IS DISTINCT FROM (r.account_id, r.resource, r.user_id, r.models, r.account_id)
UNION ALL
SELECT min(g.recurring_id::text)::uuid, min(g.period_start), g.pack_id, NULL
  FROM recurring_grants g WHERE g.pack_id IS NOT NULL GROUP BY g.pack_id HAVING count(*) > 1;

-- surplus_replays: what all entries did to an account's surplus is what its shared packs hold, less its debt.
SELECT account_id, resource, sum(replayed) AS replayed, sum(surplus) AS surplus
  FROM (SELECT e.account_id, e.resource, surplus_effect(e.kind, e.amount, e.delta, k.user_id) AS replayed, 0 AS surplus
          FROM entries e LEFT JOIN packs k ON k.pack_id = e.pack_id
        UNION ALL
        SELECT account_id, resource, 0, remaining FROM packs WHERE user_id IS NULL AND NOT unlimited
        UNION ALL
        SELECT account_id, resource, 0, 0 - debt FROM account_resources) s
 GROUP BY 1, 2 HAVING sum(replayed) <> sum(surplus);

-- nothing_parked: no settlement waits for a person because Postgres refused it.
SELECT p.request_id, p.error, p.at
  FROM parked_settlements p LEFT JOIN events v ON v.request_id::text = p.request_id
 WHERE v.request_id IS NULL;

-- largest_debt: not broken, reported: the largest debt that ever arose.
SELECT account_id, request_id, resource, amount, at FROM entries
 WHERE kind = 'overdraft' ORDER BY amount DESC, at LIMIT 1;
