-- The beginning of each script that acts in a slot (fence.h): nothing is done unless the slot's fence is ours.
--
--   KEYS  1 the fence
--   ARGV  1 the epoch   2 the shard, '' for any   3 'raise' if lower terms are raised to ours, 'equal' if they must be ours
--         4 the number of partitions; then for each the fence's field, our term, and the offset before which its
--         commands were committed
--
-- The answer is {'STALE', field, value} if it is not.
local KEYS, ARGV = KEYS, ARGV
local call, pcall = redis.call, redis.pcall
local sub, find, match = string.sub, string.find, string.match

local PARTS = 5 -- the first argument of the first partition
local part_count = tonumber(ARGV[4])
local BEHIND = PARTS + 3 * part_count -- the first argument behind the fence's

-- The number of a term. A double holds it (term_script.lua); what is larger, or has another form, is no term.
local function number_of(term)
  local number = tonumber(match(term, '^(%d+) %x+$'))
  return number and number < 9e15 and number
end

local fields = {'epoch', 'shard'}
for part = 1, part_count do
  fields[part + 2] = ARGV[PARTS + 3 * part - 3]
end
local fence = pcall('HMGET', KEYS[1], unpack(fields))
if fence.err then
  return find(fence.err, 'WRONGTYPE', 1, true) and {'STALE', 'epoch', ''} or fence
end
if fence[1] ~= ARGV[1] then
  return {'STALE', 'epoch', fence[1] or ''}
end
if ARGV[2] ~= '' and fence[2] ~= ARGV[2] then
  return {'STALE', 'shard', fence[2] or ''}
end
local raised
for part = 1, part_count do
  local term, ours = fence[part + 2], ARGV[PARTS + 3 * part - 2]
  if term ~= ours then
    local number = term and number_of(term)
    if ARGV[3] == 'equal' or number and number >= number_of(ours) then
      return {'STALE', fields[part + 2], term or ''}
    end
    raised = raised or {}
    raised[#raised + 1] = fields[part + 2]
    raised[#raised + 1] = ours
  end
end
if raised then
  call('HSET', KEYS[1], unpack(raised))
end

