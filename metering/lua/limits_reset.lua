-- limits_reset.lua: let a tag's minute begin again; what is open or spent is not Redis's to forget.
--
-- KEYS[1] epoch sentinel  KEYS[3] holds hash  KEYS[5] limits hash
-- ARGV  1 epoch  2 tag  3 "1": requests  4 "1": tokens
-- Returns {code}   1 done   -1 another epoch
-- Caller: metering/spends.py.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1} end
local limits = limits_in(KEYS[5], KEYS[3])
limits.reset(ARGV[2], ARGV[3] == '1', ARGV[4] == '1', clock_ms())
limits.write()
return {1}
