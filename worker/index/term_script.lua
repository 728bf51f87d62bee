-- Takes a term: above the one that was taken last, above the number in ARGV[1], and not below the server's time in
-- microseconds, which keeps terms in order even if a failover has lost the last ones (term.h). ARGV[2] is a nonce. The
-- time is below 9e15 until the year 2255, so a double holds all numbers; what is larger is no term.
local function number_of(text)
  local number = text and tonumber(text)
  return number and number < 9e15 and number or 0
end

local stored = redis.pcall('GETRANGE', KEYS[1], 0, 63)
local last = type(stored) == 'string' and number_of(string.match(stored, '^(%d+) %x+$')) or 0
local now = redis.call('TIME')
local number = math.max(last + 1, number_of(ARGV[1]) + 1, tonumber(now[1]) * 1000000 + tonumber(now[2]))
local term = string.format('%.0f %s', number, ARGV[2])
redis.call('SET', KEYS[1], term)
return term
