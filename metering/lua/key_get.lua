-- key_get.lua: what the mirror knows of an API key, and how long ago Postgres said so. Writes nothing.
--
-- KEYS[1] epoch sentinel of the digest's bucket  KEYS[2] key hash (key_put.lua)
-- ARGV  1 epoch
-- Returns {code, record, age ms, now ms}   1 known   0 not known in this epoch   -1 another epoch
-- Caller: metering/key_mirror.py.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1} end
local at = redis.call('HMGET', KEYS[2], 'ep', 'at', 'rec')
if at[1] ~= ARGV[1] then return {0} end
local now = clock_ms()
return {1, at[3], math.max(0, now - tonumber(at[2])), now}
