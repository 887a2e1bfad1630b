-- Hand messages that are due to their queues, in the order in which they are due, and then in which they were sent.
-- KEYS  delayed sorted set, delayed messages hash, namespace
-- ARGV  most messages
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local members = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, tonumber(ARGV[1]))
for _, member in ipairs(members) do
  local kept = redis.call('HGET', KEYS[2], member)
  if kept then
    local line = string.find(kept, '\n', 1, true)
    local queue = KEYS[3] .. ':' .. string.sub(kept, 1, line - 1)
    -- Without the number that only gives it its place.
    local id = string.sub(member, 17)
    redis.call('HSET', queue .. '.msgs', id, string.sub(kept, line + 1))
    redis.call('RPUSH', queue, id)
    redis.call('HDEL', KEYS[2], member)
  end
  redis.call('ZREM', KEYS[1], member)
end
return #members
