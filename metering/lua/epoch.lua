-- epoch.lua: write a bucket's sentinel, unless a newer epoch is there.
--
-- KEYS[1] epoch sentinel   ARGV 1 epoch as "<number>:<nonce>"
-- Returns {code}   1 written or equal   0 a newer one is there. Caller: metering/epochs.py.

local old = redis.call('GET', KEYS[1])
if old and tonumber(string.match(old, '^%d+')) > tonumber(string.match(ARGV[1], '^%d+')) then return {0} end
redis.call('SET', KEYS[1], ARGV[1])
return {1}
