-- Takes a slot for a restoration (slot_restore.h). KEYS: 1 its fence, 2 a key that nobody writes: if the slot is on its way
-- to another master, Redis refuses the call, as it would refuse what a restoration writes. ARGV: 1 the epoch that it was
-- found with, '' for none, 2 the token of the restoration, which begins with 16 bytes of its worker, 3 how long it lasts
-- without a renewal, in milliseconds, 4 the record topic.
-- From then on nothing is decided in the slot. {'BEGUN'}, or why not: {'FOREIGN', topic}, {'CHANGED'}, {'BUSY'}.
local fence = redis.pcall('HMGET', KEYS[1], 'epoch', 'records', 'restorer', 'until')
if fence.err then
  if not string.find(fence.err, 'WRONGTYPE', 1, true) then
    return fence
  end
  redis.call('DEL', KEYS[1])
  fence = {false, false, false, false}
end
local epoch, records, restorer, ends = fence[1], fence[2], fence[3], fence[4]
local time = redis.call('TIME')
local now, life = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000), tonumber(ARGV[3])
if records and records ~= '' and records ~= ARGV[4] then
  return {'FOREIGN', records}
end
if epoch and epoch ~= '' and epoch ~= ARGV[1] then
  return {'CHANGED'}
end
-- The end of another's token is a time that this server gave. One that is too far away was not written by a restoration.
local left = ends and tonumber(ends) and tonumber(ends) - now or 0
local is_others = restorer and string.sub(restorer, 1, 16) ~= string.sub(ARGV[2], 1, 16)
if not (epoch and epoch ~= '') and is_others and left > 0 and left <= 10 * life then
  return {'BUSY'}
end
redis.call('HDEL', KEYS[1], 'epoch')
redis.call('HSET', KEYS[1], 'restorer', ARGV[2], 'until', string.format('%.0f', now + life))
return {'BEGUN'}
