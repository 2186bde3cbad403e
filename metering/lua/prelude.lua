-- prelude.lua: what the scripts share; put in front of each of them (metering/scripts.py).
--
-- Account hash: ep epoch it was loaded in, ver version of the snapshot, seen highest version heard of, snap the
--   snapshot as JSON (metering/sql/functions/20_snapshot.sql), n open holds, un amount settled but not yet in
--   Postgres, lt last clock reading, lm 1 where something is limited (limits.lua), h:<resource>:<pack> held on a pack, h:<resource>: held on the account itself.
-- Hold (msgpack array in the holds hash, by request id): {state, amount, reserved_at, instance, resource, user,
--   model, split, over, progress, facts, tokens counted for limits}; split is {pack, amount, pack, amount, ...}; over is held on the account;
--   state "R" open: amount is an upper bound; "S" settling: amount is exact; "T" tombstone: the id is refused.
-- All amounts are integers below 2^53; never negate with -x: -0 is not an integer to HINCRBY.

local STATE, AMOUNT, AT, INSTANCE, RESOURCE, USER, MODEL, SPLIT, OVER, PROGRESS, FACTS = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
local COUNTED = 12
local PACK_ID, PACK_LEFT, PACK_EXPIRES, PACK_USER, PACK_MODELS, PACK_RESOURCE = 1, 2, 3, 4, 5, 6

local function clock_ms()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

-- The account's hash as a table, with its snapshot decoded and a clock that never steps back.
local function read_account(key)
  local flat, a = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do a[flat[i]] = flat[i + 1] end
  if a.snap then a.snap = cjson.decode(a.snap) end
  a.now = math.max(clock_ms(), tonumber(a.lt or '0'))
  return a
end

-- The minimum reserve that holds in a resource: the account's own for it, else `default`. What is not a unit of accounts
-- has settings of its own ("ms"); snapshots have them only where some are set.
local function min_reserve_of(a, resource, default)
  local own = a.snap.mr
  if resource ~= 'tokens' and resource ~= 'credits' then own = a.snap.ms and a.snap.ms[resource] end
  if own == nil or own == cjson.null then return tonumber(default) end
  return own
end

local function held_on(a, resource, pack)
  return tonumber(a['h:' .. resource .. ':' .. pack] or '0')
end

local function fits(p, resource, user, model)
  if p[PACK_RESOURCE] ~= resource or (p[PACK_USER] ~= '' and p[PACK_USER] ~= user) then return false end
  if p[PACK_MODELS] == '' then return true end
  for _, m in ipairs(p[PACK_MODELS]) do if m == model then return true end end
  return false
end

local function live(p, at)
  return p[PACK_EXPIRES] == 0 or p[PACK_EXPIRES] > at
end

-- balance, reserved, next expiry and whether an unlimited pack is live, of one resource. What is held on a pack
-- that has expired is no longer reserved: that pack pays for it.
local function totals(a, resource)
  local balance, next_expiry, unlimited, gone = 0 - (a.snap.rs[resource] or 0), 0, false, {}
  for _, p in ipairs(a.snap.pk) do
    if p[PACK_RESOURCE] == resource then
      if not live(p, a.now) then gone['h:' .. resource .. ':' .. p[PACK_ID]] = true
      else
        if p[PACK_LEFT] < 0 then unlimited = true else balance = balance + p[PACK_LEFT] end
        if p[PACK_EXPIRES] > 0 and (next_expiry == 0 or p[PACK_EXPIRES] < next_expiry) then next_expiry = p[PACK_EXPIRES] end
      end
    end
  end
  local reserved, prefix = 0, 'h:' .. resource .. ':'
  for field, amount in pairs(a) do
    if not gone[field] and string.sub(field, 1, #prefix) == prefix then reserved = reserved + tonumber(amount) end
  end
  return balance, reserved, next_expiry, unlimited
end

-- Fitting packs live at `at`: how many, what they hold free and in all, and whether one is unlimited.
local function fitting(a, resource, user, model, at)
  local count, free, whole, unlimited = 0, 0, 0, false
  for _, p in ipairs(a.snap.pk) do
    if live(p, at) and fits(p, resource, user, model) then
      count = count + 1
      if p[PACK_LEFT] < 0 then unlimited = true
      else
        whole = whole + p[PACK_LEFT]
        free = free + math.max(0, p[PACK_LEFT] - held_on(a, resource, p[PACK_ID]))
      end
    end
  end
  return count, free, whole, unlimited
end

-- Lay `amount` on fitting packs in burn-down order. Returns the parts and what found no place.
local function spread(a, resource, user, model, at, amount)
  local parts = {}
  for _, p in ipairs(a.snap.pk) do
    if amount == 0 then break end
    if p[PACK_LEFT] > 0 and live(p, at) and fits(p, resource, user, model) then
      local take = math.min(amount, math.max(0, p[PACK_LEFT] - held_on(a, resource, p[PACK_ID])))
      if take > 0 then
        parts[#parts + 1] = p[PACK_ID]
        parts[#parts + 1] = take
        amount = amount - take
      end
    end
  end
  return parts, amount
end

-- Gather how an account's counters change (field -> amount), to write them together.
local function gather(delta, resource, parts, over, sign)
  local function add(pack, amount)
    local field = 'h:' .. resource .. ':' .. pack
    delta[field] = (delta[field] or 0) + sign * amount
  end
  for i = 1, #parts, 2 do add(parts[i], parts[i + 1]) end
  if over ~= 0 then add('', over) end
end

-- Write what was gathered; return whether limits have to be told. An account that is not loaded has no counters: load
-- counts the holds. `known`: its epoch and lm, where they have been read.
local function write_counters(key, delta, known)
  known = known or redis.call('HMGET', key, 'ep', 'lm')
  if not known[1] then return false end
  for field, amount in pairs(delta) do
    if amount ~= 0 and redis.call('HINCRBY', key, field, amount) == 0 and string.sub(field, 1, 2) == 'h:' then
      redis.call('HDEL', key, field)
    end
  end
  return known[2]
end

-- The head of a split that makes up `amount`, and what of the amount it does not cover.
local function head_of(split, amount)
  local kept = {}
  for i = 1, #split, 2 do
    local take = math.min(amount, split[i + 1])
    if take > 0 then
      kept[#kept + 1] = split[i]
      kept[#kept + 1] = take
      amount = amount - take
    end
  end
  return kept, amount
end

local function add_parts(split, parts)
  for i = 1, #parts, 2 do
    local found = false
    for k = 1, #split, 2 do
      if split[k] == parts[i] then split[k + 1] = split[k + 1] + parts[i + 1]; found = true end
    end
    if not found then split[#split + 1] = parts[i]; split[#split + 1] = parts[i + 1] end
  end
  return split
end

-- Remove one hold and its deadline; its counters are gathered.
local function drop(delta, holds_key, deadlines_key, account, id, hold)
  redis.call('HDEL', holds_key, id)
  redis.call('ZREM', deadlines_key, account .. ':' .. id)
  if hold[STATE] == 'T' then return end
  gather(delta, hold[RESOURCE], hold[SPLIT], hold[OVER], -1)
  delta.n = (delta.n or 0) - 1
  if hold[STATE] == 'S' then delta.un = (delta.un or 0) - hold[AMOUNT] end
end
