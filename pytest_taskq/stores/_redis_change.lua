-- Decides a batch of changes, each on its own; the text before this one is that of _redis.lua.

-- What each change leads to is written with that of the others: a call of the server's costs more
-- than all that we do here. Fields of the hash and texts of the index, false: to be removed.
local fields, texts = {}, {}

-- Calls a command with the words after its first ones, not too many at a time.
local function call_with(words, ...)
  for start = 1, #words, 4000 do
    local some = {...}
    for at = start, math.min(start + 3999, #words) do some[#some + 1] = words[at] end
    call(unpack(some))
  end
end

-- Whoever asks the index must have this done before.
local function write_index()
  local gone, come = {}, {}
  for text, stays in pairs(texts) do
    if stays then
      come[#come + 1] = '0'
      come[#come + 1] = text
    else
      gone[#gone + 1] = text
    end
  end
  texts = {}
  call_with(gone, 'ZREM', INDEX)
  call_with(come, 'ZADD', INDEX)
end

local function write_all()
  write_index()
  local gone, come = {}, {}
  for field, value in pairs(fields) do
    if value then
      come[#come + 1] = field
      come[#come + 1] = value
    else
      gone[#gone + 1] = field
    end
  end
  call_with(gone, 'HDEL', JOBS)
  call_with(come, 'HSET', JOBS)
end

-- The facts of all jobs of the batch, as they are in the course of it.
local facts_of = {}

local function load_all(size)
  local ids, names = {}, {}
  for at = 3, #ARGV, size do
    if ARGV[at + 1] ~= '' then
      ids[#ids + 1] = ARGV[at]
      names[#names + 1] = 'f' .. ARGV[at]
    end
  end
  if #ids == 0 then return end
  for at, facts in ipairs(call('HMGET', JOBS, unpack(names))) do facts_of[ids[at]] = facts end
end

local function load_now(id)
  local facts = facts_of[id]
  if facts == nil then facts = call('HGET', JOBS, 'f' .. id) end
  return facts and read(facts, id)
end

-- The position of the first name that this job cannot have, and who holds it.
local function refusal(job, was_running)
  if #job.holds == 0 then return nil end
  write_index()
  for position, hold in ipairs(job.holds) do
    if hold.wanted and is_taken(hold, job.id) then
      return position .. ':' .. sub(first('n' .. hold.name), -16)
    end
  end
  if job.state == 'r' and not was_running then
    local _, position = blocked_by(job)
    if position then return position .. ':' end
  end
end

-- A name was let go, or a job that wanted it went away. Of an ordered name, only the head of the
-- line can be free now; the others who wait for it are to be searched again.
local function freed(name)
  local stem = 'p' .. name
  local parked = first(stem)
  while parked do
    local group = string.match(parked, '^%d*%-', #stem + 1)
    if group == '-' then
      local head = first('o' .. name)
      local place = head and load_now(sub(head, -16)).place
      if place and call('ZREM', INDEX, stem .. '-' .. place) == 1 then
        call('ZADD', INDEX, '0', 'r' .. place)
      end
    else
      call('ZADD', INDEX, '0', 'w' .. name .. group)
    end
    parked = first_between('(' .. stem .. group .. ':', '(' .. stem .. ':')
  end
end

-- Take a job out of the index, wherever it may be; who waits for its names is let try.
local function forget(job)
  for stem in string.gmatch(job.stems, '[^\t]+') do texts[stem .. job.id] = false end
  if job.state == 'q' then texts['r' .. job.place] = false end
  if #job.holds == 0 then return end
  for _, hold in ipairs(job.holds) do texts['p' .. hold.group .. job.place] = false end
  write_index()
  for _, hold in ipairs(job.holds) do freed(hold.name) end
end

-- Of each change: id, version to replace (none: a new job), facts, text. Where it does not land:
-- '' for another version; the position of the name that is taken, ':', and its holder.
local function put_one(id, version, facts, text)
  local after, before = read(facts, id), nil
  if version ~= '' then
    before = load_now(id)
    if not before or before.version ~= version then return '' end
  end
  local refused = refusal(after, before and before.state == 'r')
  if refused then return refused end
  if before then
    forget(before)
  else
    fields.last = (fields.last or call('HGET', JOBS, 'last') or 0) + 1
    id = string.format('%016.0f', fields.last)
  end
  facts_of[id], fields['f' .. id], fields['j' .. id] = facts, facts, text
  for stem in string.gmatch(after.stems, '[^\t]+') do texts[stem .. id] = true end
  return tonumber(id)
end

-- Of each job: id, version. '' where it is not stored so.
local function delete_one(id, version)
  local job = load_now(id)
  if not job or job.version ~= version then return '' end
  forget(job)
  facts_of[id], fields['f' .. id], fields['j' .. id] = false, false, false
  return tonumber(id)
end

-- ARGV: what to do, channel; for each one so many words. Answers what became of each: its id
-- where it landed. Tells those who listen if any did.
local function each(size, one)
  local answers, landed = {}, false
  load_all(size)
  for at = 3, #ARGV, size do
    local answer = one(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3])
    landed = landed or type(answer) == 'number'
    answers[#answers + 1] = answer
  end
  if landed then
    write_all()
    call('PUBLISH', ARGV[2], '')
  end
  return answers
end

if ARGV[1] == 'put' then return each(4, put_one) end
if ARGV[1] == 'delete' then return each(2, delete_one) end
call('UNLINK', JOBS, INDEX)
call('PUBLISH', ARGV[2], '')
