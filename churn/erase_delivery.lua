-- Takes a delivery out of wherever it is: used where a user is forgotten, and where an endpoint is deleted.

-- Returns how many there were, and the alert that it was about: nothing if it was not there, empty if it was about none.
local function erase_delivery(id)
  local key = 'churn:delivery:' .. id
  local endpoint, alert = unpack(redis.call('HMGET', key, 'endpoint', 'alert'))
  if endpoint then
    redis.call('ZREM', 'churn:queue:' .. endpoint, id)
    redis.call('ZREM', 'churn:deliveries:' .. endpoint, id)
  end
  redis.call('DEL', 'churn:attempts:' .. id)
  return redis.call('DEL', key), alert
end

