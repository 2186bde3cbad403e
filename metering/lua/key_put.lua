-- key_put.lua: mirror an API key's record, for the time when Postgres is away; one that is newer stays.
--
-- KEYS[1] epoch sentinel of the digest's bucket  KEYS[2] key hash: ep epoch, ver version, at confirmed ms, rec record
-- ARGV  1 epoch  2 version  3 record (JSON)
-- Returns {code}   1 taken   0 a newer one is there   -1 another epoch
-- A Redis that may have forgotten may have forgotten a revocation: what another epoch wrote is not believed.
-- Caller: metering/key_mirror.py.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1} end
local at = redis.call('HMGET', KEYS[2], 'ep', 'ver')
if at[1] == ARGV[1] and tonumber(at[2]) > tonumber(ARGV[2]) then return {0} end
redis.call('HSET', KEYS[2], 'ep', ARGV[1], 'ver', ARGV[2], 'at', clock_ms(), 'rec', ARGV[3])
return {1}
