-- Take an account's poll turn with the epoch of a poll message, or renew the lease of a turn that was taken.
--
-- KEYS[1]  the account's poll hash, see arm_poll.lua
-- ARGV     "begin" or "renew", the message's epoch or the turn, seconds of the lease, seconds to add to the server's time
--          (tests only)
--
-- A message of another epoch is stale, and so is one that comes while a turn's lease lasts: no two turns run at once.
-- Returns the turn, or 0 when it is not the caller's.

local poll = KEYS[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6 + tonumber(ARGV[4])
local turn = ARGV[2]
if ARGV[1] == 'begin' then
  if redis.call('HGET', poll, 'epoch') ~= turn then
    return 0
  end
  redis.call('HDEL', poll, 'at')
  local over_at = tonumber(redis.call('HGET', poll, 'until') or '')
  if over_at and over_at > now then
    return 0
  end
  turn = redis.call('HINCRBY', poll, 'epoch', 1)
  redis.call('HDEL', poll, 'wanted')
elseif redis.call('HGET', poll, 'turn') ~= turn then
  return 0
end
redis.call('HSET', poll, 'turn', turn, 'until', string.format('%.6f', now + tonumber(ARGV[3])))
return tonumber(turn)
