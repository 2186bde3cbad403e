-- load.lua: take one account from Postgres into this epoch. What is held is counted from the holds that exist.
--
-- KEYS[1] epoch sentinel  KEYS[2] account hash  KEYS[3] holds hash  KEYS[5] limits hash
-- ARGV  1 epoch  2 version  3 snapshot (JSON)
-- Returns {code}   1 loaded   0 nothing newer   -1 another epoch   -2 this read is older than what was heard of
-- Caller: metering/admission.py.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1} end
local at = redis.call('HMGET', KEYS[2], 'ep', 'ver', 'seen', 'lt')
local version = tonumber(ARGV[2])
if version < tonumber(at[3] or '0') then return {-2} end
if at[1] == ARGV[1] and tonumber(at[2]) >= version then return {0} end
local holds = redis.call('HVALS', KEYS[3])
redis.call('DEL', KEYS[2], KEYS[5])
redis.call('HSET', KEYS[2], 'ep', ARGV[1], 'ver', ARGV[2], 'seen', ARGV[2], 'snap', ARGV[3], 'n', 0, 'un', 0,
           'lt', at[4] or '0')
local delta = {n = 0, un = 0}
for _, packed in ipairs(holds) do
  local h = cmsgpack.unpack(packed)
  if h[STATE] ~= 'T' then
    gather(delta, h[RESOURCE], h[SPLIT], h[OVER], 1)
    delta.n = delta.n + 1
    if h[STATE] == 'S' then delta.un = delta.un + h[AMOUNT] end
  end
end
write_counters(KEYS[2], delta)
return {1}
