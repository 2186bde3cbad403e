-- renew.lua: prolong the leases of holds of one bucket, and note how far their streams have come.
--
-- KEYS[1] epoch sentinel  KEYS[2] deadlines zset  KEYS[3..] holds hash of each request
-- ARGV  1 epoch  2 lease ms, then for each request: account, request id, progress (charge so far)
-- Returns {code, index of each hold that is gone (from 1), ...}   1 done   -1 another epoch
-- Caller: metering/admission.py, with at most 64 requests a call.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1} end
local deadline, reply = clock_ms() + tonumber(ARGV[2]), {1}
for i = 3, #KEYS do
  local at = 3 * (i - 3) + 3
  local packed = redis.call('HGET', KEYS[i], ARGV[at + 1])
  local h = packed and cmsgpack.unpack(packed)
  if not h or h[STATE] == 'T' then
    reply[#reply + 1] = i - 2
  else
    local progress = tonumber(ARGV[at + 2])
    if h[STATE] == 'R' and progress > h[PROGRESS] then
      h[PROGRESS] = progress
      redis.call('HSET', KEYS[i], ARGV[at + 1], cmsgpack.pack(h))
    end
    redis.call('ZADD', KEYS[2], deadline, ARGV[at] .. ':' .. ARGV[at + 1])
  end
end
return reply
