-- extend.lua: grow an open hold to a new absolute total (so a repeat changes nothing), or as far as it goes.
--
-- KEYS[1] epoch sentinel  KEYS[2] account hash  KEYS[3] holds hash  KEYS[5] limits hash
-- ARGV  1 epoch  2 request id  3 total wanted  4 least total accepted  5 default minimum reserve  6 default floor
--       7 tokens of the total wanted, for limits ("0": they are not limited)
-- Returns {code, total, split}
--   1 total is now held   0 no open hold of this id   -1 another epoch  -2 load the account  -13 not enough available
-- A limit of spend ends it as a balance does; tokens of the minute are counted, and stop nothing that runs.
-- Caller: metering/admission.py.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1} end
local packed = redis.call('HGET', KEYS[3], ARGV[2])
local h = packed and cmsgpack.unpack(packed)
if not h or h[STATE] ~= 'R' then return {0, 0, {}} end
local want, least = tonumber(ARGV[3]), tonumber(ARGV[4])
if h[AMOUNT] >= want then return {1, h[AMOUNT], h[SPLIT]} end
local a = read_account(KEYS[2])
if a.ep ~= ARGV[1] then return {-2} end
local min = min_reserve_of(a, h[RESOURCE], ARGV[5])
local keep = a.snap.fl == 'keep' or (a.snap.fl == cjson.null and ARGV[6] == 'keep')
local balance, reserved = totals(a, h[RESOURCE])
local _, free, _, unlimited = fitting(a, h[RESOURCE], h[USER], h[MODEL], a.now)
local total = want
local limits = a.lm and limits_in(KEYS[5], KEYS[3])
if limits then
  total = h[AMOUNT] + math.max(0, limits.grow(h, want - h[AMOUNT]))
  if total < least or total <= h[AMOUNT] then return {-13, h[AMOUNT], h[SPLIT]} end
end
if not unlimited then
  local room = math.min(balance - reserved, free)
  if keep then room = math.min(room, balance - reserved - min) end
  total = math.min(total, h[AMOUNT] + math.max(0, room))
  if total < least or total <= h[AMOUNT] then return {-13, h[AMOUNT], h[SPLIT]} end
end
local parts = spread(a, h[RESOURCE], h[USER], h[MODEL], a.now, total - h[AMOUNT])
local held = h[AMOUNT]
h[AMOUNT] = total
h[SPLIT] = add_parts(h[SPLIT], parts)
if limits then
  local exact = h[COUNTED] and tonumber(ARGV[7]) > 0 and math.max(h[COUNTED], math.floor(tonumber(ARGV[7]) * total / want))
  limits.changed(h, 'R', held, exact)
  h[COUNTED] = exact or h[COUNTED]
  limits.write()
end
redis.call('HSET', KEYS[3], ARGV[2], cmsgpack.pack(h))
local delta = {}
gather(delta, h[RESOURCE], parts, 0, 1)
write_counters(KEYS[2], delta)
return {1, total, h[SPLIT]}
