-- sweep.lua: claim holds of one bucket whose deadline has passed. The deadline is pushed, never removed: a
-- sweeper that dies loses its claim, and the hold stays.
--
-- KEYS[1] epoch sentinel  KEYS[2] deadlines zset
-- ARGV  1 epoch  2 most to claim  3 claim ms
-- Returns {code, "<account>:<request id>", ...}   1 claimed   -1 another epoch
-- Caller: metering/sweeper.py.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1} end
local now, reply = clock_ms(), {1}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, ARGV[2])) do
  redis.call('ZADD', KEYS[2], now + tonumber(ARGV[3]), member)
  reply[#reply + 1] = member
end
return reply
