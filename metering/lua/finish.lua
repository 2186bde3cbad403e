-- finish.lua: the exact charge is known and Postgres has not booked it yet: the hold becomes the outbox.
--
-- KEYS[1] epoch sentinel  KEYS[2] account hash  KEYS[3] holds hash  KEYS[4] deadlines zset  KEYS[5] limits hash
-- ARGV  1 epoch  2 account  3 request id  4 charge  5 lease ms  6 settlement (JSON, kept for whoever recovers it)
-- Returns {code}   1 done   2 done before   0 no hold of this id   -1 another epoch   -4 another charge before
-- Below the hold the split is freed from its tail; above it the excess is laid on the fitting packs in order,
-- and the rest on the account. Caller: metering/admission.py.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1} end
local packed = redis.call('HGET', KEYS[3], ARGV[3])
local h = packed and cmsgpack.unpack(packed)
if not h or h[STATE] == 'T' then return {0} end
local charge = tonumber(ARGV[4])
if h[STATE] == 'S' then return {h[AMOUNT] == charge and 2 or -4} end
local delta = {un = charge}
gather(delta, h[RESOURCE], h[SPLIT], h[OVER], -1)
local kept, left = head_of(h[SPLIT], charge)
local over = 0
if left > 0 and charge > h[AMOUNT] then
  local a = read_account(KEYS[2])
  over = left
  if a.ep == ARGV[1] then
    -- The excess looks for room beside what is kept, in place of what was held.
    local moved = {}
    gather(moved, h[RESOURCE], h[SPLIT], h[OVER], -1)
    gather(moved, h[RESOURCE], kept, 0, 1)
    for field, amount in pairs(moved) do a[field] = tonumber(a[field] or '0') + amount end
    local parts, rest = spread(a, h[RESOURCE], h[USER], h[MODEL], h[AT], left)
    local _, _, _, unlimited = fitting(a, h[RESOURCE], h[USER], h[MODEL], h[AT])
    kept = add_parts(kept, parts)
    over = unlimited and 0 or rest
  end
end
local held = h[AMOUNT]
h[STATE], h[AMOUNT], h[SPLIT], h[OVER], h[FACTS] = 'S', charge, kept, over, ARGV[6]
redis.call('HSET', KEYS[3], ARGV[3], cmsgpack.pack(h))
redis.call('ZADD', KEYS[4], clock_ms() + tonumber(ARGV[5]), ARGV[2] .. ':' .. ARGV[3])
gather(delta, h[RESOURCE], kept, over, 1)
if write_counters(KEYS[2], delta) then
  local limits, known, used = limits_in(KEYS[5], KEYS[3]), pcall(cjson.decode, ARGV[6])
  limits.changed(h, 'R', held, known and used.prompt_tokens and used.prompt_tokens + used.completion_tokens)
  limits.write()
end
return {1}
