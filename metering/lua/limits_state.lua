-- limits_state.lua: what counts for limits now. Writes nothing.
--
-- KEYS[1] epoch sentinel  KEYS[3] holds hash  KEYS[5] limits hash
-- ARGV  1 epoch  2 unit of spend  3 day  4 its end  5 month  6 its end (ms)  7.. tags
-- Returns {code, the clock in ms, for each tag {requests and tokens of this minute, open holds, held in the day, in the
--          month}, ...}   1 known   -1 another epoch
-- Caller: metering/spends.py.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1} end
local now = clock_ms()
local limits, reply = limits_in(KEYS[5], KEYS[3]), {1, now}
for i = 7, #ARGV do
  reply[#reply + 1] = limits.look(ARGV[i], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), now)
end
return reply
