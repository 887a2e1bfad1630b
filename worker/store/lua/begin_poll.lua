-- Take an account's poll turn with the epoch of a poll message. A message of another epoch is stale.
--
-- KEYS[1]  the account's poll hash: epoch, at, turn (what `at` is while a turn runs)
-- ARGV     the message's epoch, most seconds of a turn, seconds to add to the server's time (tests only)
--
-- Returns 1 when the turn is taken. Until it is over, only a message that is planned for an earlier time begins another
-- one, so that a process that died in its turn holds up nobody.

if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then
  return 0
end
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6 + tonumber(ARGV[3])
redis.call('HINCRBY', KEYS[1], 'epoch', 1)
local over_at = string.format('%.6f', now + tonumber(ARGV[2]))
redis.call('HSET', KEYS[1], 'at', over_at, 'turn', over_at)
return 1
