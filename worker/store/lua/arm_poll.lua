-- Plan the one live poll message of an account.
--
-- KEYS[1]  the account's poll hash: epoch, at, turn (what `at` is while a turn runs)
-- ARGV     wanted time (epoch seconds, or "now"), slack seconds, mode, seconds to add to the server's time (tests only)
--
-- mode "offer": a message is planned only when none is live, when it should already have run, or when it would run later
--               than the wanted time by more than the slack.
-- mode "plan":  a message is planned whatever is there (the poll actor plans its own next turn), and no later than one
--               that was offered while the turn ran: what that was for may not have been there for the turn's last look.
-- Returns {epoch, delay seconds as text}; epoch 0: the live message will do.

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6 + tonumber(ARGV[4])
local slack = tonumber(ARGV[2])
local wanted = ARGV[1] == 'now' and now or tonumber(ARGV[1])
local planned = redis.call('HGET', KEYS[1], 'at')
local at = tonumber(planned or '')
if ARGV[3] == 'offer' and at and at >= now - slack and at <= wanted + slack then
  return {0, '0'}
end
if ARGV[3] == 'plan' and at and planned ~= redis.call('HGET', KEYS[1], 'turn') then
  wanted = math.min(wanted, at)
end
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('HSET', KEYS[1], 'at', string.format('%.6f', wanted))
return {epoch, string.format('%.6f', math.max(wanted - now, 0))}
