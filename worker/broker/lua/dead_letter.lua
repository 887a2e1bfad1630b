-- Move a message that nobody can read to the dead letters. Its id is found by its text: a fetch tells texts only.
-- KEYS  ids fetched by this process, messages hash, dead letters sorted set, dead letters' messages hash
-- ARGV  the text, what is kept of it
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local moved = 0
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if redis.call('HGET', KEYS[2], id) == ARGV[1] then
    redis.call('SREM', KEYS[1], id)
    redis.call('HDEL', KEYS[2], id)
    redis.call('ZADD', KEYS[3], now, id)
    redis.call('HSET', KEYS[4], id, ARGV[2])
    moved = moved + 1
  end
end
return moved
