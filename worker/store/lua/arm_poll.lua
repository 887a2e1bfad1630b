-- Plan the one live poll message of an account.
--
-- KEYS[1]  the account's poll hash: epoch, at (when the live message runs); while a turn runs turn, until (the end of its
--          lease), wanted (the earliest look that was asked for meanwhile)
-- ARGV     wanted time (epoch seconds, "now" or "never"), slack seconds, the turn that plans or "" for an offer, seconds
--          to add to the server's time (tests only)
--
-- An offer plans a message only when none is live, when it should already have run, or when it would run later than the
-- wanted time by more than the slack. While a turn runs, the turn will plan: the wanted time is noted for it, and a
-- message that may be planned at the end of its lease replaces the turn if that dies.
-- A turn plans its next one and ends; it is planned no later than what was noted, which may not have been there for the
-- turn's last look. A turn that is not the present one plans nothing.
-- Returns {epoch, delay seconds as text}; epoch 0: no message is to be sent.

local poll = KEYS[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6 + tonumber(ARGV[4])
local slack = tonumber(ARGV[2])
local wanted = ARGV[1] == 'now' and now or ARGV[1] == 'never' and math.huge or tonumber(ARGV[1])

local function seconds_of(field)
  return tonumber(redis.call('HGET', poll, field) or '')
end

local noted = seconds_of('wanted') or math.huge
if ARGV[3] == '' then
  local over_at = seconds_of('until')
  if over_at and over_at > now then
    if wanted < noted then
      redis.call('HSET', poll, 'wanted', string.format('%.6f', wanted))
    end
    wanted = math.max(wanted, over_at)
  end
  local at = seconds_of('at')
  if at and at >= now - slack and at <= wanted + slack then
    return {0, '0'}
  end
else
  if redis.call('HGET', poll, 'turn') ~= ARGV[3] then
    return {0, '0'}
  end
  redis.call('HDEL', poll, 'at', 'turn', 'until', 'wanted')
  wanted = math.min(wanted, noted)
  if wanted == math.huge then
    return {0, '0'}
  end
end
local epoch = redis.call('HINCRBY', poll, 'epoch', 1)
redis.call('HSET', poll, 'at', string.format('%.6f', wanted))
return {epoch, string.format('%.6f', math.max(wanted - now, 0))}
