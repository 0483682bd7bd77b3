import { LONGEST_RATE_MS } from "../../kernel/limit.ts";
import {
  AT,
  COUNTS,
  DAY,
  DEMANDS,
  ENDS,
  LIMIT_WIDTH,
  NAMES,
  NODE,
  RESERVED,
  RUNNING,
  SEEN,
  SEQ,
  SINCE,
  SPENT,
  STARTS,
  TAKING_WIDTH,
  TURNS,
  UPTO,
} from "./layout.ts";
import { LIMITS, SUMS } from "./script-accounts.ts";

/** Holds that are looked for in one command. */
const NUMBERS_AT_ONCE = 1_000;

/**
 * What Redis does in one step. `src/store/meter-contract.ts` holds it to the promises of the other stores.
 *
 * KEYS: 1 counters, 2 Holds; both have the one hash tag, so that a cluster keeps them in one slot.
 * ARGV: the question; see layout.ts.
 *
 * `counters` is a hash: scope → account (packed), and `#seq`, which each write counts up, and `#time`, the latest
 * moment. Redis's clock decides, and never goes back. Where `#seq` is missing or below what the node has seen, what is
 * here is not what was here: the answer is `stale`, and nothing is done. Where an account or the calendar of a zone is
 * missing the answer is `need`; nothing has been done then either, and the node asks again with what is missing.
 * `holds` is a hash: number → Hold, and `#`, which is there as long as the hash is.
 */
