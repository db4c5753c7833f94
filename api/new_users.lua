-- How many users that nobody knew one key may bring in a day, so that invented ids cannot fill the memory.

-- ARGV: the set of the day, how many, when the set may go (s), ids of users. Returns 1 for each who may come, else 0.
redis.register_function('churn_admit_users', function(_, args)
  local set, most, found = args[1], tonumber(args[2]), {}
  local size = redis.call('SCARD', set)
  for at = 4, #args do
    local id = string.sub(redis.sha1hex(args[at]), 1, 16)
    local may = redis.call('EXISTS', 'churn:user:' .. args[at]) == 1 or redis.call('SISMEMBER', set, id) == 1
    if not may and size < most then
      size, may = size + redis.call('SADD', set, id), true
    end
    found[#found + 1] = may and 1 or 0
  end
  redis.call('EXPIRE', set, args[3])
  return found
end)
