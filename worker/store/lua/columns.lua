-- Replace what is known of the columns of one kind of results, unless somebody has done so meanwhile.
--
-- KEYS[1]  the account's hash
-- ARGV[1]  the kind; ARGV[2] the text that was read, empty for none; ARGV[3] the new text
--
-- Returns 1, or 0 when nothing was written.

if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
