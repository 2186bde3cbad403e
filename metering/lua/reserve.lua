-- reserve.lua: check and hold one request's worst case, in one step.
--
-- KEYS[1] epoch sentinel  KEYS[2] account hash  KEYS[3] holds hash  KEYS[4] deadlines zset  KEYS[5] limits hash
-- KEYS[6] only with an Idempotency-Key: who has it, as "<request id> <digest>"
-- ARGV  1 epoch  2 account  3 request id  4 amount wanted  5 least amount accepted  6 lease ms  7 instance
--       8 resource  9 user ("" none)  10 model  11 facts  12 default minimum reserve  13 default floor
--       14 unsettled max  15 holds max  16 limits ("" none), msgpack: {tokens of the amount wanted, of the least one,
--       {unit, day, its end, month, its end, {{tag, requests a minute, tokens a minute, at once, spend a day, a month}, ...}}}
--       with KEYS[6]: 17 "<request id> <digest>" of this request  18 seconds to remember it
--       19 what may stand there all the same: it has no hold and no charge ("" nothing)
-- Returns {code, granted, balance, reserved, reserved_at_ms, min_reserve, next_expiry_ms, split, unlimited,
--          with limits: what limits.lua shows of them, or which of them is in the way}
--   1 reserved   2 this id is held already (a retry: nothing changed)
--   3 another request has the Idempotency-Key: {3, "<its id> <its digest>", state of its hold ("" none), its amount}
--   -1 another epoch  -2 load the account  -3 suspended  -4 the id is refused (tombstone)
--   -5 too much waits for Postgres  -6 too many holds
--   -7 spend must be asked of Postgres: {-7, the clock in ms}
--   -10 no active pack fits  -11 below the minimum reserve  -12 insufficient balance  -13 balance is held
--   -20 a limit is reached
-- A refusal changes nothing that is counted.
-- Caller: metering/admission.py. A changed reply is a new file (rolling deploys).

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1} end
local a = read_account(KEYS[2])
if a.ep ~= ARGV[1] then return {-2} end
if a.snap.st ~= 'active' then return {-3} end
local old = redis.call('HGET', KEYS[3], ARGV[3])
if old then
  local h = cmsgpack.unpack(old)
  if h[STATE] == 'T' then return {-4} end
  return {2, h[AMOUNT], 0, 0, h[AT], 0, 0, h[SPLIT], 0}
end
local known = KEYS[6] and redis.call('GET', KEYS[6])
if known and known ~= ARGV[17] and known ~= ARGV[19] then
  local packed = redis.call('HGET', KEYS[3], string.match(known, '^%S+'))
  local h = packed and cmsgpack.unpack(packed) or {'T', 0}
  return {3, known, h[STATE] == 'T' and '' or h[STATE], h[AMOUNT]}
end
local want, least, resource, user, model = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[8], ARGV[9], ARGV[10]
local min = min_reserve_of(a, resource, ARGV[12])
local keep = a.snap.fl == 'keep' or (a.snap.fl == cjson.null and ARGV[13] == 'keep')
local balance, reserved, next_expiry = totals(a, resource)
local count, free, whole, unlimited = fitting(a, resource, user, model, a.now)

local limits = (ARGV[16] ~= '' or a.lm) and limits_in(KEYS[5], KEYS[3])
local asked = ARGV[16] ~= '' and cmsgpack.unpack(ARGV[16])

local function answer(code, granted, parts, limited)
  return {code, granted, balance, reserved, a.now, min, next_expiry, parts or {}, unlimited and 1 or 0, limited}
end

if count == 0 then return answer(-10, 0) end
if tonumber(a.un or '0') > tonumber(ARGV[14]) then return answer(-5, 0) end
if tonumber(a.n or '0') >= tonumber(ARGV[15]) then return answer(-6, 0) end
local granted = want
if not unlimited then
  if balance < math.max(min, 1) then return answer(-11, 0) end
  local available = balance - reserved
  local room, most = math.min(available, free), math.min(balance, whole)
  if keep then room, most = math.min(room, available - min), math.min(most, balance - min) end
  granted = math.min(want, room)
  if available < min or granted < least then
    if keep and balance - least < min then return answer(-11, 0) end
    if least > most then return answer(-12, 0) end
    return answer(-13, 0)
  end
end

local shown, counted
if asked then
  if not limits.ready(asked[3], a.now) then return {-7, a.now} end
  local most, wall = limits.room(asked[3], a.now, want, least, asked[1], asked[2], resource)
  if wall then
    -- What had to be counted anew is kept, so that the next refusal need not do it again.
    if limits.write() then redis.call('HSET', KEYS[2], 'lm', 1) end
    return answer(-20, 0, nil, wall)
  end
  granted = math.min(granted, most)
  counted = asked[1]
  if granted < want then
    counted = asked[2] + math.ceil((granted - least) * (asked[1] - asked[2]) / (want - least))
  end
end

local parts = spread(a, resource, user, model, a.now, granted)
if KEYS[6] then redis.call('SET', KEYS[6], ARGV[17], 'EX', ARGV[18]) end
local h = {'R', granted, a.now, ARGV[7], resource, user, model, parts, 0, 0, ARGV[11], counted}
redis.call('HSET', KEYS[3], ARGV[3], cmsgpack.pack(h))
redis.call('ZADD', KEYS[4], a.now + tonumber(ARGV[6]), ARGV[2] .. ':' .. ARGV[3])
local counters = {'lt', a.now, 'n', tonumber(a.n) + 1}
for i = 1, #parts, 2 do
  counters[#counters + 1] = 'h:' .. resource .. ':' .. parts[i]
  counters[#counters + 1] = held_on(a, resource, parts[i]) + parts[i + 1]
end
if limits then
  counters[#counters + 1] = 'lm'
  counters[#counters + 1] = 1
  limits.moved(h, 1)
  if asked then
    limits.counted(h, asked[3])
    shown = limits.shown(asked[3], a.now)
  end
  limits.write()
end
redis.call('HSET', KEYS[2], unpack(counters))
for i = 2, #parts, 2 do reserved = reserved + parts[i] end
return answer(1, granted, parts, shown)
