// tidy: long because it is one script, which does what it does in one step
/**
 * What Redis does in one step. The arithmetic is that of `src/domain/plans/` (account, bucket, admit),
 * and `src/store/meter-contract.ts` holds both to the same promises.
 *
 * KEYS: 1 counters, 2 Holds; both have the one hash tag, so that a cluster keeps them in one slot.
 * ARGV: 1 the question as JSON.
 *
 * `counters` is a hash: scope → account (MessagePack, which keeps every number exact), and `#seq`, which
 * each write counts up, and `#time`, the latest moment. Redis's clock decides, and never goes back. Where
 * `#seq` is missing or below what the node has seen, what is here is not what was here: the answer is
 * `stale`, and nothing is done. Where an account or the calendar of a zone is missing the answer is
 * `need`; nothing has been done then either, and the node asks again with what is missing.
 *
 * An account: z zone, s and e beginnings and ends of its day, week and month, f since when what is spent in
 * them counts (s, unless the calendar was changed since), t how often they have begun
 * anew (and total), p spent and r reserved (requests, input, output, nano-dollars of day, week, month, total),
 * h held of rates, n running, b buckets (milliseconds for one unit, full at, and the rest of a millisecond), y what
 * was read again from the ledger (asked, ended, amounts), u up to which entry of the ledger.
 * A Hold: { node, at, takings }; a taking: { scope, amounts, turns, drawn, zone, and 1 where it was taken again when the
 * account was counted anew }.
 */
