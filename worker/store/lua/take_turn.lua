#!lua flags=allow-oom
-- Take or end the turn at a piece of housekeeping: one process at a time, and not again before its period is over.
--
-- KEYS[1]  the turn
-- ARGV     owner, "take" or "end", milliseconds: of the longest turn, or until the next one may begin
--
-- Returns 1 when the turn is the owner's.

if ARGV[2] == 'take' then
  return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[3]) and 1 or 0
end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
