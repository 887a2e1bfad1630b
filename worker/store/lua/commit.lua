-- Write one decision whole, or nothing of it.
--
-- KEYS[1]  key prefix
-- ARGV[1]  the change as JSON (see worker/store/commit.py, which builds it)
-- ARGV[2]  seconds to add to the server's time (tests only)
--
-- Returns {"ok", now} | {"repeated", now} | {"stale", key} | {"taken", remote id, part id} | {"full", guard name}
--         | {"over", "quota" or "budget", rows used today, epoch seconds of the next day}

local prefix = KEYS[1]
local change = cjson.decode(ARGV[1])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6 + tonumber(ARGV[2])
local now_text = string.format('%.6f', now)

local function key(...)
  return prefix .. table.concat({...}, ':')
end

-- 1. Nothing is written unless every record still is what the decision was taken on.
local olds = {}
local repeated = 0
for i, new in ipairs(change.records) do
  local raw = redis.call('GET', key(new.type, new.id))
  local old = raw and cjson.decode(raw) or {version = 0}
  if old.txn == change.txn then
    repeated = repeated + 1
  elseif old.version ~= new.expected or (new.read ~= '' and (old.txn or '') ~= new.read) then
    -- The same version by another write: Redis was set back, and what was read has not happened.
    return {'stale', key(new.type, new.id)}
  elseif new.live and redis.call('EXISTS', key('removing', new.id)) == 1 then
    -- Its files are being removed at this moment: it may come to life after that.
    return {'stale', key(new.type, new.id)}
  end
  olds[i] = old
end
if #change.records > 0 and repeated == #change.records then
  return {'repeated', now_text}
end
for _, claim in ipairs(change.claims) do
  local owner = redis.call('HGET', key('remote', claim.scope), claim.remote_id)
  if owner and owner ~= claim.part_id then
    return {'taken', claim.remote_id, owner}
  end
  if redis.call('ZSCORE', key('remote_purged'), claim.scope .. '|' .. claim.remote_id) then
    return {'taken', claim.remote_id, 'of a purged upload'}
  end
end
for _, guard in ipairs(change.guards) do
  if redis.call('SCARD', key(guard.name, guard.account)) >= guard.most then
    return {'full', guard.name}
  end
end
if change.behind and redis.call('ZCARD', key('line', change.account, change.behind)) > 0 then
  return {'full', 'line'}
end

-- What the change takes of the day: rows of its producer's quota, and rows of its account's budget. A part has what it
-- has reserved or committed from the budget of the day of its reservation; what it gives back to a day before today is
-- of no use to anybody.
local today = math.floor(now / 86400)
if change.budget and change.budget.day ~= today then
  return {'stale', key('budget', string.format('%d', change.budget.day))}
end

local function number(value)
  return type(value) == 'number' and value or 0
end

local function taken_today(part)
  return part.budget_day == today and number(part.credits_reserved) + number(part.credits_committed) or 0
end

local budget_rows = 0
for i, new in ipairs(change.records) do
  if new.type == 'part' then
    budget_rows = budget_rows + taken_today(new) - taken_today(olds[i])
  end
end
local takes = {{name = 'budget', whose = change.account, rows = budget_rows, most = change.budget and change.budget.most}}
if change.quota then
  takes[2] = {name = 'quota', whose = change.quota.producer, rows = change.quota.rows, most = change.quota.most}
end
for _, take in ipairs(takes) do
  take.key = key(take.name, string.format('%d', today))
  local used = tonumber(redis.call('HGET', take.key, take.whose) or 0)
  if type(take.most) == 'number' and take.rows > 0 and used + take.rows > take.most then
    return {'over', take.name, used, (today + 1) * 86400}
  end
end

-- 2. An answered request is answered once: a second acknowledgement writes nothing.
if change.acknowledge then
  local stream = key('uploads')
  if redis.call('XACK', stream, change.group, change.acknowledge) == 0 and #change.records == 0 then
    return {'repeated', now_text}
  end
  redis.call('XDEL', stream, change.acknowledge)
end

-- 3. Records, and every index that follows from them.
local function nonnull(value)
  return value ~= nil and value ~= cjson.null
end