export const SCRIPT = `
local q = cjson.decode(ARGV[1])
local counters, holds = KEYS[1], KEYS[2]
local RATE = { second = 1000, minute = 60000, hour = 3600000 }
local ROW = { day = 1, week = 2, month = 3, total = 4 }
local NOISE = 2 ^ -20
local LONGEST = 86400000
local NOTHING = { 0, 0, 0, 0 }
local function text(x) return string.format('%.17g', x) end

if q.op == 'fill' then
  if q.time and (redis.call('HLEN', counters) ~= q.accounts or redis.call('HLEN', holds) ~= q.open) then
    return { 'stale' }
  end
  for scope, account in pairs(q.init) do redis.call('HSET', counters, scope, cmsgpack.pack(account)) end
  for number, hold in pairs(q.holds) do redis.call('HSET', holds, number, cmsgpack.pack(hold)) end
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

-- What all questions need: accounts, and the Hold.
local names, known = { '#seq', '#time' }, {}
local function want(scope)
  if known[scope] == nil then
    known[scope] = false
    names[#names + 1] = scope
  end
end
local hold
local there = redis.call('HMGET', holds, '#', q.hold or '#')
if q.hold and there[2] then hold = cmsgpack.unpack(there[2]) end
for _, each in ipairs(q.s or {}) do want(each[1]) end
for _, each in ipairs(q.a or {}) do want(each[1]) end
if q.op == 'settle' and hold then
  for _, taking in ipairs(hold[3]) do want(taking[1]) end
  for _, charge in ipairs(q.c) do want(charge[1]) end
end
if q.op == 'refund' then for _, charge in ipairs(q.c) do want(charge[1]) end end
local found = redis.call('HMGET', counters, unpack(names))
local seq = tonumber(found[1] or '')
if q.unchecked then
  seq = seq or 0
  if not there[1] then redis.call('HSET', holds, '#', 0) end
elseif not seq or seq < q.seen or not there[1] then
  return { 'stale' }
end

local time = redis.call('TIME')
local now = q.now or (tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
now = math.max(now, tonumber(found[2] or '0') or 0)

if q.op == 'there' then return { 'ok', seq, now } end

if q.op == 'holds' then
  local page = redis.call('HSCAN', holds, q.cursor, 'COUNT', 500)
  local rows = {}
  for i = 1, #page[2], 2 do
    if page[2][i] ~= '#' then
      local each = cmsgpack.unpack(page[2][i + 1])
      rows[#rows + 1] = { page[2][i], text(each[1]), text(now - each[2]) }
    end
  end
  return { 'ok', seq, now, page[1], rows }
end

if q.op == 'forget' then
  local page = redis.call('HSCAN', counters, q.cursor, 'COUNT', 1000)
  local before = math.min(q.before, now - q.idle)
  for i = 1, #page[2], 2 do
    if string.sub(page[2][i], 1, 1) ~= '#' then
      local account = cmsgpack.unpack(page[2][i + 1])
      if account.n == 0 and account.at < before then redis.call('HDEL', counters, page[2][i]) end
    end
  end
  return { 'ok', seq, now, page[1] }
end

local missing, zones = {}, {}
for i = 3, #names do
  local account = found[i] and cmsgpack.unpack(found[i]) or (q.init and q.init[names[i]])
  if account then
    account.f = account.f or { account.s[1], account.s[2], account.s[3] }
    known[names[i]] = account
    if not found[i] then now = math.max(now, account.at or 0) end
  elseif q.op ~= 'rates' then
    missing[#missing + 1] = names[i]
  end
end

if q.op == 'rates' then
  local rows = {}
  for i = 3, #names do
    if known[names[i]] then
      local buckets, replayed = {}, {}
      for kind, bucket in pairs(known[names[i]].b) do
        buckets[#buckets + 1] = { kind, text(bucket[1]), text(bucket[2]), text(bucket[3]) }
      end
      for _, entry in ipairs(known[names[i]].y) do
        local row = { text(entry[1]), text(entry[2]) }
        for j = 1, 4 do row[j + 2] = text(entry[3][j]) end
        replayed[#replayed + 1] = row
      end
      rows[#rows + 1] = { names[i], buckets, replayed }
    end
  end
  return { 'ok', seq, now, rows }
end

local function periods(zone)
  for _, each in ipairs(q.z[zone] or {}) do
    if each[1] <= now and now < each[2] then return each end
  end
  zones[#zones + 1] = zone
end

-- Begins anew what has ended, and moves to the calendar of another zone.
local function advance(account, zone)
  zone = zone or account.z
  if zone == account.z and now < account.e[1] then return end
  local next = periods(zone)
  if not next then return end
  for i = 1, 3 do
    if now >= account.e[i] then
      for j = 4 * i - 3, 4 * i do account.p[j] = 0 account.r[j] = 0 end
      account.t[i] = account.t[i] + 1
      account.f[i] = zone == account.z and next[2 * i - 1] or account.e[i]
    end
    account.s[i] = next[2 * i - 1]
    account.e[i] = next[2 * i]
  end
  account.z = zone
end

if #missing == 0 then
  -- Only what is taken moves a scope to the calendar that it is asked in; until then it has to be known.
  if q.op == 'reserve' then
    for _, each in ipairs(q.s) do periods(each[2]) end
    for _, each in ipairs(q.a) do periods(each[2]) end
  end
  for i = 3, #names do advance(known[names[i]]) end
end
if #missing > 0 or #zones > 0 then return { 'need', seq, now, missing, zones } end

local function amountOf(amounts, dimension)
  if dimension == 'requests' then return amounts[1] end
  if dimension == 'inputTokens' then return amounts[2] end
  if dimension == 'outputTokens' then return amounts[3] end
  if dimension == 'tokens' then return amounts[2] + amounts[3] end
  if dimension == 'usd' then return amounts[4] end
  return 1
end

local function draw(bucket, amount, at)
  if amount == 0 then return end
  local from = math.max(at, bucket[2])
  local time = amount * bucket[1]
  if from == bucket[2] then time = time + bucket[3] end
  local whole = math.floor(time)
  bucket[2] = from + whole
  bucket[3] = time - whole
end

local function short(bucket) return math.max(0, bucket[2] - now + bucket[3]) end

-- A request leaves its rates when it is made, tokens when they are used.
local function drawAgain(bucket, dimension, entry)
  draw(bucket, amountOf(entry[3], dimension), dimension == 'requests' and entry[1] or entry[2])
end

local function bucketOf(account, limit)
  local kind = limit[1] .. '/' .. limit[2]
  local bucket = account.b[kind]
  local each = limit[3] > 0 and RATE[limit[2]] / limit[3] or 0
  if bucket then
    if each > 0 then bucket[1] = each end
    return bucket
  end
  bucket = { each, 0, 0 }
  for _, entry in ipairs(account.y) do drawAgain(bucket, limit[1], entry) end
  account.b[kind] = bucket
  return bucket
end

local function used(account, limit)
  local row = 4 * ROW[limit[2]] - 3
  local p = { account.p[row], account.p[row + 1], account.p[row + 2], account.p[row + 3] }
  local r = { account.r[row], account.r[row + 1], account.r[row + 2], account.r[row + 3] }
  return amountOf(p, limit[1]) + amountOf(r, limit[1])
end

-- Milliseconds until it fits: 0 now, -1 never.
local function waitFor(account, limit, amounts)
  if limit[2] == 0 then
    if account.n < limit[3] then return 0 end
    return limit[3] == 0 and -1 or 1000
  end
  local amount = amountOf(amounts, limit[1])
  if RATE[limit[2]] then
    local bucket = bucketOf(account, limit)
    local held = amountOf(account.h, limit[1])
    if amount == 0 then return 0 end
    if amount > limit[4] then return -1 end
    local wait = short(bucket) - (limit[4] - held - amount) * bucket[1]
    if wait <= NOISE then return 0 end
    if amount + held > limit[4] then return 1000 end
    return math.max(1, math.ceil(wait - NOISE))
  end
  if used(account, limit) + amount <= limit[3] then return 0 end
  if amount > limit[3] or limit[2] == 'total' then return -1 end
  return account.e[ROW[limit[2]]] - now
end

-- What is left, and milliseconds until all of it is.
local function standing(account, limit)
  if limit[2] == 0 then return text(math.max(0, limit[3] - account.n)), '0' end
  if RATE[limit[2]] then
    local bucket = bucketOf(account, limit)
    local gone = math.max(0, short(bucket) - NOISE)
    if gone > 0 and bucket[1] > 0 then gone = gone / bucket[1] end
    local left = math.floor(limit[4] - amountOf(account.h, limit[1]) - gone)
    return text(math.max(0, left)), text(short(bucket))
  end
  local gone = used(account, limit)
  local reset = 0
  if gone ~= 0 and limit[2] ~= 'total' then reset = account.e[ROW[limit[2]]] - now end
  return text(math.max(0, limit[3] - gone)), text(reset)
end

local function levels()
  local rows = {}
  for _, each in ipairs(q.s) do
    for _, limit in ipairs(each[3]) do
      local left, reset = standing(known[each[1]], limit)
      rows[#rows + 1] = { left, reset }
    end
  end
  return rows
end

local function longer(one, other)
  if other == -1 then return false end
  return one == -1 or one > other
end

-- The refusal of one scope that takes longest to pass, if there is one.
local function refusalOf(each)
  local worst
  for i, limit in ipairs(each[3]) do
    local wait = waitFor(known[each[1]], limit, each[4])
    if wait ~= 0 and (not worst or longer(wait, worst.wait)) then worst = { wait = wait, limit = i } end
  end
  return worst
end

local function write()
  local row = { '#seq', seq + 1, '#time', text(now) }
  for i = 3, #names do
    local account = known[names[i]]
    while account.y[1] and now - account.y[1][2] >= LONGEST do table.remove(account.y, 1) end
    account.at = now
    row[#row + 1] = names[i]
    row[#row + 1] = cmsgpack.pack(account)
  end
  redis.call('HSET', counters, unpack(row))
  seq = seq + 1
end

-- Nothing was taken; but it is later than it was, for all that follow.
local function keepTime()
  if now > (tonumber(found[2] or '0') or 0) then
    redis.call('HSET', counters, '#time', text(now))
  end
end

local function refuse(kind, place, worst, list)
  keepTime()
  local left, reset = standing(known[list[place][1]], list[place][3][worst.limit])
  return { 'refused', seq, now, levels(), kind, place, worst.limit, text(worst.wait), left, reset }
end

local function add(account, field, amounts, turns, sign)
  local sums = account[field]
  for i = 1, 4 do
    if turns[i] == account.t[i] then
      for j = 1, 4 do
        local k = 4 * (i - 1) + j
        sums[k] = sums[k] + sign * amounts[j]
      end
    end
  end
end

local function drawRequests(account, count)
  if count == 0 then return end
  for kind, bucket in pairs(account.b) do
    if string.sub(kind, 1, 9) == 'requests/' then draw(bucket, count, now) end
  end
end

local function keep(account, taking, amounts, drawn, sign)
  add(account, 'r', amounts, taking[3], sign)
  account.h[1] = account.h[1] + sign * (amounts[1] - drawn)
  for j = 2, 4 do account.h[j] = account.h[j] + sign * amounts[j] end
end

local function settle(account, taking, charged)
  account.n = account.n - 1
  keep(account, taking, taking[2], taking[4], -1)
  add(account, 'p', charged, taking[3], 1)
  drawRequests(account, charged[1] - taking[4])
  for kind, bucket in pairs(account.b) do
    local dimension = string.match(kind, '^(.*)/')
    if dimension ~= 'requests' then draw(bucket, amountOf(charged, dimension), now) end
  end
  if taking[6] then
    local left = { charged[1] - taking[4], charged[2], charged[3], charged[4] }
    account.y[#account.y + 1] = { now, now, left }
  end
end

-- In the periods that run since then.
local function spend(account, charged, at)
  local turns = { -1, -1, -1, account.t[4] }
  for i = 1, 3 do if at >= account.f[i] then turns[i] = account.t[i] end end
  add(account, 'p', charged, turns, 1)
end

-- What was spent by a Hold that has taken nothing here.
local function charge(scope, account, charged, at)
  spend(account, charged, at)
  local asked = string.sub(scope, 1, 9) == 'provider:' and now or at
  local entry = { asked, now, charged }
  for kind, bucket in pairs(account.b) do drawAgain(bucket, string.match(kind, '^(.*)/'), entry) end
  account.y[#account.y + 1] = entry
end

if q.op == 'look' then
  local rows = levels()
  keepTime()
  return { 'ok', seq, now, rows }
end

if q.op == 'usage' then
  keepTime()
  local account = known[q.s[1][1]]
  local row = { account.z, text(account.n) }
  for i = 1, 3 do row[#row + 1] = text(account.s[i]) row[#row + 1] = text(account.e[i]) end
  for i = 1, 16 do row[#row + 1] = text(account.p[i]) end
  for i = 1, 16 do row[#row + 1] = text(account.r[i]) end
  for i = 1, 3 do row[#row + 1] = text(account.f[i]) end
  return { 'ok', seq, now, row }
end

if q.op == 'reserve' then
  local worst, place
  for i, each in ipairs(q.s) do
    local refusal = refusalOf(each)
    if refusal and (not worst or longer(refusal.wait, worst.wait)) then worst = refusal place = i end
  end
  if worst then return refuse('s', place, worst, q.s) end
  local open, soonest = {}, nil
  for i, each in ipairs(q.a) do
    local refusal = refusalOf(each)
    if not refusal then
      open[#open + 1] = i
    elseif not soonest or longer(soonest.wait, refusal.wait) then
      soonest = refusal
      place = i
    end
  end
  if #open == 0 and soonest then return refuse('a', place, soonest, q.a) end
  local takings = {}
  local function take(each, certain)
    local account = known[each[1]]
    advance(account, each[2])
    local turns = { account.t[1], account.t[2], account.t[3], account.t[4] }
    local drawn = certain and each[4][1] or 0
    local taking = { each[1], each[4], turns, drawn, each[2] }
    account.n = account.n + 1
    drawRequests(account, drawn)
    keep(account, taking, each[4], drawn, 1)
    takings[#takings + 1] = taking
  end
  for _, each in ipairs(q.s) do take(each, true) end
  for _, i in ipairs(open) do take(q.a[i], false) end
  local rows = levels()
  write()
  redis.call('HSET', holds, q.hold, cmsgpack.pack({ q.node, now, takings }))
  return { 'ok', seq, now, rows, open }
end

if q.op == 'extend' or q.op == 'shrink' then
  if not hold then return { 'gone', seq, now } end
  if q.op == 'extend' then
    -- It is charged to the day that admitted it, and of a day that is over nobody knows any more what was left.
    for _, each in ipairs(q.s) do
      for _, taking in ipairs(hold[3]) do
        if taking[1] == each[1] then
          for _, limit in ipairs(each[3]) do
            local i = ROW[limit[2]]
            if i and taking[3][i] ~= known[each[1]].t[i] then return { 'refused', seq, now } end
          end
        end
      end
    end
    for _, each in ipairs(q.s) do if refusalOf(each) then return { 'refused', seq, now } end end
  end
  local sign = q.op == 'extend' and 1 or -1
  for _, each in ipairs(q.s) do
    for _, taking in ipairs(hold[3]) do
      if taking[1] == each[1] then
        for j = 1, 4 do taking[2][j] = taking[2][j] + sign * each[4][j] end
        keep(known[each[1]], taking, each[4], 0, sign)
      end
    end
  end
  write()
  redis.call('HSET', holds, q.hold, cmsgpack.pack(hold))
  return { 'ok', seq, now }
end

if q.op == 'refund' then
  for _, each in ipairs(q.c) do
    local account = known[each[1]]
    if (account.u or 0) < q.seq then spend(account, each[3], q.at) end
  end
  write()
  return { 'ok', seq, now }
end

-- settle
if not hold then return { 'gone', seq, now } end
local left = {}
for _, taking in ipairs(hold[3]) do left[taking[1]] = taking end
for _, each in ipairs(q.c) do
  local account, taking = known[each[1]], left[each[1]]
  left[each[1]] = nil
  if taking then
    settle(account, taking, each[3])
  elseif (account.u or 0) < q.seq then
    charge(each[1], account, each[3], hold[2])
  end
end
for scope, taking in pairs(left) do settle(known[scope], taking, NOTHING) end
write()
redis.call('HDEL', holds, q.hold)
return { 'ok', seq, now }
`;
