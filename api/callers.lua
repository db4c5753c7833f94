-- Who asks, and whether they may ask once more now: a token bucket per key, filled as the wall clock goes on.

local BURST_S = 2 -- a bucket holds what may be asked in so many seconds, and one request at the least
local USED_EVERY_MS = 60 * 1000
-- Clocks of servers that keep time agree to well below this. A bucket filled up by one server's is ahead for another by
-- no more; one that is further ahead was filled before the clock was put back.
local CLOCKS_DIFFER_MS = 5000

local function refused(why)
  return { why, '', '', '', '0', '0', '0' }
end

-- Takes a token if there is one. Returns whether, how many are left, ms until there is one, and the bucket's size.
local function take(key_id, per_second, now_ms)
  local bucket, size = 'churn:bucket:' .. key_id, math.max(per_second * BURST_S, 1)
  local held = redis.call('HMGET', bucket, 'tokens', 'at')
  local at = tonumber(held[2]) or now_ms
  if at > now_ms + CLOCKS_DIFFER_MS then
    at = now_ms -- else nothing would be filled in until the clock is there again
  end
  local tokens = math.min(size, (tonumber(held[1]) or size) + math.max(0, now_ms - at) * per_second / 1000)
  local may = tokens >= 1
  if may then
    tokens = tokens - 1
  end
  redis.call('HSET', bucket, 'tokens', string.format('%.6f', tokens), 'at', string.format('%.0f', math.max(at, now_ms)))
  redis.call('PEXPIRE', bucket, math.ceil(size * 1000 / per_second))
  return may, tokens, may and 0 or math.ceil((1 - tokens) * 1000 / per_second), size
end

local function admit_one(now_ms, usual, key_id, sha256)
  local session = key_id == ''
  if session then
    key_id = redis.call('GET', 'churn:session:' .. sha256) or ''
  end
  local key = 'churn:key:' .. key_id
  local held = redis.call('HMGET', key, 'sha256', 'scopes', 'name', 'expires_ms', 'revoked_ms', 'last_used_ms', 'per_second')
  if not held[1] or (not session and held[1] ~= sha256) then
    return refused('unknown')
  elseif held[5] then
    return refused('revoked')
  elseif held[4] and now_ms >= tonumber(held[4]) then
    return refused('expired')
  end
  if now_ms - (tonumber(held[6]) or 0) >= USED_EVERY_MS then
    redis.call('HSET', key, 'last_used_ms', string.format('%.0f', now_ms))
  end
  local may, left, wait_ms, size = take(key_id, tonumber(held[7]) or usual, now_ms)
  return {
    may and 'admitted' or 'limited', key_id, held[3], held[2],
    string.format('%.0f', math.floor(left)), string.format('%.0f', wait_ms), string.format('%.0f', math.floor(size)),
  }
end

-- ARGV: wall clock in ms, requests a second of a key that has no number of its own; then for each request the id of a
-- key, or nothing for a session, and the SHA-256 of the key or session.
local function admit(_, args)
  local found = {}
  for at = 3, #args, 2 do
    found[#found + 1] = admit_one(tonumber(args[1]), tonumber(args[2]), args[at], args[at + 1])
  end
  return found
end

-- Also when Redis is full: a bucket is small and soon gone, and whoever reads or erases has to be let in.
redis.register_function{ function_name = 'churn_admit', callback = admit, flags = { 'allow-oom' } }
