-- Keep a message until it is due.
-- KEYS  delayed sorted set, delayed messages hash
-- ARGV  delay (milliseconds), message id, queue, message
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3] .. '\n' .. ARGV[4])
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[1]), ARGV[2])
