-- rebuild.lua: put an account right that was found to differ: the snapshot from Postgres, the counters from the holds
-- that exist, a deadline for each of them. Only while it is what was compared: else nothing is changed.
--
-- KEYS[1] epoch sentinel  KEYS[2] account hash  KEYS[3] holds hash  KEYS[4] deadlines zset  KEYS[5] limits hash
-- ARGV  1 epoch  2 account  3 version that was compared  4 version  5 snapshot (JSON)  6 lease ms
-- Returns {code}   1 put right   0 it has moved meanwhile   -1 another epoch
-- Caller: metering/reconciler.py.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1} end
local at = redis.call('HMGET', KEYS[2], 'ep', 'ver', 'lt')
if at[1] ~= ARGV[1] or (at[2] or '') ~= ARGV[3] then return {0} end
local flat, delta = redis.call('HGETALL', KEYS[3]), {n = 0, un = 0}
redis.call('DEL', KEYS[2], KEYS[5])
redis.call('HSET', KEYS[2], 'ep', ARGV[1], 'ver', ARGV[4], 'seen', ARGV[4], 'snap', ARGV[5], 'n', 0, 'un', 0,
           'lt', tonumber(at[3]) or 0)
for i = 1, #flat, 2 do
  local h, member = cmsgpack.unpack(flat[i + 1]), ARGV[2] .. ':' .. flat[i]
  if not redis.call('ZSCORE', KEYS[4], member) then redis.call('ZADD', KEYS[4], clock_ms() + tonumber(ARGV[6]), member) end
  if h[STATE] ~= 'T' then
    gather(delta, h[RESOURCE], h[SPLIT], h[OVER], 1)
    delta.n = delta.n + 1
    if h[STATE] == 'S' then delta.un = delta.un + h[AMOUNT] end
  end
end
write_counters(KEYS[2], delta)
return {1}
