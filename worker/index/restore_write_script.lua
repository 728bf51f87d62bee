-- Writes clients into a slot that is being restored (slot_restore.h). KEYS: 1 the fence, then for each client its key and
-- that of its email, then other keys. ARGV: 1 the token, 2 as in restore_begin_script.lua, 3 the number of clients, then
-- for each client its value, then for each other key what it is to hold, '' for nothing.
-- {'WRITTEN', number...}: the numbers of the clients of which a key was there, so nothing was written of them. {'STALE',
-- 'restorer', token} if another restoration has the slot by now, or it has ended.
local KEYS, ARGV = KEYS, ARGV
local held = redis.pcall('HMGET', KEYS[1], 'restorer', 'epoch')
if held.err or held[1] ~= ARGV[1] or held[2] and held[2] ~= '' then
  return {'STALE', 'restorer', not held.err and held[1] or ''}
end
local time, clients, answer = redis.call('TIME'), tonumber(ARGV[3]), {'WRITTEN'}
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + tonumber(ARGV[2])))
for i = 1, clients do
  local client, email = KEYS[2 * i], KEYS[2 * i + 1]
  if redis.call('MSETNX', client, ARGV[3 + i], email, string.sub(client, -36)) == 0 then
    answer[#answer + 1] = i
  end
end
for i = 2 * clients + 2, #KEYS do
  local value = ARGV[3 + clients + i - 2 * clients - 1]
  if value == '' then
    redis.call('DEL', KEYS[i])
  else
    redis.call('SET', KEYS[i], value)
  end
end
return answer
