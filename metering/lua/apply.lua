-- apply.lua: Postgres has booked: drop these holds and take the account's new snapshot if it is newer.
--
-- KEYS[1] epoch sentinel  KEYS[2] account hash  KEYS[3] holds hash  KEYS[4] deadlines zset  KEYS[5] limits hash
-- ARGV  1 epoch  2 account  3 version  4 snapshot (JSON)
--       5 "1": each was booked once, in this version, as its hold says  6.. request ids
-- Returns {code, holds dropped, snapshot taken 0|1}   1 done   -1 another epoch
-- Absolute with version, never deltas: late, twice or out of order, it heals. `seen` is the highest version the
-- account has heard of: a hold may be dropped before its balance is applied, so nothing older may be loaded.
-- Caller: metering/admission.py.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1} end
local at = redis.call('HMGET', KEYS[2], 'ep', 'lm', 'ver', 'seen')
local dropped, taken, delta, gone = 0, 0, {}, {}
for i = 6, #ARGV do
  local packed = redis.call('HGET', KEYS[3], ARGV[i])
  if packed then
    dropped = dropped + 1
    gone[dropped] = cmsgpack.unpack(packed)
    drop(delta, KEYS[3], KEYS[4], ARGV[2], ARGV[i], gone[dropped])
  end
end
if dropped > 0 then write_counters(KEYS[2], delta, at) end
local version = tonumber(ARGV[3])
local seen = math.max(version, tonumber(at[4] or '0'))
if at[1] == ARGV[1] and version > tonumber(at[3]) then
  redis.call('HSET', KEYS[2], 'ver', ARGV[3], 'snap', ARGV[4], 'seen', seen)
  taken = 1
elseif seen == version then
  redis.call('HSET', KEYS[2], 'seen', seen)
end
if at[2] then
  local limits, sure = limits_in(KEYS[5], KEYS[3]), ARGV[5] == '1' and dropped > 0 and dropped == #ARGV - 5
  for _, h in ipairs(gone) do sure = sure and h[STATE] == 'S' end
  for _, h in ipairs(gone) do
    if sure then limits.booked(h, version) elseif h[STATE] ~= 'T' then limits.moved(h, -1) end
  end
  if not sure then limits.doubt(version) end
  limits.write()
end
return {1, dropped, taken}
