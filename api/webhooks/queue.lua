-- The queues of deliveries: one an endpoint, by when each is due. Every step is one call, so that a program that is
-- killed between two of them leaves nothing half done: what was claimed comes back when its lease is over.

-- The set of the deliveries about an alert is kept as long as the last of them, and while one waits.
local function keep_set(alert)
  local set, longest = 'churn:deliveries:of:' .. alert, 1
  for _, id in ipairs(redis.call('SMEMBERS', set)) do
    local left = redis.call('PTTL', 'churn:delivery:' .. id)
    if left == -1 then
      redis.call('PERSIST', set)
      return
    end
    longest = math.max(longest, left)
  end
  redis.call('PEXPIRE', set, longest)
end

-- Some of an endpoint's list, drawn at random: Redis lets deliveries go by itself, and one that waits may be the oldest.
-- By four for each that comes, the list is never much longer than the deliveries are many.
local function trim(endpoint)
  local list = 'churn:deliveries:' .. endpoint
  for _, id in ipairs(redis.call('ZRANDMEMBER', list, 4)) do
    if redis.call('EXISTS', 'churn:delivery:' .. id) == 0 then
      redis.call('ZREM', list, id)
    end
  end
end

-- ARGV: place in the order of alerts that is reached then (empty: none), then for each delivery its id, endpoint, alert
-- (or nothing), type, body, creation, when it is due (ms). One that is there already is left as it is, and one about an
-- alert that is not there any more is not made: its user was forgotten meanwhile.
redis.register_function('churn_enqueue', function(_, args)
  local added = 0
  for at = 2, #args, 7 do
    local id, endpoint, alert, now, due = args[at], args[at + 1], args[at + 2], args[at + 5], args[at + 6]
    local key = 'churn:delivery:' .. id
    local wanted = redis.call('EXISTS', 'churn:endpoint:' .. endpoint) == 1
      and (alert == '' or redis.call('EXISTS', 'churn:alert:' .. alert) == 1)
    if wanted and redis.call('EXISTS', key) == 0 then
      redis.call('HSET', key, 'endpoint', endpoint, 'alert', alert, 'type', args[at + 3], 'body', args[at + 4],
        'state', 'waiting', 'tries', 0, 'created_ms', now, 'due_ms', due)
      redis.call('ZADD', 'churn:queue:' .. endpoint, due, id)
      redis.call('ZADD', 'churn:deliveries:' .. endpoint, now, id)
      if alert ~= '' then
        redis.call('SADD', 'churn:deliveries:of:' .. alert, id)
        redis.call('PERSIST', 'churn:deliveries:of:' .. alert)
      end
      trim(endpoint)
      added = added + 1
    end
  end
  if args[1] ~= '' then
    redis.call('SET', 'churn:deliveries:place', args[1])
  end
  return added
end)

