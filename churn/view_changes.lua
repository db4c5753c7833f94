-- What happens to users outside of the scores' flow: bands by another policy, and being forgotten.

-- ARGV: ids of users. Sets their bands by the policy that holds now, and raises no alert.
redis.register_function('churn_reband', function(_, ids)
  local rules, held = { of = {}, current = policy('churn:policy') }, redis.call('HMGET', 'churn:hold', 'since', 'until')
  local holds = { { since = tonumber(held[1] or '0'), ['until'] = tonumber(held[2] or '0') } }
  for _, user_id in ipairs(ids) do
    local key = 'churn:user:' .. user_id
    local h = redis.call('HMGET', key, 'band', 'risk', 'p_cancel', 'p_lapse', 'status', 'as_of', 'model_version')
    if h[1] then
      local score = {
        user_id = user_id, risk = tonumber(h[2]), risk_text = h[2], p_cancel = h[3], p_lapse = h[4], status = h[5],
        as_of_ms = tonumber(h[6]),
      }
      local band = band_of(policy_of(h[7], rules), score, h[1], is_held(score.as_of_ms, holds))
      if band ~= h[1] then
        rank(score, band, h[1])
        redis.call('HSET', key, 'band', band, 'band_since', h[6])
        redis.call('HDEL', key, 'owed')
      end
    end
  end
  return #ids
end)

-- The deliveries about an alert, whatever their state: they hold what the alert says. Returns how many there were.
local function forget_deliveries(alert)
  local key, erased = 'churn:deliveries:of:' .. alert, 0
  for _, id in ipairs(redis.call('SMEMBERS', key)) do
    erased = erased + erase_delivery(id)
  end
  redis.call('DEL', key)
  return erased
end

-- Returns their ids, and how many deliveries went with them: in one step, so that whoever forgets a user does both.
local function forget_alerts(user_id)
  local key, deliveries = 'churn:alerts:of:' .. user_id, 0
  local ids = redis.call('LRANGE', key, 0, -1)
  for _, id in ipairs(ids) do
    deliveries = deliveries + forget_deliveries(id)
    redis.call('DEL', 'churn:alert:' .. id)
    redis.call('ZREM', 'churn:alerts', id)
    redis.call('ZREM', 'churn:alerts:waiting', id)
  end
  redis.call('DEL', key)
  return ids, deliveries
end

-- ARGV: id of a user, and the marker to be kept, empty for none. Erases all that the view has of them, and deliveries
-- of their alerts. Returns how many scores, points, moments and marks that were, the ids of the alerts, and how many
-- deliveries.
local function forget(_, args)
  local user_id, epoch = args[1], redis.call('HGET', 'churn:user:' .. args[1], 'epoch')
  if args[2] ~= '' then
    redis.call('SADD', 'churn:forgotten', args[2])
  end
  if epoch then
    redis.call('HINCRBY', 'churn:books:' .. epoch, 'users', -1)
  end
  for _, ranking in ipairs({ '', ':high', ':medium', ':low' }) do
    redis.call('ZREM', 'churn:ranking' .. ranking, user_id)
  end
  redis.call('ZREM', 'churn:due', user_id)
  local points = redis.call('ZCARD', 'churn:history:' .. user_id)
  local moments = redis.call('LLEN', 'churn:moments:' .. user_id)
  local marks = redis.call('DEL', 'churn:marks:' .. user_id)
  redis.call('DEL', 'churn:features:' .. user_id, 'churn:history:' .. user_id, 'churn:moments:' .. user_id)
  local alerts, deliveries = forget_alerts(user_id)
  return { redis.call('DEL', 'churn:user:' .. user_id), points, moments, marks, alerts, deliveries }
end

-- Also when Redis is full: it makes room.
redis.register_function{ function_name = 'churn_forget', callback = forget, flags = { 'allow-oom' } }
