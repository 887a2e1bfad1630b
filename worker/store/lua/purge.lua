#!lua flags=allow-oom
-- Purge an ended upload, or one stretch of its parts: nothing of it is left but a tombstone. Works on a full server.
--
-- KEYS[1]  key prefix
-- ARGV     upload id, the version that was read, first part, last part (-1: none), the tombstone (empty: not yet, more
--          parts are to go), seconds that the tombstone is kept, seconds to add to the server's time (tests only)
--
-- The remote ids of the parts stay known for as long as the tombstone, so that the jobs are not taken for orphans and no
-- other part adopts them. What is gone already is passed over: a purge that was interrupted is done again.
-- Returns {"ok"} | {"gone"} | {"stale"} | {"busy", part id}

local prefix, upload_id = KEYS[1], ARGV[1]
local tombstone, ttl = ARGV[5], tonumber(ARGV[6])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(ARGV[7])

local function key(...)
  return prefix .. table.concat({...}, ':')
end

local raw = redis.call('GET', key('upload', upload_id))
local upload = raw and cjson.decode(raw)
if not upload or string.find(upload.state, '^purged/') then
  redis.call('ZREM', key('retain'), upload_id)
  return {'gone'}
end
local upload_ends = {completed = true, failed = true, cancelled = true}
if upload.version ~= tonumber(ARGV[2]) or not upload_ends[upload.state] then
  return {'stale'}
end

local part_ends = {collected = true, failed = true, cancelled = true}
local parts = {}
for index = tonumber(ARGV[3]), tonumber(ARGV[4]) do
  local id = upload_id .. '/' .. index
  local text = redis.call('GET', key('part', id))
  if text then
    local readable, part = pcall(cjson.decode, text)
    if not readable or not part_ends[part.state] or (part.credits_reserved or 0) > 0 then
      return {'busy', id}
    end
    parts[id] = part
  end
end

local function forget(id, part)
  local scope = part.account
  if part.service and part.service ~= '' then
    scope = scope .. '@' .. part.service
  end
  local known = {}
  for _, evidence in ipairs(part.evidence or {}) do
    known[evidence.remote_id] = true
  end
  if part.remote_id and part.remote_id ~= cjson.null then
    known[part.remote_id] = true
  end
  for remote_id in pairs(known) do
    if redis.call('HGET', key('remote', scope), remote_id) == id then
      redis.call('HDEL', key('remote', scope), remote_id)
    end
    redis.call('ZADD', key('remote_purged'), now + ttl, scope .. '|' .. remote_id)
  end
  redis.call('ZREM', key('index', 'part', part.account, part.kind, part.state), id)
  redis.call('SREM', key('active', part.account), id)
  redis.call('SREM', key('intents', part.account), id)
  local offer = part.reuse_key and redis.call('HGET', key('reuse', part.account), part.reuse_key)
  if offer and string.match(offer, ' (.*)$') == id then
    redis.call('HDEL', key('reuse', part.account), part.reuse_key)
  end
  redis.call('DEL', key('part', id))
end

for id, part in pairs(parts) do
  forget(id, part)
end
if tombstone ~= '' then
  redis.call('DEL', key('upload', upload_id, 'parts'), key('timeline', upload_id))
  redis.call('ZREM', key('index', 'upload', upload.account, upload.kind, upload.state), upload_id)
  redis.call('ZREM', key('retain'), upload_id)
  redis.call('SET', key('upload', upload_id), tombstone, 'EX', ttl)
  redis.call('HINCRBY', key('counters'), 'purged|' .. upload.state, 1)
end
return {'ok'}
