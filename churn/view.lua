-- From score records to the view, in one call: nobody sees a part of a batch, and applying it twice changes nothing.
-- The consumer's position is stored in the same call, so view and position cannot disagree. A call that fails half way
-- (at a key of another type, say) leaves what it has applied, with its books and position; the next goes on there.

-- (epoch, version) only grows; at equal versions the newer model wins.
local function newer(score, old)
  if not old.epoch then
    return true
  end
  if score.epoch ~= old.epoch then
    return score.epoch > old.epoch
  end
  if score.version ~= old.version then
    return score.version > old.version
  end
  return score.model_version > old.model_version
end

local function read_old(key)
  local h = redis.call('HMGET', key, 'epoch', 'version', 'model_version', 'band', 'alerted_at', 'point_at',
    'events', 'opened', 'heartbeats', 'band_since', 'owed', 'moment_at', 'moment_risk', 'risk')
  return {
    epoch = tonumber(h[1]), version = tonumber(h[2]), model_version = h[3] or '', band = h[4] or 'none',
    alerted_at = tonumber(h[5]), point_at = tonumber(h[6]), events = tonumber(h[7]) or 0,
    opened = tonumber(h[8]) or 0, heartbeats = tonumber(h[9]) or 0, band_since = h[10],
    owed = h[11], moment_at = tonumber(h[12]), moment_risk = tonumber(h[13]), risk = tonumber(h[14]) or 0,
  }
end

-- What one epoch's records came to; the fields of churn.view.Books.
local function open_books()
  return { scores = 0, events_scored = 0, events_opened = 0, heartbeats = 0, alerts = 0, stale = 0, users = 0 }
end

local function count(books, score, old)
  local same = old.epoch == score.epoch
  local events, opened = score.events, score.opened
  local heartbeats = score.heartbeats
  if same then
    events, opened, heartbeats = events - old.events, opened - old.opened, heartbeats - old.heartbeats
  else
    books.users = books.users + 1
  end
  books.events_scored = books.events_scored + events - opened
  books.events_opened = books.events_opened + opened
  books.heartbeats = books.heartbeats + heartbeats
  books.scores = books.scores + 1
end

local function rank(score, band, before)
  if before ~= band and before ~= 'none' then
    redis.call('ZREM', 'churn:ranking:' .. before, score.user_id)
  end
  if band == 'none' then
    redis.call('ZREM', 'churn:ranking', score.user_id)
  else
    redis.call('ZADD', 'churn:ranking', score.risk_text, score.user_id)
    redis.call('ZADD', 'churn:ranking:' .. band, score.risk_text, score.user_id)
  end
end

local function look_again(score, heartbeats)
  if score.status == 'cancelled' then
    redis.call('ZREM', 'churn:due', score.user_id)
  else
    redis.call('ZADD', 'churn:due', next_heartbeat(score, heartbeats), score.user_id)
  end
end

local function set_or_drop(key, field, value, held)
  if value then
    redis.call('HSET', key, field, value)
  elseif held then
    redis.call('HDEL', key, field)
  end
end

-- Returns the first letter of a churn.view.Verdict.
local function apply(score, rules, wall, done, silent)
  local books, p = done.books[score.epoch_text], policy_of(score.model_version, rules)
  local key = 'churn:user:' .. score.user_id
  local old = read_old(key)
  if not newer(score, old) then
    books.stale = books.stale + 1
    return 's'
  end
  -- A user's first score, and the first under another model or epoch, sets the band silently.
  local comparable = old.epoch == score.epoch and old.model_version == score.model_version
  local band = band_of(p, score, old.band, comparable and is_held(score.as_of_ms, done.holds))
  local alerted_at, owed = old.alerted_at, nil
  if comparable and not silent then
    local kind, from_band = alert_kind(p, score, band, old)
    if kind and snoozed(score.user_id, wall.ms) then
      owed = kind == 'band' and from_band or nil
    elseif kind then
      books.alerts = books.alerts + raise_alert(p, score, kind, band, from_band, wall)
      alerted_at = score.as_of_ms
    end
  end
  rank(score, band, old.band)
  look_again(score, rules.heartbeats)
  local point_at, moment_at, moment_risk = remember(score, band, old)
  local since = (band ~= old.band or not old.band_since) and score.as_of or old.band_since
  redis.call('HSET', key, 'epoch', score.epoch_text, 'version', score.version_text, 'as_of', score.as_of,
    'last_event', score.last_event, 'events', score.events_text, 'opened', score.opened_text,
    'heartbeats', score.heartbeats_text, 'level', score.level, 'status', score.status,
    'p_cancel', score.p_cancel, 'p_lapse', score.p_lapse, 'risk', score.risk_text, 'model_version', score.model_version,
    'received_ms', score.received_ms, 'published_ms', wall.text,
    'band', band, 'band_since', since, 'point_at', string.format('%.0f', point_at))
  -- Apart: a hash with a value longer than 64 bytes takes three times the memory.
  redis.call('SET', 'churn:features:' .. score.user_id, score.features)
  set_or_drop(key, 'alerted_at', alerted_at and string.format('%.0f', alerted_at), old.alerted_at)
  set_or_drop(key, 'owed', owed, old.owed)
  if moment_at ~= old.moment_at then
    redis.call('HSET', key, 'moment_at', string.format('%.0f', moment_at), 'moment_risk', moment_risk)
  end
  count(books, score, old) -- last: a record that fails is met again, and counted then
  return 'a'
