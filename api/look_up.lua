-- All that is known of users now, of one moment and in one answer: a thousand users are five thousand commands less.

-- ARGV: ids of users. Returns how many are ranked, the event clock, and of each user: the hash of the score as fields
-- and values, the packed features, the place in the ranking, the hash of the marks, the oldest point of the history.
local function look_up(_, args)
  local found = { redis.call('ZCARD', 'churn:ranking'), redis.call('GET', 'churn:clock') }
  for _, id in ipairs(args) do
    found[#found + 1] = {
      redis.call('HGETALL', 'churn:user:' .. id),
      redis.call('GET', 'churn:features:' .. id),
      redis.call('ZREVRANK', 'churn:ranking', id),
      redis.call('HGETALL', 'churn:marks:' .. id),
      redis.call('ZRANGE', 'churn:history:' .. id, 0, 0),
    }
  end
  return found
end

redis.register_function{ function_name = 'churn_look_up', callback = look_up, flags = { 'no-writes' } }
