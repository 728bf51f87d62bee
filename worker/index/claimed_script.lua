-- Notes how far a partition is claimed (shards_claim.c). KEYS: 1 the partition's term, 2 the mark, in the same slot. ARGV: 1
-- our term, 2 the offset. {'RAISED'}, or {'STALE', 'term', term} if the partition has another owner.
local term = redis.pcall('GET', KEYS[1])
if term ~= ARGV[1] then
  return {'STALE', 'term', type(term) == 'string' and term or ''}
end
redis.call('SET', KEYS[2], ARGV[2])
return {'RAISED'}
