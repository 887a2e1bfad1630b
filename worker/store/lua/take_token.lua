-- Take one token of an account's call rate (generic cell rate algorithm), exact under concurrency, the urgent first.
--
-- KEYS[1]  theoretical arrival time of the next call, as text
-- KEYS[2]  who was refused lately: a hash of urgency -> until when its claim holds, and of "passed:" urgency -> tokens
--          that more urgent callers have taken while it had a claim
-- ARGV     seconds between calls, burst (calls), urgency (0: the most urgent), urgencies, tokens after which a claim goes
--          before more urgent ones, seconds to add to the server's time (tests only)
--
-- Who is refused claims a token for as long as it is told to wait and a little longer, CLAIM_SECONDS at most. A token is
-- not given to whoever is less urgent than a claim, but for one that has been passed by often enough. So each urgency
-- that asks gets its share, and a claim of somebody who does not come again costs others a bounded wait.
-- Returns the seconds to wait as text: "0" when the token was taken, more when it was not.

local CLAIM_SECONDS, LATE_SECONDS = 5, 0.5
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6 + tonumber(ARGV[6])
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local urgency, urgencies, share = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

local claims, passed = {}, {}
local found = redis.call('HGETALL', KEYS[2])
for i = 1, #found, 2 do
  local other = tonumber(string.match(found[i], '%d+$'))
  if string.find(found[i], '^passed:') then
    passed[other] = tonumber(found[i + 1])
  elseif tonumber(found[i + 1]) > now then
    claims[other] = tonumber(found[i + 1])
  end
end

local function was_passed(other)
  return (passed[other] or 0) >= share
end

-- The end of the claim that goes before this caller, if there is one.
local function goes_before()
  for other = urgencies - 1, 0, -1 do
    if claims[other] and ((other > urgency and was_passed(other)) or (other < urgency and not was_passed(urgency))) then
      return claims[other]
    end
  end
end

local function refuse(wait)
  local until_ = now + math.min(wait, CLAIM_SECONDS) + LATE_SECONDS
  redis.call('HSET', KEYS[2], urgency, string.format('%.6f', math.max(until_, claims[urgency] or 0)))
  redis.call('EXPIRE', KEYS[2], 3600)
  return string.format('%.6f', wait)
end

local arrival = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local wait = arrival - interval * (burst - 1) - now
-- Less than can be told to the caller is no wait: it would go on without its token.
if wait >= 0.000001 then
  return refuse(wait)
end
local claimed_until = goes_before()
if claimed_until then
  return refuse(math.max(math.min(interval, claimed_until - now), 0.001))
end
if #found > 0 then
  redis.call('HDEL', KEYS[2], urgency, 'passed:' .. urgency)
  for other = urgency + 1, urgencies - 1 do
    if claims[other] then
      redis.call('HINCRBY', KEYS[2], 'passed:' .. other, 1)
    end
  end
end
local following = arrival + interval
redis.call('SET', KEYS[1], string.format('%.6f', following), 'PX', math.ceil((following - now) * 1000) + 1000)
return '0'
