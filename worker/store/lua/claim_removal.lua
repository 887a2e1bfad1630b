#!lua flags=allow-oom
-- Claim the files of an upload for removal, if nobody needs them: it has ended, is purged, or does not exist. While the
-- claim holds, no decision makes the upload live again (see commit.lua). Works on a full server.
--
-- KEYS[1]  key prefix
-- ARGV     upload id, seconds that the claim holds at most
--
-- Returns 1, or 0 when the files are needed or claimed already.

local raw = redis.call('GET', KEYS[1] .. 'upload:' .. ARGV[1])
if raw then
  local ends = {completed = true, failed = true, cancelled = true}
  local readable, record = pcall(cjson.decode, raw)
  if not readable or not (ends[record.state] or string.find(record.state, '^purged/')) then
    return 0
  end
end
return redis.call('SET', KEYS[1] .. 'removing:' .. ARGV[1], '1', 'NX', 'EX', ARGV[2]) and 1 or 0
