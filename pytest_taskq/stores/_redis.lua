-- What both scripts of the Redis store begin with: how the jobs of a namespace are kept, and who
-- may have a name. No script knows a rule of the queue, nor the time; numbers that may exceed 2^53
-- are texts whose order is that of the numbers.
--
-- KEYS[1], a hash: 'j' id -> the job as text; 'f' id -> its facts; 'last' -> the last id given.
-- KEYS[2], a sorted set of texts, all of one score: the index. An id has 16 digits and ends each:
--   s state id              every job
--   k "key" id              the jobs of a key
--   d due id                queued jobs
--   l due id                those whose instant no search has met yet
--   r "queue" place id      the others, in the order of claims: but parked ones
--   p group "queue" place id   are here: a search has met them when a name was taken
--   w group                 groups of parked jobs whose name was let go since: some may be free
--   o "name" priority id    queued jobs in line for an ordered name
--   n "name" id             those who hold a name
--   x expiry id             running jobs
-- What is in quotes is so as JSON has it, so that none begins with another one; whatever follows
-- comes before ':'.
--
-- Facts, a line each: version; state; "queue" place; due; the texts of the index, without the id,
-- with tabs between; then each name it ever holds, as marks, limit and "name". The marks: W it
-- wants the name in its present state, R it does while running, O in order.
local JOBS, INDEX = KEYS[1], KEYS[2]
local call, sub = redis.call, string.sub

-- The first text from one bound to another, both as ZRANGEBYLEX has them.
local function first_between(from, to)
  return call('ZRANGEBYLEX', INDEX, from, to, 'LIMIT', 0, 1)[1]
end

local function first(stem)
  return first_between('[' .. stem, '(' .. stem .. ':')
end

local function read(facts, id)
  local version, state, place, due, stems, rest =
    string.match(facts, '^(%d+)\n(%a)\n([^\n]*)\n(%d+)\n([^\n]*)(.*)$')
  local job = {
    id = id, version = version, state = state, due = due, stems = stems, place = place .. id,
    holds = {},
  }
  if rest == '' then return job end
  for wanted, runs, ordered, limit, name in string.gmatch(rest, '\n(.)(.)(.)(%d+)([^\n]*)') do
    job.holds[#job.holds + 1] = {
      name = name, wanted = wanted == 'W', runs = runs == 'R', ordered = ordered == 'O',
      limit = tonumber(limit), group = name .. (ordered == 'O' and '-' or limit .. '-'),
    }
  end
  return job
end

local function is_taken(hold, id)
  local stem = 'n' .. hold.name
  return call('ZLEXCOUNT', INDEX, '[' .. stem, '(' .. stem .. ':') >= hold.limit
    and not call('ZSCORE', INDEX, stem .. id)
end

-- The first name that keeps a job from running, and its position.
local function blocked_by(job)
  for position, hold in ipairs(job.holds) do
    if hold.runs then
      if is_taken(hold, job.id) then return hold, position end
      if hold.ordered then
        local stem = 'o' .. hold.name
        local head = first(stem)
        -- A place ends with priority (10 digits), rank (20) and id (16).
        local own = sub(job.place, -46, -37) .. job.id
        if head and sub(head, #stem + 1) < own then return hold, position end
      end
    end
  end
end
