-- Finds jobs by the index; the text before this one is that of _redis.lua.


local function ids_of(texts)
  local ids = {}
  for at, text in ipairs(texts) do ids[at] = sub(text, -16) end
  return ids
end

-- The fields of these ids in the hash.
local function fields_of(letter, ids)
  local values = {}
  for start = 1, #ids, 1000 do
    local names = {}
    for at = start, math.min(start + 999, #ids) do names[#names + 1] = letter .. ids[at] end
    for _, value in ipairs(call('HMGET', JOBS, unpack(names))) do values[#values + 1] = value end
  end
  return values
end

-- The stems under a prefix: its texts without place and id.
local function stems_under(prefix)
  local stems, text = {}, first(prefix)
  while text do
    stems[#stems + 1] = sub(text, 1, -47)
    text = first_between('(' .. stems[#stems] .. ':', '(' .. prefix .. ':')
  end
  return stems
end

local function line_of(stem, after, upto, group)
  return {
    stem = stem, from = (after == '' and '[' or '(') .. stem .. after, to = '(' .. stem .. upto .. ':',
    group = group, page = {}, at = 0, more = true,
  }
end

-- Goes through several lines as through one, in the order of what follows their stems. Gives the
-- id, the facts if they are asked for, and the line. Takes so many texts of a line at a time.
local function walk(lines, size, with_facts)
  return function()
    local best, least
    for _, line in ipairs(lines) do
      if line.more and line.at == #line.page then
        line.page = call('ZRANGEBYLEX', INDEX, line.from, line.to, 'LIMIT', 0, size)
        line.more, line.at, line.from = #line.page == size, 0, '(' .. (line.page[size] or '')
        line.facts = with_facts and fields_of('f', ids_of(line.page))
      end
      local text = line.page[line.at + 1]
      local tail = text and sub(text, #line.stem + 1)
      if tail and (not best or tail < least) then best, least = line, tail end
    end
    if not best then return nil end
    best.at = best.at + 1
    return sub(least, -16), with_facts and best.facts[best.at], best
  end
end

-- The lines of all jobs that may be claimed: those of the queues, and in each group that is to be
-- searched again.
local function claim_lines(queues, after)
  local lines, every = {}, #queues == 0
  for _, stem in ipairs(every and stems_under('r') or queues) do
    lines[#lines + 1] = line_of(stem, after, '')
  end
  for _, mark in ipairs(call('ZRANGEBYLEX', INDEX, '[w', '(w:')) do
    local group = sub(mark, 2)
    local stems = stems_under('p' .. group)
    if #stems == 0 then call('ZREM', INDEX, mark) end
    for _, stem in ipairs(stems) do
      local queue, wanted = 'r' .. sub(stem, #group + 2), every
      for _, one in ipairs(queues) do wanted = wanted or one == queue end
      if wanted then lines[#lines + 1] = line_of(stem, after, '', group) end
    end
  end
  return lines
end

-- A search met a job that a name keeps from running: it waits in the group of the name. If it did
-- so before, all of that group wait.
local function park(job, hold, line)
  if line.group == hold.group then
    call('ZREM', INDEX, 'w' .. line.group)
    line.page, line.at, line.more = {}, 0, false
  else
    call('ZREM', INDEX, line.stem .. sub(job.place, -46))
    call('ZADD', INDEX, '0', 'p' .. hold.group .. job.place)
  end
end

-- What is due by an instant goes to its place in the queue.
local function promote(instant)
  repeat
    local due = call('ZRANGEBYLEX', INDEX, '[l', '(l' .. instant .. ':', 'LIMIT', 0, 500)
    if #due > 0 then
      local ids, places = ids_of(due), {}
      for at, facts in ipairs(fields_of('f', ids)) do
        places[2 * at - 1], places[2 * at] = '0', 'r' .. read(facts, ids[at]).place
      end
      call('ZREM', INDEX, unpack(due))
      call('ZADD', INDEX, unpack(places))
    end
  until #due < 500
end

-- ARGV: due_by (none: nothing is promoted or parked), after, upto, limit (0: none), claimable
-- only, stems (none: all queues). Answers with ids and texts.
local due_by, after, limit, claimable = ARGV[1], ARGV[2], tonumber(ARGV[4]), ARGV[5] ~= ''
local stems, lines, found = {}, {}, {}
for at = 6, #ARGV do stems[at - 5] = ARGV[at] end
if due_by ~= '' then
  promote(due_by)
  lines = claim_lines(stems, after)
else
  for at, stem in ipairs(stems) do lines[at] = line_of(stem, after, ARGV[3]) end
end
local size = limit > 0 and math.min(limit, 500) or 500
for id, facts, line in walk(lines, size, claimable) do
  local job = claimable and read(facts, id)
  local hold = job and blocked_by(job)
  if hold then
    if due_by ~= '' then park(job, hold, line) end
  elseif due_by == '' or job.due <= due_by then
    found[#found + 1] = id
    if #found == limit then break end
  end
end
return {found, fields_of('j', found)}