local lanes = {}
local function leave_lane(old, id)
  if nonnull(old.lane) then
    redis.call('ZREM', key('due', old.account, old.lane), id)
    lanes[old.account .. '|' .. old.lane] = key('due', old.account, old.lane)
  end
end

local function enter_lane(new)
  if nonnull(new.lane) then
    redis.call('ZADD', key('due', new.account, new.lane), new.due_at, new.id)
    lanes[new.account .. '|' .. new.lane] = key('due', new.account, new.lane)
  end
end

-- Who stands in the line of its account is called up from there (see call_up.lua), by turns: an upload's parts follow each
-- other, and one that comes later begins at the turn that is called now. Who was called in vain has its old turn.
local function stand_in_line(id, upload_id, account, lane, stand)
  local name, turns, ends = account .. '|' .. lane, key('turns', account, lane), key('line_ends', account, lane)
  local line, called = key('line', account, lane), key('called', account, lane)
  local now_called = redis.call('ZSCORE', key('lines'), name)
  if not now_called and not stand then
    return
  end
  local turn = string.match(redis.call('HGET', called, id) or '', '^%S+') or redis.call('ZSCORE', line, id)
  redis.call('HDEL', called, id)
  redis.call('ZREM', ends, id)
  if not stand then
    redis.call('ZREM', line, id)
    if redis.call('EXISTS', line, called) == 0 then
      redis.call('ZREM', key('lines'), name)
      redis.call('DEL', turns)
    end
    return
  end
  if not turn then
    turn = math.max(tonumber(now_called or 0), tonumber(redis.call('ZSCORE', turns, upload_id) or 0))
    redis.call('ZADD', turns, turn + 1, upload_id)
  end
  redis.call('ZADD', line, turn, id)
  redis.call('ZADD', key('lines'), 'NX', 0, name)
  if nonnull(stand.urgent_at) then
    redis.call('ZADD', ends, stand.urgent_at, id)
  end
end

local function index_state(old, new)
  if nonnull(old.state) then
    redis.call('ZREM', key('index', new.type, new.account, new.kind, old.state), new.id)
  end
  redis.call('ZADD', key('index', new.type, new.account, new.kind, new.state), new.since, new.id)
  redis.call('SADD', key('indexes'), table.concat({new.type, new.account, new.kind, new.state}, ':'))
end

-- Work under a lease by the lease's end, and results that are not fetched yet by when the provider had them.
local function index_time(name, account, id, score)
  if nonnull(score) then
    redis.call('ZADD', key(name, account), score, id)
  else
    redis.call('ZREM', key(name, account), id)
  end
end

local function member(set, account, id, belongs)
  if belongs then
    redis.call('SADD', key(set, account), id)
  else
    redis.call('SREM', key(set, account), id)
  end
end

-- Ended uploads by when they may be purged, and by when their staged files began to be kept.
local function index_retention(new)
  for name, score in pairs({retain = new.retain_until, staged = new.staging_since}) do
    if nonnull(score) then
      redis.call('ZADD', key(name), score, new.id)
    else
      redis.call('ZREM', key(name), new.id)
    end
  end
end

local function count_part(old, new)
  local counts = key('upload', new.upload_id, 'parts')
  if old.state ~= new.state then
    if nonnull(old.state) then
      if redis.call('HINCRBY', counts, old.state, -1) == 0 then
        redis.call('HDEL', counts, old.state)
      end
    end
    redis.call('HINCRBY', counts, new.state, 1)
  end
  local step = new.rows_done - (nonnull(old.rows_done) and old.rows_done or 0)
  if step ~= 0 then
    redis.call('HINCRBY', counts, 'rows_done', step)
  end
end

-- A part that does not move by itself any more brings forward the look at its upload: whatever becomes of the message
-- that asks for that look, it is due.
local function bring_forward(old, new)
  local lane = key('due', new.account, 'deliver')
  if nonnull(old.lane) and not nonnull(new.lane) and redis.call('ZSCORE', lane, new.upload_id) then
    redis.call('ZADD', lane, 'XX', 'LT', now_text, new.upload_id)
    lanes[new.account .. '|deliver'] = lane
  end
end

