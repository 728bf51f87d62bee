-- Behind fence.lua: decides commands whose keys are in the fence's slot, in their order. decision.h tells why this is
-- sound, and decision_write.c writes what it is called with:
--
--   KEYS  behind the fence, for each claim the keys of its client and its email, for each look-up that of its client
--   ARGV  behind the fence's: the steps: 0 is a look-up, n are n claims that share no key; in ten digits for each command
--         how many bytes of a client are read at most; the number of claims of this worker that are uncommitted whatever
--         their offset; these claims, each "SOURCE KEY"; for each claim its client, for each look-up the command's hash
--
-- The answer is {'DECIDED', ...} with five values for each command that did not simply get its keys: its number, how,
-- the client under its id (its first line, or all of it if the hash is the same), the owner of its email, and the
-- first line of that client. Or {'DAMAGED', number, what}, and the commands before that one were decided.
--
-- An error of Redis may end a call only before the first write of a command, so all reads are before all writes, and
-- a script that has written is not refused a further write.
local LINE_BYTES, SOURCE_BYTES, HASH_BYTES, ID_BYTES = 511, 320, 32, 36
local CLIENT_HEAD_BYTES = 1048576
local LARGEST_OFFSET = '9223372036854775807'
local steps, bounds, claimed_count = ARGV[BEHIND], ARGV[BEHIND + 1], tonumber(ARGV[BEHIND + 2])
local CLAIMED = BEHIND + 3
local COMMANDS = CLAIMED + claimed_count

---- nearly all commands get their keys: claims that share no key are one command of Redis if all of them do ----

local function claim(key, argument, count)
  local keys_and_values = {}
  for i = 0, count - 1 do
    local client = KEYS[key + 2 * i]
    keys_and_values[4 * i + 1] = client
    keys_and_values[4 * i + 2] = ARGV[argument + i]
    keys_and_values[4 * i + 3] = KEYS[key + 2 * i + 1]
    keys_and_values[4 * i + 4] = sub(client, -ID_BYTES)
  end
  return call('MSETNX', unpack(keys_and_values)) == 1
end

local number, key, argument, first = 1, 2, COMMANDS, 1
repeat
  local step, next_step = match(steps, '^(%d+) ()', first)
  local count = tonumber(step)
  local won = count and count > 0 and claim(key, argument, count)
  if won then
    number, key, argument, first = number + count, key + 2 * count, argument + count, next_step
  end
until not won
if first > #steps then
  return {'DECIDED'}
end

---- what is in the way of a claim ----

-- Offsets are decimal texts of up to 19 digits, which a double does not hold: they are compared in two halves.
local function is_above(a, b)
  local a_high, b_high = tonumber(sub(a, 1, -10)) or 0, tonumber(sub(b, 1, -10)) or 0
  if a_high ~= b_high then
    return a_high > b_high
  end
  return tonumber(sub(a, -9)) > tonumber(sub(b, -9))
end

local answer = {'DECIDED'}
local stop -- the answer of a call that ends early

local function tell(number, how, stored, owner, owner_line)
  local n = #answer
  answer[n + 1], answer[n + 2], answer[n + 3], answer[n + 4], answer[n + 5] = number, how, stored, owner, owner_line
end

-- '' for a key that is missing or empty. nil after an error, which `stop` tells.
local function read(number, key, last, what)
  local text = pcall('GETRANGE', key, 0, last)
  if type(text) == 'string' then
    return text
  end
  stop = find(text.err, 'WRONGTYPE', 1, true) and {'DAMAGED', number, what .. ' has another type'} or text
end

-- The source and the hash of a client, of which `text` is at least the first line; nil if it is none.
local function parse(text)
  local line_end = find(text, '\n', 1, true)
  local space = line_end and line_end - HASH_BYTES - 1
  if space and space > 0 and space <= SOURCE_BYTES + 1 and sub(text, space, space) == ' ' then
    local hash = sub(text, space + 1, line_end - 1)
    if not find(hash, ' ', 1, true) then
      return sub(text, 1, space - 1), hash
    end
  end
end

-- The first line of a client, its source and its hash; '' if there is none.
local function read_line(number, key)
  local line = read(number, key, LINE_BYTES, 'the key of a client')
  if line and line ~= '' then
    local source, hash = parse(line)
    if not source then
      stop = {'DAMAGED', number, 'the key of a client holds something else'}
    end
    return line, source, hash
  end
  return line
end

local function read_owner(number, key)
  local owner = read(number, key, ID_BYTES, 'the key of an email')
  if owner and owner ~= '' and #owner ~= ID_BYTES then
    stop = {'DAMAGED', number, 'the key of an email holds something else'}
  end
  return owner
end

