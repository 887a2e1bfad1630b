#!lua flags=allow-oom
-- Note that a process lives. Works on a full server, because what it writes is bounded.
--
-- KEYS[1]  the processes of one role by when each was last heard
-- ARGV     the process, seconds after which one that was not heard is forgotten, seconds to add to the server's time
--          (tests only)
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6 + tonumber(ARGV[3])
redis.call('ZADD', KEYS[1], string.format('%.6f', now), ARGV[1])
-- This one is heard now, so the last one that lived is never forgotten.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
return 'ok'