-- The newest verdicts on each set of values; of equal ones those that were written last, whose files stay longer. A part
-- that has lost its own offers them no more.
local function offer_verdicts(old, new)
  if old.state == 'collected' and new.state ~= 'collected' and nonnull(old.reuse_key) then
    local offers = key('reuse', new.account)
    if string.match(redis.call('HGET', offers, old.reuse_key) or '', ' (.*)$') == new.id then
      redis.call('HDEL', offers, old.reuse_key)
    end
  end
  if nonnull(new.reuse_key) then
    local offers, at = key('reuse', new.account), string.format('%.6f', new.verified_at)
    local known = redis.call('HGET', offers, new.reuse_key)
    if not known or tonumber(string.match(known, '^%S+')) <= tonumber(at) then
      redis.call('HSET', offers, new.reuse_key, at .. ' ' .. new.id)
    end
  end
end

for i, new in ipairs(change.records) do
  local old = olds[i]
  redis.call('SET', key(new.type, new.id), new.doc)
  if new.type ~= 'account' then
    leave_lane(old, new.id)
    enter_lane(new)
    index_state(old, new)
    index_time('leases', new.account, new.id, new.lease_until)
  end
  if new.type == 'upload' then
    index_retention(new)
  end
  if new.type == 'part' then
    count_part(old, new)
    bring_forward(old, new)
    for _, lane in ipairs({'submit', 'collect'}) do
      if old.lane == lane or new.lane == lane then
        stand_in_line(new.id, new.upload_id, new.account, lane, new.lane == lane and change.stand)
      end
    end
    member('active', new.account, new.id, new.active)
    member('intents', new.account, new.id, new.intent)
    index_time('uncollected', new.account, new.id, new.uncollected_since)
    offer_verdicts(old, new)
  end
end
for name, lane in pairs(lanes) do
  local first = redis.call('ZRANGE', lane, 0, 0, 'WITHSCORES')
  if first[2] then
    redis.call('ZADD', key('due'), first[2], name)
  else
    redis.call('ZREM', key('due'), name)
  end
end
for _, claim in ipairs(change.disclaims) do
  if redis.call('HGET', key('remote', claim.scope), claim.remote_id) == claim.part_id then
    redis.call('HDEL', key('remote', claim.scope), claim.remote_id)
  end
end
for _, claim in ipairs(change.claims) do
  redis.call('HSET', key('remote', claim.scope), claim.remote_id, claim.part_id)
  local highest = tonumber(redis.call('HGET', key('highest'), claim.scope) or 0)
  if (tonumber(claim.remote_id) or 0) > highest then
    redis.call('HSET', key('highest'), claim.scope, claim.remote_id)
  end
end

-- 4. Which version of the program has written here (see worker/core/schema.py).
if change.schema > tonumber(redis.call('GET', key('schema')) or '0') then
  redis.call('SET', key('schema'), change.schema)
end

-- 5. What people and applications read.
local function append(stream, limit, entry)
  redis.call('XADD', stream, 'MAXLEN', '~', limit, '*', unpack(entry))
end

if change.timeline then
  redis.call('RPUSH', key('timeline', change.upload_id), (string.gsub(change.timeline, '"@now"', now_text, 1)))
  redis.call('LTRIM', key('timeline', change.upload_id), -change.timeline_max, -1)
end
for _, event in ipairs(change.events) do
  append(key('events'), change.events_max,
    {'event', event.name, 'upload_id', event.upload_id, 'at', now_text, 'details', event.details, 'v', change.contract})
end
if change.rejected then
  local entry = {'at', now_text, 'v', change.contract}
  for field, value in pairs(change.rejected) do
    entry[#entry + 1] = field
    entry[#entry + 1] = value
  end
  append(key('rejected'), change.rejected_max, entry)
end
for entry, credits in pairs(change.ledger) do
  redis.call('HINCRBY', key('ledger', change.account), entry, credits)
end
for _, take in ipairs(takes) do
  if take.rows ~= 0 then
    redis.call('HINCRBY', take.key, take.whose, take.rows)
    redis.call('EXPIRE', take.key, 2 * 86400)
  end
end
if change.duration then
  local durations = key('durations', change.account, unpack(change.duration.of))
  redis.call('RPUSH', durations, change.duration.seconds)
  redis.call('LTRIM', durations, -change.duration.most, -1)
end
for counter, by in pairs(change.counters) do
  redis.call('HINCRBY', key('counters'), counter, by)
end
return {'ok', now_text}
