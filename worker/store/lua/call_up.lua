-- Call up as many parts at the head of an account's lines as there is room for: of finished ones first, they are paid.
--
-- KEYS[1]  key prefix
-- ARGV     account, most parts to collect, most parts to submit, seconds between calls, burst (calls), seconds ahead for
--          which calls are handed out, seconds that a call counts, most active parts, most open attempts (-1: any),
--          calls of a collect, seconds to add to the server's time (tests only)
--
-- A part that was called is due at once and out of the line. It keeps its turn until it is written: when it comes back,
-- because others were quicker, it stands where it stood. Until then, but not for ever, it counts as being on its way,
-- so that several callers together call no more than there is room for. See `stand_in_line` in commit.lua.
-- Returns a flat list of lane, part, seconds until its call is free, lane, part, …

-- After so long the turn of a part that was called and never written again is given up: an earlier version of the program,
-- which knows no line, may have taken it.
local FORGET_SECONDS = 3600
local prefix, account = KEYS[1], ARGV[1]
local most = {collect = tonumber(ARGV[2]), submit = tonumber(ARGV[3])}
local interval, burst, ahead, counts = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local active_max, intents_max = tonumber(ARGV[8]), tonumber(ARGV[9])
local calls = {collect = tonumber(ARGV[10]), submit = 1}
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6 + tonumber(ARGV[11])

local function key(name, lane)
  return prefix .. name .. ':' .. account .. (lane and ':' .. lane or '')
end

local function on_their_way(lane)
  local number, found = 0, redis.call('HGETALL', key('called', lane))
  for i = 1, #found, 2 do
    local at = tonumber(string.match(found[i + 1], ' (.*)$'))
    if at + counts > now then
      number = number + 1
    elseif at + FORGET_SECONDS < now then
      redis.call('HDEL', key('called', lane), found[i])
    end
  end
  if #found > 0 and redis.call('EXISTS', key('line', lane), key('called', lane)) == 0 then
    redis.call('ZREM', prefix .. 'lines', account .. '|' .. lane)
    redis.call('DEL', key('turns', lane))
  end
  return number
end

-- Results that are about to go step before all others, the first to go first.
local function make_urgent(lane)
  local ends = key('line_ends', lane)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', now, 'LIMIT', 0, 200)) do
    redis.call('ZADD', key('line', lane), 'XX', redis.call('ZSCORE', ends, id) - 1e11, id)
    redis.call('ZREM', ends, id)
  end
end

local coming = {collect = on_their_way('collect'), submit = on_their_way('submit')}
local arrival = math.max(tonumber(redis.call('GET', key('rate')) or '0'), now)
local free = math.floor((now + ahead + interval * burst - arrival) / interval + 1e-6)
free = free - coming.collect * calls.collect - coming.submit * calls.submit
local places = active_max - redis.call('SCARD', key('active'))
if intents_max >= 0 then
  places = math.min(places, intents_max - redis.call('SCARD', key('intents')))
end
most.submit = math.min(most.submit, places)
most.collect, most.submit = most.collect - coming.collect, most.submit - coming.submit

local called = {}
local ahead_calls = coming.collect * calls.collect + coming.submit * calls.submit

local function call_up(lane)
  local line, name, due = key('line', lane), account .. '|' .. lane, key('due', lane)
  local number = math.min(most[lane], math.floor(free / calls[lane]))
  if number <= 0 then
    return
  end
  local found = redis.call('ZRANGE', line, 0, number - 1, 'WITHSCORES')
  for i = 1, #found, 2 do
    local id, turn = found[i], tonumber(found[i + 1])
    local wait = math.max(arrival + interval * (ahead_calls - burst + 1) - now, 0)
    ahead_calls, free = ahead_calls + calls[lane], free - calls[lane]
    redis.call('ZREM', line, id)
    redis.call('HSET', key('called', lane), id, string.format('%.17g %.6f', turn, now))
    redis.call('ZADD', due, 'XX', now + wait, id)
    if turn > tonumber(redis.call('ZSCORE', prefix .. 'lines', name) or '0') then
      redis.call('ZADD', prefix .. 'lines', turn, name)
      redis.call('ZREMRANGEBYSCORE', key('turns', lane), '-inf', turn)
    end
    called[#called + 1] = lane
    called[#called + 1] = id
    called[#called + 1] = string.format('%.6f', wait)
  end
  local first = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')
  if first[2] then
    redis.call('ZADD', prefix .. 'due', first[2], name)
  end
end

make_urgent('collect')
call_up('collect')
-- A result needs more calls than a submit: while one waits for its last, no submit takes those that are free already.
if most.collect <= 0 or free >= calls.collect or redis.call('EXISTS', key('line', 'collect')) == 0 then
  call_up('submit')
end
return called
