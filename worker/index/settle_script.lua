-- Behind fence.lua: writes checkpoints that nobody has changed since they were read. KEYS behind the fence: theirs. ARGV
-- behind the fence's: for each what was read of it, '' for nothing, and what it is to hold. {'WRITTEN', number...}: the
-- numbers of those that were changed, so nothing was written of them.
local answer = {'WRITTEN'}
for i = 2, #KEYS do
  local read, value = ARGV[BEHIND + 2 * i - 4], ARGV[BEHIND + 2 * i - 3]
  local found = pcall('GET', KEYS[i])
  if value == '' then
    -- nothing was ever committed there
  elseif read == (type(found) == 'string' and found or '') then
    call('SET', KEYS[i], value)
  else
    answer[#answer + 1] = i - 1
  end
end
return answer
