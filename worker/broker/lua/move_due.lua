-- Hand messages that are due to their queues, in the order in which they are due, and then in which they were sent.
-- KEYS  delayed sorted set, delayed messages hash, the same two of programs that did not number them, namespace
-- ARGV  most messages
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- Moves those of one pair of keys; the id of a message begins at character `id_at` of its member.
local function move(set, texts, id_at, most)
  local members = redis.call('ZRANGEBYSCORE', set, '-inf', now, 'LIMIT', 0, most)
  for _, member in ipairs(members) do
    local kept = redis.call('HGET', texts, member)
    if kept then
      local line = string.find(kept, '\n', 1, true)
      local queue = KEYS[5] .. ':' .. string.sub(kept, 1, line - 1)
      local id = string.sub(member, id_at)
      redis.call('HSET', queue .. '.msgs', id, string.sub(kept, line + 1))
      redis.call('RPUSH', queue, id)
      redis.call('HDEL', texts, member)
    end
    redis.call('ZREM', set, member)
  end
  return #members
end

local most = tonumber(ARGV[1])
local moved = move(KEYS[3], KEYS[4], 1, most)
-- After the number that only gives a member its place.
return moved + move(KEYS[1], KEYS[2], 17, most - moved)
