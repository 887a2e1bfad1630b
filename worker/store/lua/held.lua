-- What an account's ledger says and what its parts hold, at one moment.
--
-- KEYS[1]  key prefix
-- ARGV     account, most parts that are read
--
-- Returns the ledger's reserved, committed, released and wasted credits, then those that parts have reserved and the rows
-- of parts that occupy or may occupy a remote job; both -1 where there are more parts than that.

local prefix, account = KEYS[1], ARGV[1]
local answer = {}
for i, entry in ipairs({'reserved', 'committed', 'released', 'wasted'}) do
  answer[i] = tonumber(redis.call('HGET', prefix .. 'ledger:' .. account, entry) or '0')
end
local active = prefix .. 'active:' .. account
if redis.call('SCARD', active) > tonumber(ARGV[2]) then
  answer[5], answer[6] = -1, -1
  return answer
end

local function number(value)
  return type(value) == 'number' and value or 0
end

local reserved, rows = 0, 0
for _, id in ipairs(redis.call('SMEMBERS', active)) do
  local raw = redis.call('GET', prefix .. 'part:' .. id)
  if raw then
    local part = cjson.decode(raw)
    reserved = reserved + number(part.credits_reserved)
    rows = rows + number(part.rows)
  end
end
answer[5], answer[6] = reserved, rows
return answer