local function read_whole(number, key)
  return read(number, key, tonumber(sub(bounds, 10 * number - 9, 10 * number)), 'the key of a client')
end

local claimed = {}
for i = CLAIMED, CLAIMED + claimed_count - 1 do
  claimed[ARGV[i]] = true
end

local function committed_of(place)
  for part = 1, part_count do
    if fields[part + 2] == 'term:' .. place then
      return ARGV[PARTS + 3 * part - 1]
    end
  end
end

-- True if a client was made from `source` for a command that is behind the one at `place` and `offset`, and that is not
-- committed. claim.c has the same rule.
local function is_uncommitted(place, offset, client, source)
  local topic, partition, later = match(source, '^(.*)/0*(%d+)/(%d+)$')
  return topic and topic .. '/' .. partition == place
    and #later <= #LARGEST_OFFSET and not is_above(later, LARGEST_OFFSET) and is_above(later, offset)
    and (not is_above(committed_of(place), later) or claimed[source .. ' ' .. client])
end

-- The key of the email of a client, as the one of `email` is named; nil if the client has none.
local function email_key_of(stored, client, email)
  local found, begin = find(stored, '"email":"', 1, true)
  local behind = found and find(stored, '"', begin + 1, true)
  if behind then
    local workspace = sub(client, find(client, ':{', 1, true), -ID_BYTES - 1)
    local _, before = find(email, workspace, 1, true)
    return sub(email, 1, before) .. string.gsub(sub(stored, begin + 1, behind - 1), '[A-Z]', string.lower)
  end
end

---- the steps ----

-- Writes the claim in place of those that do not count: of a client under its id, and of one that has its email.
local function displace(number, client, email, value, found)
  local id, their_email = sub(client, -ID_BYTES), nil
  if found.line == '' and call('EXISTS', client) == 1 then
    stop = {'DAMAGED', number, 'the key of a client is empty'}
  elseif found.owner == '' and call('EXISTS', email) == 1 then
    stop = {'DAMAGED', number, 'the key of an email is empty'}
  elseif found.line ~= '' then
    local stored = read(number, client, CLIENT_HEAD_BYTES, 'the key of a client')
    their_email = stored and email_key_of(stored, client, email)
    if their_email and (their_email == email or read_owner(number, their_email) ~= id) then
      their_email = nil
    end
  end
  if stop then
    return
  end
  if found.other then
    call('DEL', found.other)
  end
  if their_email then
    call('DEL', their_email)
  end
  call('MSET', client, value, email, id)
  tell(number, 'DISPLACED', found.line, found.owner, found.other_line)
end

-- A claim that did not get its keys.
local function decide(number, client, email, value)
  local id = sub(client, -ID_BYTES)
  local ours, our_hash = parse(value)
  local place, offset = match(ours, '^(.*)/(%d+)$')
  local line, source, hash = read_line(number, client)
  local owner = not stop and read_owner(number, email)
  local other, other_line, other_source
  if not stop and owner ~= '' and owner ~= id then
    other = sub(client, 1, -ID_BYTES - 1) .. owner
    other_line, other_source = read_line(number, other)
  end
  if stop then
    return
  end
  if (source and not is_uncommitted(place, offset, client, source))
    or (other and not (other_source and is_uncommitted(place, offset, other, other_source))) then
    line = hash == our_hash and read_whole(number, client) or line
    tell(number, 'FOUND', line, owner, other_line or '')
  else
    displace(number, client, email, value,
      {line = line, owner = owner, other = other, other_line = other_line or ''})
  end
end

local function look_up(number, client, our_hash)
  local line, _, hash = read_line(number, client)
  if line and line ~= '' and not stop then
    tell(number, 'FOUND', hash == our_hash and read_whole(number, client) or line, '', '')
  end
end

-- Claims of which at least one does not get its keys.
local function claim_each(number, key, argument, count)
  for i = 0, count - 1 do
    local client, email, value = KEYS[key + 2 * i], KEYS[key + 2 * i + 1], ARGV[argument + i]
    if count == 1 or call('MSETNX', client, value, email, sub(client, -ID_BYTES)) == 0 then
      decide(number + i, client, email, value)
    end
    if stop then
      return
    end
  end
end

local tried = true -- the step at `first` is one of claims that did not get their keys, or a look-up
for step in string.gmatch(sub(steps, first), '%d+') do
  local count = tonumber(step)
  if count == 0 then
    look_up(number, KEYS[key], ARGV[argument])
    number, key, argument = number + 1, key + 1, argument + 1
  else
    if tried or not claim(key, argument, count) then
      claim_each(number, key, argument, count)
    end
    number, key, argument = number + count, key + 2 * count, argument + count
  end
  if stop then
    return stop
  end
  tried = false
end
return answer
