-- What is kept of a user's past: points of the risk, and some moments with all that the model saw.

local POINT_SPACING_MS = 6 * 3600 * 1000
local POINTS_KEPT_MS = 60 * 24 * 3600 * 1000
local MOMENT_MOVE = 0.05 -- of the risk since the last moment
local MOMENT_SPACING_MS = 7 * 24 * 3600 * 1000
local MOMENTS_KEPT = 16

-- A moment holds the features at a point, so that what moved the risk since can be told. From the second point on:
-- most users of a day have but one. Returns when the last one was, and its risk.
local function remember_moment(score, old)
  local moved = not old.moment_at or math.abs(score.risk - old.moment_risk) >= MOMENT_MOVE
  if not old.point_at or not (moved or score.as_of_ms - old.moment_at >= MOMENT_SPACING_MS) then
    return old.moment_at, old.moment_risk
  end
  local key = 'churn:moments:' .. score.user_id
  redis.call('RPUSH', key, table.concat({ score.as_of, score.version_text, score.model_version, score.features }, ','))
  redis.call('LTRIM', key, -MOMENTS_KEPT, -1)
  return score.as_of_ms, string.format('%.9g', score.risk)
end

-- A point at most every six hours, and at each change of the band. Returns when the last one was, and the last moment.
local function remember(score, band, old)
  if old.point_at and band == old.band and score.as_of_ms - old.point_at < POINT_SPACING_MS then
    return old.point_at, old.moment_at, old.moment_risk
  end
  local key = 'churn:history:' .. score.user_id
  -- In nine digits, and without the risk, which is the sum: one member longer than 64 bytes makes the key nine times as
  -- large as it is when Redis packs it.
  local chances = string.format('%.9g,%.9g', tonumber(score.p_cancel), tonumber(score.p_lapse))
  local point = string.format('[%.0f,%.0f,%s,"%s"]', score.as_of_ms, score.version, chances, band)
  redis.call('ZADD', key, score.as_of, point)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', '(' .. string.format('%.0f', score.as_of_ms - POINTS_KEPT_MS))
  return score.as_of_ms, remember_moment(score, old)
end

-- How much the risk is above the lowest point of the time before.
local function rise_since(user_id, risk, as_of_ms, span_ms)
  local lowest = risk
  local from = string.format('%.0f', as_of_ms - span_ms)
  for _, point in ipairs(redis.call('ZRANGEBYSCORE', 'churn:history:' .. user_id, from, '+inf')) do
    local _, _, p_cancel, p_lapse, band = unpack(cjson.decode(point))
    if band ~= 'none' then
      lowest = math.min(lowest, p_cancel + p_lapse)
    end
  end
  return risk - lowest
end

