-- Behind fence.lua: removes a claim that will not be committed (shards_release.c). KEYS behind the fence: the client, and
-- the email that it claimed, or the client again if it has none. ARGV behind the fence's: the first bytes of the client.
-- Nothing is removed if it is another client by now, or if the email is another client's. {'RELEASED', how many keys}.
local line, id = ARGV[BEHIND], sub(KEYS[2], -36)
local stored = pcall('GETRANGE', KEYS[2], 0, #line - 1)
if stored ~= line then
  return {'RELEASED', 0}
end
local owner = KEYS[3] ~= KEYS[2] and pcall('GET', KEYS[3])
if type(owner) == 'string' and owner == id then
  return {'RELEASED', call('DEL', KEYS[2], KEYS[3])}
end
return {'RELEASED', call('DEL', KEYS[2])}
