"""Seeded bugs: each is a short text of the code, what it becomes, and the test that must notice.

``make mutants`` tries them on a copy of the tree; tests/house/test_mutants.py keeps the texts from growing stale.
"""

from typing import NamedTuple

MODEL = "tests/model"
METERING = "tests/integration/metering"
CRASH = "tests/integration/crash"
LIMITS = "tests/integration/metering/test_limits.py"
SPEND = "tests/integration/metering/test_limits_spend.py"


class Mutant(NamedTuple):
    """One bug: in ``file`` the text ``old``, which is there exactly once, becomes ``new``; ``test`` kills it."""

    name: str
    file: str
    old: str
    new: str
    test: str


MUTANTS = (
    Mutant(
        "orphans are released",
        "metering/core/orphan.py",
        "    charge = orphan_charge(facts, amount=reservation.amount, progress=progress)",
        "    charge = 0",
        f"{METERING}/test_recovery.py::test_usage_that_was_not_known_is_settled_by_the_orphan_rule",
    ),
    Mutant(
        "an orphan pays nothing beyond its last note",
        "metering/core/orphan.py",
        "PROGRESS_TOKENS = 256",
        "PROGRESS_TOKENS = 0",
        f"{METERING}/test_recovery.py::test_usage_that_was_not_known_is_settled_by_the_orphan_rule",
    ),
    Mutant(
        "deltas instead of absolutes: only the very next version is taken",
        "metering/lua/apply.lua",
        "if at[1] == ARGV[1] and version > tonumber(at[3]) then",
        "if at[1] == ARGV[1] and version == tonumber(at[3]) + 1 then",
        MODEL,
    ),
    Mutant(
        "lock and read in one statement",
        "metering/sql/functions/30_settle.sql",
        "    PERFORM 1 FROM accounts a WHERE a.account_id = ANY(v_accounts) ORDER BY a.account_id FOR NO KEY UPDATE;\n"
        "    GET",
        "    PERFORM 1 FROM accounts a WHERE a.account_id = ANY(v_accounts);\n    GET",
        f"{METERING}/test_settle_corrections.py::test_batch_that_waited_reads_what_was_booked_meanwhile",
    ),
    Mutant(
        "the split is ignored",
        "metering/sql/functions/30_settle.sql",
        "v_parts := coalesce(jsonb_array_length(r.split), 0) / 2;",
        "v_parts := 0;",
        MODEL,
    ),
    Mutant(
        "zero is a sentinel for all",
        "metering/sql/functions/40_correct.sql",
        "v_delta := greatest(0, r.charge - v_refunded) - (v_event.charge - v_refunded);",
        "v_delta := greatest(0, coalesce(nullif(r.charge, 0), v_event.charge) - v_refunded)"
        " - (v_event.charge - v_refunded);",
        MODEL,
    ),
    Mutant(
        "a minus zero",
        "metering/lua/prelude.lua",
        "    if amount ~= 0 and redis.call('HINCRBY', key, field, amount) == 0",
        "    if redis.call('HINCRBY', key, field, -(0 - amount)) == 0",
        "tests/unit/metering/test_scripts.py",
    ),
    Mutant(
        "no `seen`",
        "metering/lua/load.lua",
        "if version < tonumber(at[3] or '0') then return {-2} end",
        "",
        MODEL,
    ),
    Mutant(
        "acknowledged before it is committed",
        "metering/settler.py",
        "        self._queues[lane].append(pending)",
        "        self._queues[lane].append(pending)\n        self._done([pending.request_id])",
        f"{CRASH}/test_crash_points.py::test_request[before commit x gateway]",
    ),
    Mutant(
        "the tombstone is ignored",
        "metering/lua/reserve.lua",
        "if old then\n  local h = cmsgpack.unpack(old)",
        "if old and cmsgpack.unpack(old)[STATE] ~= 'T' then\n  local h = cmsgpack.unpack(old)",
        MODEL,
    ),
    Mutant(
        "the epoch is not compared",
        "metering/lua/reserve.lua",
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1} end",
        "",
        "tests/unit/metering/test_scripts.py",
    ),
    Mutant(
        "apply takes a lower version",
        "metering/lua/apply.lua",
        "version > tonumber(at[3]) then",
        "version > 0 then",
        MODEL,
    ),
    Mutant(
        "a hold has a time to live",
        "metering/lua/reserve.lua",
        "redis.call('ZADD', KEYS[4], a.now + tonumber(ARGV[6])",
        "redis.call('PEXPIRE', KEYS[3], 5)\nredis.call('ZADD', KEYS[4], a.now + tonumber(ARGV[6])",
        MODEL,
    ),
    Mutant(
        "a refund beyond what a request drew",
        "metering/sql/functions/40_correct.sql",
        "        v_take := least(p.drawn, v_left);",
        "        v_take := v_left;",
        MODEL,
    ),
    Mutant(
        "a refund beyond the charge",
        "metering/sql/functions/40_correct.sql",
        "v_amount := least(coalesce(p_amount, v_open), v_open);",
        "v_amount := coalesce(p_amount, v_open);",
        MODEL,
    ),
    Mutant(
        "debt is not repaid",
        "metering/sql/functions/50_packs.sql",
        "            EXIT WHEN v_left = 0;",
        "            EXIT;",
        MODEL,
    ),
    Mutant(
        "expiry is booked while something is held",
        "metering/upkeep.py",
        "grace = meter.request_seconds_max + 2 * meter.lease_seconds",
        "grace = 0.0",
        f"{METERING}/test_expiry.py",
    ),
    Mutant(
        "an unlimited pack is summed",
        "metering/lua/prelude.lua",
        "        if p[PACK_LEFT] < 0 then unlimited = true else balance = balance + p[PACK_LEFT] end",
        "        if p[PACK_LEFT] < 0 then unlimited = true end\n        balance = balance + p[PACK_LEFT]",
        MODEL,
    ),
    Mutant(
        "finish frees from the head",
        "metering/lua/prelude.lua",
        "  for i = 1, #split, 2 do\n    local take = math.min(amount, split[i + 1])",
        "  for i = #split - 1, 1, -2 do\n    local take = math.min(amount, split[i + 1])",
        MODEL,
    ),
    Mutant(
        "what is above the hold is not held",
        "metering/lua/finish.lua",
        "    over = unlimited and 0 or rest",
        "    over = 0",
        MODEL,
    ),
    Mutant(
        "extend adds instead of growing to a total",
        "metering/lua/extend.lua",
        "local want, least = tonumber(ARGV[3]), tonumber(ARGV[4])",
        "local want, least = h[AMOUNT] + tonumber(ARGV[3]), tonumber(ARGV[4])",
        MODEL,
    ),
    Mutant(
        "F is written after the first byte",
        "metering/hold.py",
        "        self._note_forwarding()\n        self.forwarded = True",
        "        self.forwarded = True",
        f"{CRASH}/test_crash_points.py::test_request[after journal F x gateway]",
    ),
    Mutant(
        "I is not written",
        "metering/meter.py",
        "        self.journal.begin(order.request_id, facts_json)",
        "",
        f"{CRASH}/test_crash_points.py::test_request[after journal F x gateway]",
    ),
    Mutant(
        "a torn journal proves that nothing was forwarded",
        "metering/dead_journal.py",
        "return self.whole and (",
        "return (",
        f"{METERING}/test_recovery.py::test_torn_journal_proves_nothing_so_the_deadline_tells",
    ),
    Mutant(
        "adoption without the lock",
        "metering/dead_journal.py",
        "            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "            pass",
        f"{METERING}/test_recovery.py::test_journal_of_a_living_gateway_is_left_alone",
    ),
    Mutant(
        "the sweeper takes no notice of state S",
        "metering/recovery.py",
        '    if hold[STATE] == "S":',
        '    if hold[STATE] == "never":',
        f"{METERING}/test_recovery.py::test_usage_that_was_known_is_settled_exactly",
    ),
    Mutant(
        "a sweep removes the deadline that it claims",
        "metering/lua/sweep.lua",
        "  redis.call('ZADD', KEYS[2], now + tonumber(ARGV[3]), due[i])",
        "  redis.call('ZREM', KEYS[2], due[i])",
        MODEL,
    ),
    Mutant(
        "usage below 60 % is believed",
        "metering/core/usage.py",
        "counted_completion * BELIEVED_PERCENT_MIN",
        "0",
        "tests/unit/metering/core/test_usage.py",
    ),
    Mutant(
        "an exact charge after a recovered one changes nothing",
        "metering/sql/functions/30_settle.sql",
        "            IF correct_event(r) THEN",
        "            IF false THEN",
        MODEL,
    ),
    Mutant(
        "a hold is announced after it was booked",
        "metering/meter.py",
        "                if not self.owns(hold.request_id):",
        "                if False:",
        f"{METERING}/test_announce_race.py",
    ),
    Mutant(
        "two entries for one pack",
        "metering/sql/functions/30_settle.sql",
        "v_same := array_position(e_pack, k_pack[k], v_written + 1);",
        "v_same := NULL;",
        MODEL,
    ),
    Mutant(
        "a hold that is given back stays counted for its limits",
        "metering/lua/release.lua",
        "  limits.released(h)\n",
        "",
        LIMITS,
    ),
    Mutant(
        "what is held is no spend until it is booked",
        "metering/lua/limits.lua",
        "local used = used_of(tag, c)[MONTH_USED] + c[MONTH_HELD]",
        "local used = used_of(tag, c)[MONTH_USED]",
        SPEND,
    ),
    Mutant(
        "a charge is added to what Postgres has told already",
        "metering/lua/limits.lua",
        "if u and version > u[VERSION] and",
        "if u and",
        SPEND,
    ),
    Mutant(
        "spend is not asked for again after a refund",
        "metering/lua/apply.lua",
        "  if not sure then limits.doubt(version) end\n",
        "",
        SPEND,
    ),
    Mutant(
        "tokens stay as they were estimated",
        "metering/lua/finish.lua",
        "known and used.prompt_tokens and used.prompt_tokens + used.completion_tokens",
        "nil",
        LIMITS,
    ),
    Mutant(
        "what was open before a limit was set is not counted",
        "metering/lua/limits.lua",
        "        if its == tag then move",
        "        if false then move",
        LIMITS,
    ),
)
