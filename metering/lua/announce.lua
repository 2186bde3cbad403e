-- announce.lua: after Redis lost its memory, the owner states a hold again. A Redis that came back with older data
-- may know it smaller than it is, or not that it is settling: the owner knows better.
--
-- KEYS[1] epoch sentinel  KEYS[2] account hash  KEYS[3] holds hash  KEYS[4] deadlines zset  KEYS[5] limits hash
-- ARGV  1 epoch  2 account  3 request id  4 lease ms  5 state  6 amount  7 reserved_at ms  8 instance  9 resource
--       10 user  11 model  12 split (JSON)  13 progress  14 facts
-- Returns {code}   1 announced   2 it is there, no smaller   -1 another epoch   -4 the id is refused (tombstone)
-- Caller: metering/admission.py.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1} end
local delta = {n = 0, un = 0}
local old = redis.call('HGET', KEYS[3], ARGV[3])
if old then
  local known = cmsgpack.unpack(old)
  if known[STATE] == 'T' then return {-4} end
  if known[STATE] == 'S' or (ARGV[5] == 'R' and known[AMOUNT] >= tonumber(ARGV[6])) then return {2} end
  drop(delta, KEYS[3], KEYS[4], ARGV[2], ARGV[3], known)
end
local h = {ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8], ARGV[9], ARGV[10], ARGV[11],
           cjson.decode(ARGV[12]), 0, tonumber(ARGV[13]), ARGV[14]}
if h[STATE] == 'S' then -- what the split does not cover is held on the account
  h[SPLIT], h[OVER] = head_of(h[SPLIT], h[AMOUNT])
end
redis.call('HSET', KEYS[3], ARGV[3], cmsgpack.pack(h))
redis.call('ZADD', KEYS[4], clock_ms() + tonumber(ARGV[4]), ARGV[2] .. ':' .. ARGV[3])
gather(delta, h[RESOURCE], h[SPLIT], h[OVER], 1)
delta.n = delta.n + 1
if h[STATE] == 'S' then delta.un = delta.un + h[AMOUNT] end
if write_counters(KEYS[2], delta) then
  local limits = limits_in(KEYS[5], KEYS[3])
  if old then limits.moved(cmsgpack.unpack(old), -1) end
  limits.moved(h, 1)
  limits.write()
end
return {1}
