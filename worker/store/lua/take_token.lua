-- Take one token of an account's call rate (generic cell rate algorithm), exact under concurrency.
--
-- KEYS[1]  theoretical arrival time of the next call, as text
-- ARGV     seconds between calls, burst (calls), seconds to add to the server's time (tests only)
--
-- Returns the seconds to wait as text: "0" when the token was taken, more when it was not.

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6 + tonumber(ARGV[3])
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local arrival = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local wait = arrival - interval * (burst - 1) - now
-- Less than can be told to the caller is no wait: it would go on without its token.
if wait >= 0.000001 then
  return string.format('%.6f', wait)
end
local following = arrival + interval
redis.call('SET', KEYS[1], string.format('%.6f', following), 'PX', math.ceil((following - now) * 1000) + 1000)
return '0'
