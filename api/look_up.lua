-- All that is known of users now, in one answer: a hundred users are five hundred commands less. What is told of a user
-- is of one moment.

-- ARGV: how many fields of the score, their names, ids of users. Returns how many are ranked, the event clock, and of
-- each user: the values of those fields, the packed features, the place in the ranking, the hash of the marks, the oldest
-- point of the history with its time.
local function look_up(_, args)
  local found = { redis.call('ZCARD', 'churn:ranking'), redis.call('GET', 'churn:clock') }
  local fields = { unpack(args, 2, 1 + args[1]) }
  for at = 2 + args[1], #args do
    local id = args[at]
    found[#found + 1] = {
      redis.call('HMGET', 'churn:user:' .. id, unpack(fields)),
      redis.call('GET', 'churn:features:' .. id),
      redis.call('ZREVRANK', 'churn:ranking', id),
      redis.call('HGETALL', 'churn:marks:' .. id),
      redis.call('ZRANGE', 'churn:history:' .. id, 0, 0, 'WITHSCORES'),
    }
  end
  return found
end

redis.register_function{ function_name = 'churn_look_up', callback = look_up, flags = { 'no-writes' } }
