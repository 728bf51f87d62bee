-- Ends the restoration of a slot (slot_restore.h): KEYS[1] is its fence. ARGV: 1 the token, 2 the new epoch, 3 the shard,
-- 4 the record topic. {'ENDED'}, or {'STALE', 'restorer', token} as in restore_write_script.lua.
local held = redis.pcall('HMGET', KEYS[1], 'restorer', 'epoch')
if held.err or held[1] ~= ARGV[1] or held[2] and held[2] ~= '' then
  return {'STALE', 'restorer', not held.err and held[1] or ''}
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[2], 'shard', ARGV[3], 'records', ARGV[4])
redis.call('HDEL', KEYS[1], 'restorer', 'until')
return {'ENDED'}
