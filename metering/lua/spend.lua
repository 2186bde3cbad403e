-- spend.lua: what Postgres says was spent under limits; older news than was heard of is not taken.
--
-- KEYS[1] epoch sentinel  KEYS[2] account hash  KEYS[5] limits hash
-- ARGV  1 epoch  2 version  3 day  4 its end  5 month  6 its end (ms)
--       7.. for each tag: the tag, spent in the day, in the month
-- Returns {code}   1 taken   -1 another epoch   -2 the account is not loaded, or has heard of a newer version
-- Caller: metering/spends.py, which holds the account's lock in Postgres: nothing newer is booked meanwhile.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1} end
local at = redis.call('HMGET', KEYS[2], 'ep', 'seen')
local version = tonumber(ARGV[2])
if at[1] ~= ARGV[1] or version < tonumber(at[2] or '0') then return {-2} end
for i = 7, #ARGV, 3 do
  local used = {version, tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[i + 1]),
                tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[i + 2])}
  redis.call('HSET', KEYS[5], '$' .. ARGV[i], cmsgpack.pack(used))
end
return {1}
