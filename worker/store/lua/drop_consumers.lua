#!lua flags=allow-oom
-- Drop the consumers of a stream that are gone: idle for long, and with no entry that they took and did not answer.
--
-- KEYS[1]  the stream
-- ARGV     consumer group, milliseconds of idleness
--
-- One that lives after all loses nothing: it is made again by its next read. Returns how many were dropped.

local consumers = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
local dropped = 0
if consumers.err then
  return 0
end
for _, fields in ipairs(consumers) do
  local consumer = {}
  for i = 1, #fields, 2 do
    consumer[fields[i]] = fields[i + 1]
  end
  if consumer.pending == 0 and consumer.idle > tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer.name)
    dropped = dropped + 1
  end
end
return dropped