end

local function read_score(args, at)
  local s = {
    user_id = args[at + 2], epoch_text = args[at + 3], version_text = args[at + 4], as_of = args[at + 5],
    last_event = args[at + 6], events_text = args[at + 7], opened_text = args[at + 8],
    heartbeats_text = args[at + 9], level = args[at + 10], status = args[at + 11], p_cancel = args[at + 12],
    p_lapse = args[at + 13], risk_text = args[at + 14], model_version = args[at + 15], received_ms = args[at + 16],
    features = args[at + 17],
  }
  s.epoch, s.version, s.as_of_ms = tonumber(s.epoch_text), tonumber(s.version_text), tonumber(s.as_of)
  s.events, s.opened, s.heartbeats = tonumber(s.events_text), tonumber(s.opened_text), tonumber(s.heartbeats_text)
  s.risk = tonumber(s.risk_text)
  return s
end

-- What was read of each partition. An error if the view lacks something before it: Redis went back in time then (an
-- old backup, a replica that lagged behind), and the records between would be passed over for ever.
local function read_partitions(args, topic)
  local read = {}
  for at = HEADER + 1, first_record(args) - 1, 3 do
    local field = topic .. ':' .. args[at]
    local position = tonumber(redis.call('HGET', 'churn:offsets', field) or '0')
    if tonumber(args[at + 1]) > position then
      return nil, string.format('POSITION %s is at %.0f, the batch begins at %s', field, position, args[at + 1])
    end
    read[args[at]] = {
      field = field, position = position, comes_next = tonumber(args[at + 2]),
      silent_until = tonumber(redis.call('HGET', 'churn:silent-until', field) or '0'),
    }
  end
  return read
end

-- Applies every record, and says in `done` what became of it as soon as it has.
local function apply_all(args, read, rules, done)
  local wall = { ms = tonumber(args[1]), text = args[1], quiet_until = args[3] }
  for at = first_record(args), #args, FIELDS do
    local partition, offset, verdict = read[args[at]], tonumber(args[at + 1]), 'p'
    if offset >= partition.position then
      local score = read_score(args, at)
      done.books[score.epoch_text] = done.books[score.epoch_text] or open_books()
      verdict = apply(score, rules, wall, done, offset < partition.silent_until)
      partition.position, done.clock = offset + 1, math.max(done.clock, score.as_of_ms)
    end
    done.verdicts[#done.verdicts + 1] = verdict
  end
  for _, partition in pairs(read) do
    partition.position = math.max(partition.position, partition.comes_next)
  end
end

local function store(read, done)
  for _, partition in pairs(read) do
    redis.call('HSET', 'churn:offsets', partition.field, string.format('%.0f', partition.position))
  end
  for epoch, entries in pairs(done.books) do
    for name, value in pairs(entries) do
      redis.call('HINCRBY', 'churn:books:' .. epoch, name, string.format('%.0f', value))
    end
    if tonumber(epoch) > tonumber(redis.call('GET', 'churn:epoch') or '0') then
      redis.call('SET', 'churn:epoch', epoch)
    end
  end
  redis.call('SET', 'churn:clock', string.format('%.0f', done.clock))
  local hold = done.holds[#done.holds]
  redis.call('HSET', 'churn:hold', 'since', string.format('%.0f', hold.since), 'until', string.format('%.0f', hold['until']))
end

-- ARGV: wall clock in ms, name of the topic, until when alerts are kept back (wall clock in ms; empty: they are not), how
-- many markers of the forgotten the caller knows, a number of partitions; for each its number, the offset from which it
-- was read, the offset that comes next; then FIELDS arguments per record, in order of offset. Returns a letter per record.
local function publish(_, args)
  local rules = { of = {}, current = policy('churn:policy') }
  rules.heartbeats = numbers('churn:heartbeats', 'interval_ms', 'lapsed_interval_ms')
  local read, problem = read_partitions(args, args[2])
  if redis.call('EXISTS', 'churn:rebanding') == 1 then
    problem = 'REBANDING the bands are being set anew by another policy'
  elseif redis.call('SCARD', 'churn:forgotten') ~= tonumber(args[4]) then
    problem = 'FORGOTTEN somebody was forgotten meanwhile'
  elseif not rules.current or not rules.heartbeats then
    problem = 'NOPOLICY churn:policy or churn:heartbeats is not set'
  end
  if problem then
    return redis.error_reply(problem)
  end
  local clock = tonumber(redis.call('GET', 'churn:clock') or '0')
  local done = { books = {}, verdicts = {}, clock = clock, holds = find_holds(args, read, rules.current, clock) }
  local whole, failure = pcall(apply_all, args, read, rules, done)
  store(read, done)
  drop_old_alerts(done.clock)
  if not whole then
    return type(failure) == 'table' and failure or redis.error_reply('ERR ' .. failure)
  end
  return table.concat(done.verdicts)
end

redis.register_function('churn_publish', publish)
