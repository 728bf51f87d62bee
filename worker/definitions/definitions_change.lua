-- Changes the definitions of workspaces in one slot of a cluster, all or none (definitions_cluster.h).
--
--   KEYS  1 the slot's stamp; then the key of each workspace
--   ARGV  1 the stamp that was read, '' for none   2 the new one; then for each workspace the SHA-1 of the value that was
--         read, '' for none, then 'SET' and the value, or 'DEL' and ''
--
-- The answer is 1, or 0 if the stamp or a value has changed since: then nothing is done.
local stamp = redis.pcall('GETRANGE', KEYS[1], 0, 32) -- of a key of another type it is an error
if (type(stamp) == 'string' and stamp or '') ~= ARGV[1] then
  return 0
end
for i = 2, #KEYS do
  local value = redis.call('MGET', KEYS[i])[1]
  if (value and redis.sha1hex(value) or '') ~= ARGV[3 * i - 3] then
    return 0
  end
end
redis.call('SET', KEYS[1], ARGV[2])
for i = 2, #KEYS do
  if ARGV[3 * i - 2] == 'SET' then
    redis.call('SET', KEYS[i], ARGV[3 * i - 1])
  else
    redis.call('DEL', KEYS[i])
  end
end
return 1