-- ARGV: endpoint, wall clock in ms, until when what is claimed belongs to the caller, how many at most. Returns of each
-- its id, type, body and tries, and at last when the next one is due (empty: none waits).
redis.register_function('churn_claim', function(_, args)
  local queue, found = 'churn:queue:' .. args[1], {}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', queue, '-inf', args[2], 'LIMIT', 0, args[4])) do
    local held = redis.call('HMGET', 'churn:delivery:' .. id, 'type', 'body', 'tries')
    if held[1] then
      redis.call('ZADD', queue, args[3], id)
      found[#found + 1] = { id, held[1], held[2], held[3] }
    else
      redis.call('ZREM', queue, id)
    end
  end
  found[#found + 1] = redis.call('ZRANGE', queue, 0, 0, 'WITHSCORES')[2] or ''
  return found
end)

-- A success ends an endpoint's failing, whatever was known of it when the attempt began.
local function end_failing(endpoint)
  local key = 'churn:endpoint:' .. endpoint
  if tonumber(redis.call('HGET', key, 'failing_since_ms') or '') then
    redis.call('HSET', key, 'failing_since_ms', 'null')
  end
end

-- ARGV: id, endpoint, the attempt as JSON, the state that it leads to, wall clock in ms, when it is due again (empty:
-- not at all), seconds that it is kept. Nothing is noted of one that was erased meanwhile.
redis.register_function('churn_attempted', function(_, args)
  if args[4] == 'delivered' then
    end_failing(args[2])
  end
  local key = 'churn:delivery:' .. args[1]
  if redis.call('EXISTS', key) == 0 then
    return 0
  end
  redis.call('RPUSH', 'churn:attempts:' .. args[1], args[3])
  redis.call('LTRIM', 'churn:attempts:' .. args[1], -50, -1)
  redis.call('HINCRBY', key, 'tries', 1)
  redis.call('HSET', key, 'state', args[4], 'due_ms', args[6])
  if args[6] ~= '' then
    redis.call('ZADD', 'churn:queue:' .. args[2], args[6], args[1])
    return 1
  end
  redis.call('ZREM', 'churn:queue:' .. args[2], args[1])
  redis.call('HSET', key, 'ended_ms', args[5])
  redis.call('EXPIRE', key, args[7])
  redis.call('EXPIRE', 'churn:attempts:' .. args[1], args[7])
  keep_set(redis.call('HGET', key, 'alert'))
  return 1
end)

-- ARGV: id, wall clock in ms. Sends a delivery once more, from the first of its tries; 0 if it is not there.
redis.register_function('churn_replay', function(_, args)
  local key = 'churn:delivery:' .. args[1]
  local endpoint, alert = unpack(redis.call('HMGET', key, 'endpoint', 'alert'))
  if not endpoint or redis.call('EXISTS', 'churn:endpoint:' .. endpoint) == 0 then
    return 0
  end
  redis.call('HSET', key, 'state', 'waiting', 'tries', 0, 'due_ms', args[2])
  redis.call('HDEL', key, 'ended_ms')
  for _, each in ipairs({ key, 'churn:attempts:' .. args[1], 'churn:deliveries:of:' .. alert }) do
    redis.call('PERSIST', each)
  end
  redis.call('ZADD', 'churn:queue:' .. endpoint, args[2], args[1])
  return 1
end)

-- ARGV: ids of deliveries. Erases them, whatever their state; returns how many there were.
redis.register_function('churn_erase_deliveries', function(_, ids)
  local erased = 0
  for _, id in ipairs(ids) do
    local count, alert = erase_delivery(id)
    erased = erased + count
    if alert then
      redis.call('SREM', 'churn:deliveries:of:' .. alert, id)
      keep_set(alert)
    end
  end
  return erased
end)

-- ARGV: id of an endpoint, then names and values of fields. 0 for one that is not there: it was deleted meanwhile, and
-- must not come back as these fields.
redis.register_function('churn_change_endpoint', function(_, args)
  local key = 'churn:endpoint:' .. args[1]
  if redis.call('EXISTS', key) == 0 then
    return 0
  end
  redis.call('HSET', key, unpack(args, 2))
  return 1
end)

-- ARGV: id of an endpoint, the URL that was tried, as JSON, wall clock in ms, for how many ms it may fail (0: not even
-- once), and what it is switched off for, as JSON. 1 for the failure that switches it off, else 0. It is judged as it is
-- now: a URL that was given while the attempt ran has not failed.
redis.register_function('churn_failed', function(_, args)
  local key, now, allowed = 'churn:endpoint:' .. args[1], tonumber(args[3]), tonumber(args[4])
  local state, url, failing = unpack(redis.call('HMGET', key, 'state', 'url', 'failing_since_ms'))
  if state ~= '"enabled"' or url ~= args[2] then
    return 0
  end
  local since = tonumber(failing)
  local lasted = since and math.max(0, now - since) or 0
  if lasted >= allowed then
    redis.call('HSET', key, 'state', '"disabled"', 'disabled_for', args[5])
    return 1
  end
  if not since then
    redis.call('HSET', key, 'failing_since_ms', args[3])
  end
  return 0
end)
