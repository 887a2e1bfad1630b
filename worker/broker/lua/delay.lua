-- Keep a message until it is due.
-- KEYS  delayed sorted set, delayed messages hash, number of messages ever delayed
-- ARGV  delay (milliseconds), message id, queue, message
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
-- The set orders members with the same time as texts, so each begins with its number, in 16 digits.
local member = string.format('%016d', redis.call('INCR', KEYS[3])) .. ARGV[2]
redis.call('HSET', KEYS[2], member, ARGV[3] .. '\n' .. ARGV[4])
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[1]), member)
