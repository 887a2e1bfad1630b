-- Claim what is overdue: each item is handed to one caller, and to no other for `rearm` seconds.
--
-- KEYS[1]  key prefix
-- ARGV     grace seconds, re-arm seconds, seconds until who stands in a line is looked at again, most items, seconds to add to the server's time (tests only)
--
-- An item's score moves forward by `rearm`; its record keeps the time it was really due. In the poll lane the account is
-- claimed and its items keep their scores: one poll serves them all. Who stands in its account's line is called up there,
-- and not claimed while it does.
-- Returns a flat list of account, lane, item, account, lane, item, … (item is empty in the poll lane).

local prefix = KEYS[1]
local grace, rearm, stands, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6 + tonumber(ARGV[5])
local due = prefix .. 'due'
local claimed = {}

local function claim(account, lane, item)
  claimed[#claimed + 1] = account
  claimed[#claimed + 1] = lane
  claimed[#claimed + 1] = item
end

local room = most
for _, name in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now - grace, 'LIMIT', 0, most)) do
  if room <= 0 then
    break
  end
  local account, lane = string.match(name, '^(.*)|(.*)$')
  local waiting = prefix .. 'due:' .. account .. ':' .. lane
  local line = prefix .. 'line:' .. account .. ':' .. lane
  if lane == 'poll' then
    claim(account, lane, '')
    room = room - 1
    redis.call('ZADD', due, now + rearm, name)
  else
    for _, item in ipairs(redis.call('ZRANGEBYSCORE', waiting, '-inf', now - grace, 'LIMIT', 0, room)) do
      if redis.call('ZSCORE', line, item) then
        redis.call('ZADD', waiting, now + stands, item)
      else
        claim(account, lane, item)
        room = room - 1
        redis.call('ZADD', waiting, now + rearm, item)
      end
    end
    local first = redis.call('ZRANGE', waiting, 0, 0, 'WITHSCORES')
    if first[2] then
      redis.call('ZADD', due, first[2], name)
    else
      redis.call('ZREM', due, name)
    end
  end
end
return claimed
