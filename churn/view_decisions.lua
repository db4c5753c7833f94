-- What the view decides: bands, when alerts wait, when somebody is looked at again. The other files follow, and write.

local HEADER, FIELDS = 5, 18 -- arguments before the partitions, and per record: churn.view_function

local function first_record(args)
  return HEADER + 1 + 3 * tonumber(args[HEADER])
end

-- A hash of numbers as a table, nil where there is none.
local function numbers(key, ...)
  local found, held = redis.call('HMGET', key, ...), {}
  for place, name in ipairs({ ... }) do
    if not found[place] then
      return nil
    end
    held[name] = tonumber(found[place])
  end
  return held
end

local function policy(key)
  return numbers(key, 'medium', 'high', 'exit_ratio', 'cool_down_ms', 'outage_ms', 'hold_ms', 'rise', 'rise_ms')
end

-- While models are swapped, scores of both arrive: each is judged by the thresholds of its own model. That of a model
-- whose bundle is gone is judged by those in use.
local function policy_of(model, rules)
  rules.of[model] = rules.of[model] or policy('churn:policy:' .. model) or rules.current
  return rules.of[model]
end

-- The same decision as churn.outcomes.AlertPolicy.band.
local function band_of(p, score, before, waits)
  local risk = score.risk
  if score.status ~= 'active' then
    return 'none'
  end
  if risk >= p.high or (before == 'high' and risk >= p.high * p.exit_ratio) then
    local lapsing = tonumber(score.p_lapse) >= tonumber(score.p_cancel)
    return (waits and lapsing and before ~= 'high') and 'medium' or 'high'
  end
  if risk >= p.medium or ((before == 'medium' or before == 'high') and risk >= p.medium * p.exit_ratio) then
    return 'medium'
  end
  return 'low'
end

-- When somebody from whom nothing comes is looked at again. Openings are all of one moment: they are spread.
local function next_heartbeat(score, heartbeats)
  local wait = score.status == 'lapsed' and heartbeats.lapsed_interval_ms or heartbeats.interval_ms
  if score.received_ms == '' then
    wait = wait * tonumber(string.sub(redis.sha1hex(score.user_id), 1, 8), 16) / 2 ^ 32
  end
  return string.format('%.0f', score.as_of_ms + math.floor(wait))
end

-- Where nobody at all has a score, the whole platform was away: every silence is as much longer, and alerts for lapsing
-- wait for a while. Looked for among all records of a call at once: one batch of a stream that catches up may tell of the
-- last day first. Returns the times during which they wait, the newest last.
local function find_holds(args, read, p, clock)
  local times, held = {}, redis.call('HMGET', 'churn:hold', 'since', 'until')
  for at = first_record(args), #args, FIELDS do
    local as_of_ms = tonumber(args[at + 5])
    if tonumber(args[at + 1]) >= read[args[at]].position and as_of_ms > clock then
      times[#times + 1] = as_of_ms
    end
  end
  table.sort(times)
  local holds = { { since = tonumber(held[1] or '0'), ['until'] = tonumber(held[2] or '0') } }
  local before = clock > 0 and clock or times[1]
  for _, as_of_ms in ipairs(times) do
    if as_of_ms - before >= p.outage_ms then
      -- From the beginning of the gap: heartbeats that follow are of moments in it.
      holds[#holds + 1] = { since = before + 1, ['until'] = as_of_ms + p.hold_ms }
    end
    before = as_of_ms
  end
  return holds
end

local function is_held(as_of_ms, holds)
  for _, hold in ipairs(holds) do
    if as_of_ms >= hold.since and as_of_ms < hold['until'] then
      return true
    end
  end
  return false
end

