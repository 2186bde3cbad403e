-- sweep.lua: claim holds of one bucket whose deadline has passed. The deadline is pushed, never removed: a
-- sweeper that dies loses its claim, and the hold stays.
--
-- KEYS[1] epoch sentinel  KEYS[2] deadlines zset
-- ARGV  1 epoch  2 most to claim  3 claim ms
-- Returns {code, how late the oldest one is in ms (0: none is), "<account>:<request id>", ...}
--   1 claimed   -1 another epoch
-- Caller: metering/recovery.py.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1} end
local now, reply = clock_ms(), {1, 0}
local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'WITHSCORES', 'LIMIT', 0, ARGV[2])
if due[2] then reply[2] = now - tonumber(due[2]) end
for i = 1, #due, 2 do
  redis.call('ZADD', KEYS[2], now + tonumber(ARGV[3]), due[i])
  reply[#reply + 1] = due[i]
end
return reply
