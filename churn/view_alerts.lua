-- Alerts: why one is raised, when it is shown, how long it is kept.

local ALERTS_KEPT_MS = 365 * 24 * 3600 * 1000
local ALERTS_DROPPED = 10 -- in one call, at most

-- Why a score is worth an alert, and from which band it came; nothing if it is not. `band` is for entering the high
-- band, or for having stayed there while snoozed; `rise` for a risk that grew fast, wherever it is.
local function alert_kind(p, score, band, old)
  local rested = not old.alerted_at or score.as_of_ms - old.alerted_at >= p.cool_down_ms
  if not rested then
    return nil
  end
  if band == 'high' then
    local from_band = old.band ~= 'high' and old.band or old.owed
    if from_band then
      return 'band', from_band
    end
  end
  local may_rise = p.rise > 0 and band ~= 'none' and score.risk > old.risk and score.risk >= p.rise
  if may_rise and rise_since(score.user_id, score.risk, score.as_of_ms, p.rise_ms) >= p.rise then
    return 'rise', old.band
  end
end

local function snoozed(user_id, wall_ms)
  return wall_ms < tonumber(redis.call('HGET', 'churn:marks:' .. user_id, 'snoozed_until') or '0')
end

-- From here on everybody sees it. A sequence, not a clock, orders alerts: two in one millisecond keep their order.
local function show(id)
  local sequence = redis.call('INCR', 'churn:alerts:sequence')
  redis.call('ZADD', 'churn:alerts', sequence, id)
  redis.call('PUBLISH', 'churn:alerted', sequence)
end

-- Returns how many were raised.
local function raise_alert(p, score, kind, band, from_band, wall)
  local id = 'alert_' .. string.sub(redis.sha1hex(score.user_id .. '\n' .. score.epoch .. '\n' .. score.version), 1, 24)
  local key = 'churn:alert:' .. id
  if redis.call('EXISTS', key) == 1 then
    return 0
  end
  local rise = rise_since(score.user_id, score.risk, score.as_of_ms, p.rise_ms)
  redis.call('HSET', key, 'id', id, 'user_id', score.user_id, 'kind', kind, 'band', band, 'from_band', from_band,
    'risk', score.risk_text, 'p_cancel', score.p_cancel, 'p_lapse', score.p_lapse, 'rise', string.format('%.9g', rise),
    'level', score.level, 'as_of', score.as_of, 'raised_ms', wall.text, 'epoch', score.epoch_text,
    'version', score.version_text, 'model_version', score.model_version, 'features', score.features)
  redis.call('RPUSH', 'churn:alerts:of:' .. score.user_id, id)
  if wall.quiet_until == '' then
    show(id)
  else
    redis.call('ZADD', 'churn:alerts:waiting', wall.quiet_until, id)
  end
  return 1
end

-- Redis forgets nothing by itself, so alerts are dropped here, the oldest first.
local function drop_old_alerts(clock)
  for _, id in ipairs(redis.call('ZRANGE', 'churn:alerts', 0, ALERTS_DROPPED - 1)) do
    local key = 'churn:alert:' .. id
    local held = redis.call('HMGET', key, 'as_of', 'user_id')
    if clock - tonumber(held[1] or '0') <= ALERTS_KEPT_MS then
      return
    end
    redis.call('DEL', key)
    redis.call('ZREM', 'churn:alerts', id)
    redis.call('LREM', 'churn:alerts:of:' .. (held[2] or ''), 0, id)
  end
end

-- ARGV: wall clock in ms. Shows the alerts that quiet hours have kept back until now; returns how many.
redis.register_function('churn_release', function(_, args)
  local due = redis.call('ZRANGEBYSCORE', 'churn:alerts:waiting', '-inf', args[1])
  for _, id in ipairs(due) do
    show(id)
  end
  redis.call('ZREMRANGEBYSCORE', 'churn:alerts:waiting', '-inf', args[1])
  return #due
end)

