-- state.lua: one account as Redis sees it, for balances, metrics and the audit. Writes nothing.
--
-- KEYS[1] epoch sentinel  KEYS[2] account hash  KEYS[3] holds hash  KEYS[4] deadlines zset  KEYS[5] limits hash
-- ARGV  1 epoch  2 account  3 resource  4 "1": compare the counters with the holds as well
-- Returns {code, version, balance, reserved, open holds, unsettled, differences}
--   1 known   -1 another epoch   -2 not loaded
-- differences: texts, each a counter or an index that does not match the holds (empty when all is well).
-- Callers: metering/admission.py, metering/audit.py.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1} end
local a = read_account(KEYS[2])
if a.ep ~= ARGV[1] then return {-2} end
local balance, reserved = totals(a, ARGV[3])
local wrong = {}
if ARGV[4] == '1' then
  local held, n, un = {}, 0, 0
  local flat = redis.call('HGETALL', KEYS[3])
  for i = 1, #flat, 2 do
    local h = cmsgpack.unpack(flat[i + 1])
    if not redis.call('ZSCORE', KEYS[4], ARGV[2] .. ':' .. flat[i]) then wrong[#wrong + 1] = 'no deadline: ' .. flat[i] end
    if h[STATE] ~= 'T' then
      n = n + 1
      if h[STATE] == 'S' then un = un + h[AMOUNT] end
      for k = 1, #h[SPLIT], 2 do
        local field = 'h:' .. h[RESOURCE] .. ':' .. h[SPLIT][k]
        held[field] = (held[field] or 0) + h[SPLIT][k + 1]
      end
      if h[OVER] > 0 then
        local field = 'h:' .. h[RESOURCE] .. ':'
        held[field] = (held[field] or 0) + h[OVER]
      end
    end
  end
  for field, amount in pairs(held) do
    if tonumber(a[field] or '0') ~= amount then wrong[#wrong + 1] = field .. ' is ' .. (a[field] or '0') .. ', holds say ' .. amount end
  end
  for field, amount in pairs(a) do
    if string.sub(field, 1, 2) == 'h:' and not held[field] then wrong[#wrong + 1] = field .. ' is ' .. amount .. ', holds say 0' end
  end
  if a.lm then
    for _, text in ipairs(limits_in(KEYS[5], KEYS[3]).differences()) do wrong[#wrong + 1] = text end
  end
  if tonumber(a.n) ~= n then wrong[#wrong + 1] = 'n is ' .. a.n .. ', holds say ' .. n end
  if tonumber(a.un) ~= un then wrong[#wrong + 1] = 'un is ' .. a.un .. ', holds say ' .. un end
end
return {1, tonumber(a.ver), balance, reserved, tonumber(a.n), tonumber(a.un), wrong}
