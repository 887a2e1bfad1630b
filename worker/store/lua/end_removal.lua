#!lua flags=allow-oom
-- Give back the claim on an upload's files, and write down what became of them. Works on a full server.
--
-- KEYS[1]  key prefix
-- ARGV     upload id, since when files that are left are kept (empty: none are left), what was removed, how many objects

local prefix, upload_id = KEYS[1], ARGV[1]
if ARGV[2] == '' then
  redis.call('ZREM', prefix .. 'staged', upload_id)
else
  redis.call('ZADD', prefix .. 'staged', 'XX', ARGV[2], upload_id)
end
redis.call('DEL', prefix .. 'removing:' .. upload_id)
if ARGV[4] ~= '0' then
  redis.call('HINCRBY', prefix .. 'counters', 'removed|' .. ARGV[3], ARGV[4])
end
return 1