export const SCRIPT = `
local op, number = ARGV[1], ARGV[2]
local n = { struct.unpack('<' .. string.rep('d', #ARGV[3] / 8), ARGV[3]) }
local q = ARGV[4] ~= '' and cjson.decode(ARGV[4]) or {}
local counters, holds = KEYS[1], KEYS[2]
local now
${SUMS}
local function text(x) return string.format('%.17g', x) end

-- Redis cuts what is behind the point.
local function exact(x)
  if x % 1 == 0 then return x end
  return text(x)
end

local function packHold(node, at, takings, scopes)
  local row = struct.pack('<' .. string.rep('d', #takings), unpack(takings))
  return cmsgpack.pack(node, at, row, unpack(scopes))
end

local function unpackHold(packed)
  local parts = { cmsgpack.unpack(packed) }
  local hold = { node = parts[1], at = parts[2], scopes = {} }
  for i = 4, #parts do hold.scopes[i - 3] = parts[i] end
  hold.takings = { struct.unpack('<' .. string.rep('d', #parts[3] / 8), parts[3]) }
  -- Where the reading has stopped.
  table.remove(hold.takings)
  return hold
end

if op == 'fill' then
  if q.time and (redis.call('HLEN', counters) ~= q.accounts or redis.call('HLEN', holds) ~= q.open) then
    return { 'stale' }
  end
  for scope, account in pairs(q.init) do redis.call('HSET', counters, scope, packed(told(account))) end
  for each, hold in pairs(q.holds) do redis.call('HSET', holds, each, packHold(unpack(hold))) end
  if q.time then
    redis.call('HSET', counters, '#seq', 0, '#time', text(q.time))
    redis.call('HSET', holds, '#', 0)
    redis.call('PERSIST', counters)
    redis.call('PERSIST', holds)
  else
    redis.call('EXPIRE', counters, 600)
    redis.call('EXPIRE', holds, 600)
  end
  return { 'ok' }
end

-- What all questions need: accounts, and the Hold. Of scopes and charges the place of their amounts is kept, and of
-- limits the first and the last.
local names, known = { '#seq', '#time' }, {}
local function want(scope)
  if known[scope] == nil then
    known[scope] = false
    names[#names + 1] = scope
  end
end
local place, name = ${DEMANDS}, ${NAMES}
local function demands(count)
  local list = {}
  for i = 1, count do
    local limits = place + 5
    local last = limits + ${LIMIT_WIDTH} * n[place + 4] - 1
    list[i] = { scope = ARGV[name], zone = ARGV[name + 1], amounts = place, limits = limits, last = last }
    want(ARGV[name])
    place, name = last + 1, name + 2
  end
  return list
end
local scopes, anyOf, charges = demands(n[${COUNTS}]), demands(n[${COUNTS + 1}]), {}
local there = redis.call('HMGET', holds, '#', number)
local hold = there[2] and number ~= '' and unpackHold(there[2])
if op == 'refund' or hold then
  for i = 1, n[${COUNTS + 2}] do
    charges[i] = { scope = ARGV[name], amounts = place }
    want(ARGV[name])
    place, name = place + 4, name + 1
  end
end
if op == 'settle' and hold then
  for _, scope in ipairs(hold.scopes) do want(scope) end
end
local found = redis.call('HMGET', counters, unpack(names))
local seq = tonumber(found[1] or '')
if q.unchecked then
  seq = seq or 0
  if not there[1] then redis.call('HSET', holds, '#', 0) end
elseif not seq or seq < n[${SEEN}] or not there[1] then
  return { 'stale' }
end

local time = redis.call('TIME')
local latest = tonumber(found[2] or '') or 0
now = math.max(q.now or (time[1] * 1000 + math.floor(time[2] / 1000)), latest)

if op == 'there' then return { 'ok', seq, now } end

if op == 'holds' then
  local page = redis.call('HSCAN', holds, q.cursor, 'COUNT', 500)
  local rows = {}
  for i = 1, #page[2], 2 do
    if page[2][i] ~= '#' then
      local each = unpackHold(page[2][i + 1])
      rows[#rows + 1] = { page[2][i], text(each.node), text(now - each.at) }
    end
  end
  return { 'ok', seq, now, page[1], rows }
end

if op == 'forget' then
  local page = redis.call('HSCAN', counters, q.cursor, 'COUNT', 1000)
  local before = math.min(q.before, now - q.idle)
  for i = 1, #page[2], 2 do
    if string.sub(page[2][i], 1, 1) ~= '#' then
      local account = unpacked(page[2][i + 1])
      if account[${RUNNING}] == 0 and account[${AT}] < before then redis.call('HDEL', counters, page[2][i]) end
    end
  end
  return { 'ok', seq, now, page[1] }
end

local missing, zones = {}, {}
for i = 3, #names do
  local scope = names[i]
  if found[i] then
    known[scope] = unpacked(found[i])
  elseif q.init and q.init[scope] then
    known[scope] = told(q.init[scope])
    now = math.max(now, known[scope][${AT}])
  elseif op ~= 'rates' then
    missing[#missing + 1] = scope
  end
end

if op == 'rates' then
  local rows = {}
  for i = 3, #names do
    local account = known[names[i]]
    if account then
      local buckets, replayed = {}, {}
      for j = 1, #account.b do buckets[j] = text(account.b[j]) end
      for _, entry in ipairs(account.y) do
        local row = {}
        for j = 1, #entry do row[j] = text(entry[j]) end
        replayed[#replayed + 1] = row
      end
      rows[#rows + 1] = { names[i], buckets, replayed }
    end
  end
  local open = {}
  -- Lua gives only some thousands of values at once.
  for from = 1, #q.numbers, ${NUMBERS_AT_ONCE} do
    local last = math.min(from + ${NUMBERS_AT_ONCE} - 1, #q.numbers)
    for i, each in ipairs(redis.call('HMGET', holds, unpack(q.numbers, from, last))) do
      if each then open[#open + 1] = q.numbers[from + i - 1] end
    end
  end
  return { 'ok', seq, now, rows, open }
end

-- The node sends a calendar only when it is asked for: the day of an account begins once a day.
local function periods(zone)
  for _, each in ipairs(q.z and q.z[zone] or {}) do
    if each[1] <= now and now < each[2] then return each end
  end
  zones[#zones + 1] = zone
end

if #missing == 0 then
  for i = 3, #names do
    local account = known[names[i]]
    advance(account, account.zone, periods)
  end
  -- Only what is taken moves a scope to the calendar that it is asked in; until then it has to be known.
  if op == 'reserve' then
    for _, each in ipairs(scopes) do if known[each.scope].zone ~= each.zone then periods(each.zone) end end
    for _, each in ipairs(anyOf) do if known[each.scope].zone ~= each.zone then periods(each.zone) end end
  end
end
if #missing > 0 or #zones > 0 then return { 'need', seq, now, missing, zones } end

local function write()
  local row = { '#seq', seq + 1, '#time', text(now) }
  for i = 3, #names do
    local account = known[names[i]]
    local y = account.y
    while y[1] and now - y[1][2] >= ${LONGEST_RATE_MS} do table.remove(y, 1) end
    account[${AT}] = now
    row[2 * i - 1], row[2 * i] = names[i], packed(account)
  end
  redis.call('HSET', counters, unpack(row))
  seq = seq + 1
end

-- Nothing was taken; but it is later than it was, for all that follow.
local function keepTime()
  if now > latest then redis.call('HSET', counters, '#time', text(now)) end
end

if op == 'settle' then
  if not hold then return { 'gone', seq, now } end
  local left = {}
  for i, scope in ipairs(hold.scopes) do left[scope] = ${TAKING_WIDTH} * (i - 1) + 1 end
  for _, each in ipairs(charges) do
    local account, i = known[each.scope], left[each.scope]
    left[each.scope] = nil
    if i then
      settle(account, hold.takings, i, n, each.amounts)
    elseif account[${UPTO}] < n[${SEQ}] then
      charge(each.scope, account, n, each.amounts, hold.at)
    end
  end
  for scope, i in pairs(left) do settle(known[scope], hold.takings, i, { 0, 0, 0, 0 }, 1) end
  write()
  redis.call('HDEL', holds, number)
  return { 'ok', seq, now }
end

if op == 'refund' then
  for _, each in ipairs(charges) do
    local account = known[each.scope]
    if account[${UPTO}] < n[${SEQ}] then spend(account, n, each.amounts, q.at) end
  end
  write()
  return { 'ok', seq, now }
end

if op == 'usage' then
  keepTime()
  local account = known[scopes[1].scope]
  local row = { account.zone, text(account[${RUNNING}]) }
  for i = 0, 2 do row[#row + 1] = text(account[${STARTS} + i]) row[#row + 1] = text(account[${ENDS} + i]) end
  for i = 0, 15 do row[#row + 1] = text(account[${SPENT} + i]) end
  for i = 0, 15 do row[#row + 1] = text(account[${RESERVED} + i]) end
  for i = 0, 2 do row[#row + 1] = text(account[${SINCE} + i]) end
  return { 'ok', seq, now, row }
end
${LIMITS}
-- What is left, and when all of it is, of each limit in turn.
local function levels()
  local row = {}
  for _, each in ipairs(scopes) do
    local account = known[each.scope]
    for i = each.limits, each.last, ${LIMIT_WIDTH} do
      local left, reset = standing(account, i)
      row[#row + 1] = exact(left)
      row[#row + 1] = exact(reset)
    end
  end
  return row
end

if op == 'look' then
  local row = levels()
  keepTime()
  return { 'ok', seq, now, row }
end

local function longer(one, other)
  if other == -1 then return false end
  return one == -1 or one > other
end

-- Of the limits of a scope that refuse, the one that takes longest to pass: how long, and where it begins.
local function refusalOf(each)
  local worst, limit
  local account = known[each.scope]
  for i = each.limits, each.last, ${LIMIT_WIDTH} do
    local wait = waitFor(account, i, each.amounts)
    if wait ~= 0 and (not worst or longer(wait, worst)) then worst = wait limit = i end
  end
  return worst, limit
end

-- Wait milliseconds, for the limit that begins at i of a scope of a list.
local function refuse(kind, list, at, wait, i)
  keepTime()
  local left, reset = standing(known[list[at].scope], i)
  local which = (i - list[at].limits) / ${LIMIT_WIDTH} + 1
  return { 'refused', seq, now, levels(), kind, at, which, exact(wait), exact(left), exact(reset) }
end

if op == 'reserve' then
  local worst, at, limit
  for i, each in ipairs(scopes) do
    local wait, which = refusalOf(each)
    if wait and (not worst or longer(wait, worst)) then worst = wait at = i limit = which end
  end
  if worst then return refuse('s', scopes, at, worst, limit) end
  local open, soonest = {}, nil
  for i, each in ipairs(anyOf) do
    local wait, which = refusalOf(each)
    if not wait then
      open[#open + 1] = i
    elseif not soonest or longer(soonest, wait) then
      soonest = wait at = i limit = which
    end
  end
  if #open == 0 and soonest then return refuse('a', anyOf, at, soonest, limit) end
  local takings, taken = {}, {}
  local function take(each, certain)
    local account, from, i = known[each.scope], each.amounts, #takings + 1
    advance(account, each.zone, periods)
    for j = 0, 3 do takings[i + j] = n[from + j] end
    for j = 0, 3 do takings[i + 4 + j] = account[${TURNS} + j] end
    local drawn = certain and n[from] or 0
    takings[i + 8], takings[i + 9] = drawn, 0
    account[${RUNNING}] = account[${RUNNING}] + 1
    drawRequests(account.b, drawn)
    keep(account, takings, i, n, from, drawn, 1)
    taken[#taken + 1] = each.scope
  end
  for _, each in ipairs(scopes) do take(each, true) end
  for _, i in ipairs(open) do take(anyOf[i], false) end
  local row = levels()
  write()
  redis.call('HSET', holds, number, packHold(n[${NODE}], now, takings, taken))
  return { 'ok', seq, now, row, open }
end

-- extend, and shrink, which takes it back
if not hold then return { 'gone', seq, now } end
local takings = hold.takings

-- Calls a function with the account and the beginning of each taking that the Hold has of a scope.
local function eachTaking(scope, act)
  for i, taken in ipairs(hold.scopes) do
    if taken == scope then act(known[scope], ${TAKING_WIDTH} * (i - 1) + 1) end
  end
end

if op == 'extend' then
  -- It is charged to the day that admitted it, and of a day that is over nobody knows any more what was left.
  local over = false
  for _, each in ipairs(scopes) do
    eachTaking(each.scope, function(account, i)
      for j = each.limits, each.last, ${LIMIT_WIDTH} do
        local period = n[j + 1] - ${DAY}
        if period >= 0 and takings[i + 4 + period] ~= account[${TURNS} + period] then over = true end
      end
    end)
  end
  for _, each in ipairs(scopes) do over = over or refusalOf(each) end
  if over then return { 'refused', seq, now } end
end
local sign = op == 'extend' and 1 or -1
for _, each in ipairs(scopes) do
  eachTaking(each.scope, function(account, i)
    for j = 0, 3 do takings[i + j] = takings[i + j] + sign * n[each.amounts + j] end
    keep(account, takings, i, n, each.amounts, 0, sign)
  end)
end
write()
redis.call('HSET', holds, number, packHold(hold.node, hold.at, takings, hold.scopes))
return { 'ok', seq, now }
`;
