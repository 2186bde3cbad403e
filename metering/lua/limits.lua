-- limits.lua: what the scripts share about limits; put behind the prelude of those that change holds (metering/scripts.py).
--
-- Limits hash, a msgpack array by tag ("a" the account, "k:<key>", "u:<member>", "m:<model>"): what counts for it:
--   {minute, requests, tokens, open, unit, day, day_end, day_held, month, month_end, month_held, day_max, month_max, reset_at}
--   minute: since 1970; requests and tokens: of that minute; open: holds in state R; day to month_held: the calendar
--   windows that spend is limited in (ms, 0 none) and what holds of them set aside of `unit`; *_max: 0 no limit;
--   reset_at: what was held before (ms) corrects nothing in the minute.
-- "$<tag>": what was spent, as Postgres said: {version, day, day_end, day_used, month, month_end, month_used}.
-- "v": what Postgres said of spend before this version is no longer believed.
-- open and held are what the holds say, and are counted from them wherever they are missing; `lm` in the account hash
-- says that there are such fields, so an account without limits pays for none of this.
-- Place 12 of a hold: the tokens that were counted for its minute.

-- One closure, since every call that has no use for it makes it all the same.
local function limits_in(key, holds_key)
  local MINUTE, REQUESTS, TOKENS, OPEN, UNIT, DAY, DAY_END, DAY_HELD = 1, 2, 3, 4, 5, 6, 7, 8
  local MONTH, MONTH_END, MONTH_HELD, DAY_MAX, MONTH_MAX, RESET_AT = 9, 10, 11, 12, 13, 14
  local VERSION, U_DAY, U_DAY_END, DAY_USED, U_MONTH, U_MONTH_END, MONTH_USED = 1, 2, 3, 4, 5, 6, 7
  local L, found, changed, holds = {}, {}, {}, nil

  local function read(field)
    if found[field] == nil then
      local packed = redis.call('HGET', key, field)
      found[field] = packed and cmsgpack.unpack(packed) or false
    end
    return found[field]
  end

  -- Whom a hold counts for. The key stands in its facts: in JSON no text of a client's has a quote without a backslash, so
  -- this can't be made up; to decode all of it would cost ten times as much.
  local function tags_of(h)
    local tags = {'a', 'm:' .. h[MODEL]}
    if h[USER] ~= '' then tags[3] = 'u:' .. h[USER] end
    local key_id = string.match(h[FACTS], '"key_id":"([^"]+)"')
    if key_id then tags[#tags + 1] = 'k:' .. key_id end
    return tags
  end

  local function within(at, from, to) return from <= at and at < to end

  -- What a hold in this state and of this amount adds to a tag's counters, or takes from them.
  local function move(c, h, state, amount, sign)
    if state == 'R' then c[OPEN] = c[OPEN] + sign end
    if h[RESOURCE] == c[UNIT] then
      if within(h[AT], c[DAY], c[DAY_END]) then c[DAY_HELD] = c[DAY_HELD] + sign * amount end
      if within(h[AT], c[MONTH], c[MONTH_END]) then c[MONTH_HELD] = c[MONTH_HELD] + sign * amount end
    end
  end

  -- Count what is open and held from the holds that exist.
  local function recount(c, tag)
    if not holds then
      holds = {}
      for _, packed in ipairs(redis.call('HVALS', holds_key)) do
        local h = cmsgpack.unpack(packed)
        if h[STATE] ~= 'T' then holds[#holds + 1] = {h, tags_of(h)} end
      end
    end
    c[OPEN], c[DAY_HELD], c[MONTH_HELD] = 0, 0, 0
    for _, one in ipairs(holds) do
      for _, its in ipairs(one[2]) do
        if its == tag then move(c, one[1], one[1][STATE], one[1][AMOUNT], 1) end
      end
    end
  end

  -- The counters of every tag that a request is limited by, in its windows.
  local function prepare(terms, now)
    local minute = math.floor(now / 60000)
    for _, rule in ipairs(terms[6]) do
      local tag = rule[1]
      local spends = rule[5] > 0 or rule[6] > 0
      local c = read(tag) or {minute, 0, 0, -1, '', 0, 0, 0, 0, 0, 0, 0, 0, 0}
      local from, to, month, month_end = 0, 0, 0, 0
      if spends then from, to, month, month_end = terms[2], terms[3], terms[4], terms[5] end
      local same = c[DAY] == from and c[DAY_END] == to and c[MONTH] == month and c[MONTH_END] == month_end
      if c[OPEN] < 0 or not same or c[UNIT] ~= terms[1] then
        c[UNIT], c[DAY], c[DAY_END], c[MONTH], c[MONTH_END] = terms[1], from, to, month, month_end
        recount(c, tag)
        changed[tag] = true
      end
      if c[MINUTE] ~= minute then c[MINUTE], c[REQUESTS], c[TOKENS] = minute, 0, 0 end
      if c[DAY_MAX] ~= rule[5] or c[MONTH_MAX] ~= rule[6] then
        c[DAY_MAX], c[MONTH_MAX], changed[tag] = rule[5], rule[6], true
      end
      found[tag] = c
    end
  end

  -- What was spent under a tag's limit, or nil: Postgres has to say.
  local function used_of(tag, c)
    local u = read('$' .. tag)
    if not u or u[U_DAY] ~= c[DAY] or u[U_MONTH] ~= c[MONTH] or u[U_DAY_END] ~= c[DAY_END] then return nil end
    if u[VERSION] < tonumber(redis.call('HGET', key, 'v') or '0') then return nil end
    return u
  end

  -- The counters of a hold's tags that exist.
  local function each(h, change)
    for _, tag in ipairs(tags_of(h)) do
      local c = read(tag)
      if c then
        change(c, tag)
        changed[tag] = true
      end
    end
  end

  -- Whether spend can be told: the request's windows are now, and what was spent in them is known.
  function L.ready(terms, now)
    local spends = false
    for _, rule in ipairs(terms[6]) do spends = spends or rule[5] > 0 or rule[6] > 0 end
    if spends and not within(now, terms[2], terms[3]) then return false end
    prepare(terms, now)
    for _, rule in ipairs(terms[6]) do
      if (rule[5] > 0 or rule[6] > 0) and not used_of(rule[1], found[rule[1]]) then return false end
    end
    return true
  end

  -- How much may be granted, at most `want`; and, where that is less than `least`, the limit that is in the way: {tag,
  -- limit's name, its size, used, asked, when it turns (ms; 0: nobody knows), what is shown}. Of several it is the one that turns last,
  -- before them one that is smaller than what is asked.
  function L.room(terms, now, want, least, want_tokens, least_tokens, resource)
    local most, wall, rank, turn = want, nil, 0, (math.floor(now / 60000) + 1) * 60000
    local function check(tag, name, size, used, asked, fits, turns)
      most = math.min(most, math.max(0, fits))
      if fits >= least and used + asked <= size then return end
      local mine = asked > size and 1e16 or turns
      if not wall or mine > rank then wall, rank = {tag, name, size, used, asked, turns, L.shown(terms, now)}, mine end
    end
    for _, rule in ipairs(terms[6]) do
      local tag, c = rule[1], found[rule[1]]
      if rule[2] > 0 then check(tag, 'requests_per_minute', rule[2], c[REQUESTS], 1, want, turn) end
      if rule[3] > 0 then
        local left, fits = rule[3] - c[TOKENS], want
        if left < want_tokens and want > least and left >= least_tokens then
          fits = least + math.floor((left - least_tokens) * (want - least) / (want_tokens - least_tokens))
        end
        check(tag, 'tokens_per_minute', rule[3], c[TOKENS], want > least and least_tokens or want_tokens, fits, turn)
      end
      if rule[4] > 0 then check(tag, 'concurrent_requests', rule[4], c[OPEN], 1, want, 0) end
      if rule[5] > 0 and resource == terms[1] then
        local used = used_of(tag, c)[DAY_USED] + c[DAY_HELD]
        check(tag, 'spend_per_day', rule[5], used, least, rule[5] - used, c[DAY_END])
      end
      if rule[6] > 0 and resource == terms[1] then
        local used = used_of(tag, c)[MONTH_USED] + c[MONTH_HELD]
        check(tag, 'spend_per_month', rule[6], used, least, rule[6] - used, c[MONTH_END])
      end
    end
    return most, wall
  end

  -- A hold is there, or is not any more.
  function L.moved(h, sign)
    each(h, function(c) move(c, h, h[STATE], h[AMOUNT], sign) end)
  end

  -- Whether a hold is in the minute that is counted now.
  local function counts(c, h)
    return h[COUNTED] and c[MINUTE] == math.floor(h[AT] / 60000) and h[AT] >= c[RESET_AT]
  end

  -- Count a request and its tokens in its minute.
  function L.counted(h, terms)
    for _, rule in ipairs(terms[6]) do
      local c = found[rule[1]]
      c[REQUESTS], c[TOKENS] = c[REQUESTS] + 1, c[TOKENS] + h[COUNTED]
    end
  end

  -- What clients are shown of the tightest limits: requests a minute, how many are left, tokens a minute, how many are
  -- left (-1 no limit), ms until the minute is over.
  function L.shown(terms, now)
    local shown = {-1, -1, -1, -1, (math.floor(now / 60000) + 1) * 60000 - now}
    local function tightest(at, size, used)
      local left = math.max(0, size - used)
      if size > 0 and (shown[at] < 0 or left < shown[at + 1] or (left == shown[at + 1] and size < shown[at])) then
        shown[at], shown[at + 1] = size, left
      end
    end
    for _, rule in ipairs(terms[6]) do
      local c = found[rule[1]]
      tightest(1, rule[2], c[REQUESTS])
      tightest(3, rule[3], c[TOKENS])
    end
    return shown
  end

  -- A hold is what it was not before: another state or amount; `exact`: its tokens as they were in the end.
  function L.changed(h, state, amount, exact)
    each(h, function(c)
      move(c, h, state, amount, -1)
      move(c, h, h[STATE], h[AMOUNT], 1)
      if exact and counts(c, h) then c[TOKENS] = math.max(0, c[TOKENS] + exact - h[COUNTED]) end
    end)
  end

  -- A hold is given back: it counts for nothing.
  function L.released(h)
    each(h, function(c)
      move(c, h, h[STATE], h[AMOUNT], -1)
      if counts(c, h) then
        c[REQUESTS], c[TOKENS] = math.max(0, c[REQUESTS] - 1), math.max(0, c[TOKENS] - h[COUNTED])
      end
    end)
  end

  -- A hold is booked in this version: what it set aside is spent.
  function L.booked(h, version)
    each(h, function(c, tag)
      move(c, h, h[STATE], h[AMOUNT], -1)
      local u = read('$' .. tag)
      if u and version > u[VERSION] and h[RESOURCE] == c[UNIT] then
        if within(h[AT], u[U_DAY], u[U_DAY_END]) then u[DAY_USED] = u[DAY_USED] + h[AMOUNT] end
        if within(h[AT], u[U_MONTH], u[U_MONTH_END]) then u[MONTH_USED] = u[MONTH_USED] + h[AMOUNT] end
        changed['$' .. tag] = true
      end
    end)
  end

  -- What Redis can't add up is asked of Postgres again.
  function L.doubt(version)
    if version > tonumber(redis.call('HGET', key, 'v') or '0') then redis.call('HSET', key, 'v', version) end
  end

  -- How far a running hold may grow, by the limits of spend; what was spent and is not known stands in nobody's way.
  function L.grow(h, room)
    each(h, function(c, tag)
      local u = read('$' .. tag)
      if h[RESOURCE] == c[UNIT] and u then
        if c[DAY_MAX] > 0 and within(h[AT], c[DAY], c[DAY_END]) and u[U_DAY] == c[DAY] then
          room = math.min(room, c[DAY_MAX] - u[DAY_USED] - c[DAY_HELD])
        end
        if c[MONTH_MAX] > 0 and within(h[AT], c[MONTH], c[MONTH_END]) and u[U_MONTH] == c[MONTH] then
          room = math.min(room, c[MONTH_MAX] - u[MONTH_USED] - c[MONTH_HELD])
        end
      end
    end)
    return room
  end

  -- Texts, each a counter that is not what the holds say.
  function L.differences()
    local wrong, fields = {}, redis.call('HKEYS', key)
    for _, tag in ipairs(fields) do
      if tag ~= 'v' and string.sub(tag, 1, 1) ~= '$' then
        local c = read(tag)
        local now = {c[OPEN], c[DAY_HELD], c[MONTH_HELD]}
        recount(c, tag)
        for i, should in ipairs({c[OPEN], c[DAY_HELD], c[MONTH_HELD]}) do
          local text = '%s:%s is %.0f, holds say %.0f'
          local name = ({'limits:open', 'limits:day', 'limits:month'})[i]
          if now[i] ~= should then wrong[#wrong + 1] = string.format(text, name, tag, now[i], should) end
        end
      end
    end
    return wrong
  end

  -- A tag's requests, tokens, open holds, and what is held in these windows; nothing is written.
  function L.look(tag, unit, day, day_end, month, month_end, now)
    local c = read(tag) or {0, 0, 0, 0, unit, 0, 0, 0, 0, 0, 0, 0, 0, 0}
    if c[MINUTE] ~= math.floor(now / 60000) then c[REQUESTS], c[TOKENS] = 0, 0 end
    c[UNIT], c[DAY], c[DAY_END], c[MONTH], c[MONTH_END] = unit, day, day_end, month, month_end
    recount(c, tag)
    return {c[REQUESTS], c[TOKENS], c[OPEN], c[DAY_HELD], c[MONTH_HELD]}
  end

  -- Begin a tag's minute again.
  function L.reset(tag, requests, tokens, now)
    local c = read(tag)
    if not c then return end
    c[RESET_AT] = now
    if requests then c[REQUESTS] = 0 end
    if tokens then c[TOKENS] = 0 end
    changed[tag] = true
  end

  -- Write what has changed; return whether that is anything.
  function L.write()
    for field in pairs(changed) do redis.call('HSET', key, field, cmsgpack.pack(found[field])) end
    return next(changed) ~= nil
  end

  return L
end
