-- release.lua: give a hold back that was certainly never forwarded. An unknown id gets a tombstone until its
-- deadline, since the reserve whose reply was lost may still arrive.
--
-- KEYS[1] epoch sentinel  KEYS[2] account hash  KEYS[3] holds hash  KEYS[4] deadlines zset  KEYS[5] limits hash
-- ARGV  1 epoch  2 account  3 request id  4 tombstone ms
-- Returns {code}   1 released   0 none: a tombstone is there   -1 another epoch   -4 settling: not released
-- Caller: metering/admission.py.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1} end
local packed = redis.call('HGET', KEYS[3], ARGV[3])
if not packed then
  redis.call('HSET', KEYS[3], ARGV[3], cmsgpack.pack({'T', 0, clock_ms(), '', '', '', '', {}, 0, 0, ''}))
  redis.call('ZADD', KEYS[4], clock_ms() + tonumber(ARGV[4]), ARGV[2] .. ':' .. ARGV[3])
  return {0}
end
local h = cmsgpack.unpack(packed)
if h[STATE] == 'T' then return {0} end
if h[STATE] == 'S' then return {-4} end
local delta = {}
drop(delta, KEYS[3], KEYS[4], ARGV[2], ARGV[3], h)
if write_counters(KEYS[2], delta) then
  local limits = limits_in(KEYS[5], KEYS[3])
  limits.released(h)
  limits.write()
end
return {1}
