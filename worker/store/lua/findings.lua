-- Replace the findings of an account, with all that is counted by it, unless another sweep has done so meanwhile.
--
-- KEYS[1]  key prefix
-- ARGV[1]  JSON: account, expected version, put (field -> text), remove (fields), open (class -> number), counters,
--          money (a text, or absent: as it was), accepted (a text to be kept, or absent) and accepted_max,
--          ledger (entry -> credits by which it grows)
--
-- Returns 1, or 0 when nothing was written.

local prefix = KEYS[1]
local change = cjson.decode(ARGV[1])
local findings = prefix .. 'findings:' .. change.account
local meta = prefix .. 'drift:' .. change.account

if (redis.call('HGET', meta, 'version') or '') ~= change.expected then
  return 0
end
for _, field in ipairs(change.remove) do
  redis.call('HDEL', findings, field)
end
for field, text in pairs(change.put) do
  redis.call('HSET', findings, field, text)
end
redis.call('DEL', meta)
redis.call('HSET', meta, 'version', change.version)
for class, number in pairs(change.open) do
  redis.call('HSET', meta, 'open:' .. class, number)
end
for counter, by in pairs(change.counters) do
  redis.call('HINCRBY', prefix .. 'counters', counter, by)
end
for entry, by in pairs(change.ledger) do
  redis.call('HINCRBY', prefix .. 'ledger:' .. change.account, entry, by)
end
if change.accepted then
  redis.call('RPUSH', prefix .. 'accepted:' .. change.account, change.accepted)
  redis.call('LTRIM', prefix .. 'accepted:' .. change.account, -change.accepted_max, -1)
end
if change.money then
  redis.call('SET', prefix .. 'money:' .. change.account, change.money)
end
return 1
