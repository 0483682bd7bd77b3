import {
  ACCOUNT_WIDTH,
  BUCKET_WIDTH,
  BUCKETS,
  DAY,
  ENDS,
  HELD,
  KIND,
  REPLAYED,
  REQUESTS,
  RESERVED,
  RUNNING,
  SINCE,
  SPENT,
  STARTS,
  TOKENS,
  TOTAL,
  TURNS,
} from "./layout.ts";

/**
 * The parts of the script that count: in Lua what src/domain/plans/{account,bucket,admit}.ts do here, on rows that are
 * laid out as layout.ts says. They run twice for every call, so they make few tables and no texts, and places are
 * written into them as numbers, because each local that a function shares has to be looked for when it is made.
 * `now` is the time, `n` the question's numbers.
 */

const DOUBLES = `'<${"d".repeat(ACCOUNT_WIDTH)}'`;

/** Reading, writing, taking and spending. */
export const SUMS = `
local function packed(account)
  local b, y = account.b, account.y[1] and cmsgpack.pack(account.y) or ''
  account[${BUCKETS}], account[${REPLAYED}] = #b, #y
  local buckets = b[1] and struct.pack('<' .. string.rep('d', #b), unpack(b)) or ''
  return struct.pack(${DOUBLES}, unpack(account, 1, ${ACCOUNT_WIDTH})) .. buckets .. y .. account.zone
end

local function unpacked(text)
  local account = { struct.unpack(${DOUBLES}, text) }
  -- Behind the numbers stands where the reading has stopped.
  local from = account[${ACCOUNT_WIDTH + 1}]
  local b, y = {}, {}
  if account[${BUCKETS}] > 0 then
    b = { struct.unpack('<' .. string.rep('d', account[${BUCKETS}]), text, from) }
    from = table.remove(b)
  end
  if account[${REPLAYED}] > 0 then
    y = cmsgpack.unpack(string.sub(text, from, from + account[${REPLAYED}] - 1))
    from = from + account[${REPLAYED}]
  end
  account.b, account.y, account.zone = b, y, string.sub(text, from)
  return account
end

-- An account as the node tells it.
local function told(account)
  local row = account.row
  row.b, row.y, row.zone = account.b, account.y, account.zone
  return row
end

-- Begins anew what has ended, and moves to the calendar of another zone.
local function advance(account, zone, periods)
  if zone == account.zone and now < account[${ENDS}] then return end
  local next = periods(zone)
  if not next then return end
  for i = 0, 2 do
    if now >= account[${ENDS} + i] then
      for j = 4 * i, 4 * i + 3 do account[${SPENT} + j] = 0 account[${RESERVED} + j] = 0 end
      account[${TURNS} + i] = account[${TURNS} + i] + 1
      account[${SINCE} + i] = zone == account.zone and next[2 * i + 1] or account[${ENDS} + i]
    end
    account[${STARTS} + i] = next[2 * i + 1]
    account[${ENDS} + i] = next[2 * i + 2]
  end
  account.zone = zone
end

-- What a dimension has of the four amounts that begin at a place of a row; 1 of those that run.
local function amountOf(row, from, dimension)
  if dimension < ${TOKENS} then return row[from + dimension - 1] end
  if dimension == ${TOKENS} then return row[from + 1] + row[from + 2] end
  return 1
end

-- The bucket begins at i of a list of buckets.
local function draw(b, i, amount, at)
  if amount == 0 then return end
  local time, from = amount * b[i + 1], at
  if b[i + 2] >= at then from = b[i + 2] time = time + b[i + 3] end
  local whole = math.floor(time)
  b[i + 2] = from + whole
  b[i + 3] = time - whole
end

local function dimensionOf(b, i) return math.floor(b[i] / ${KIND}) end

-- A request leaves its rates when it is made, tokens when they are used.
local function drawAgain(b, i, dimension, entry)
  draw(b, i, amountOf(entry, 3, dimension), dimension == ${REQUESTS} and entry[1] or entry[2])
end

local function drawRequests(b, count)
  if count == 0 then return end
  for i = 1, #b, ${BUCKET_WIDTH} do if dimensionOf(b, i) == ${REQUESTS} then draw(b, i, count, now) end end
end

-- Adds four amounts, which begin at a place of a row, in each period that has not begun anew since its turns.
local function add(account, sums, row, from, turns, first, sign)
  local requests, input, output, usd = sign * row[from], sign * row[from + 1], sign * row[from + 2], sign * row[from + 3]
  for i = 0, 3 do
    if turns[first + i] == account[${TURNS} + i] then
      local at = sums + 4 * i
      account[at], account[at + 1] = account[at] + requests, account[at + 1] + input
      account[at + 2], account[at + 3] = account[at + 2] + output, account[at + 3] + usd
    end
  end
end

-- What the taking that begins at i of a Hold has reserved, or has no more.
local function keep(account, takings, i, row, from, drawn, sign)
  add(account, ${RESERVED}, row, from, takings, i + 4, sign)
  account[${HELD}] = account[${HELD}] + sign * (row[from] - drawn)
  for j = 1, 3 do account[${HELD} + j] = account[${HELD} + j] + sign * row[from + j] end
end

local function settle(account, takings, i, charged, from)
  local drawn, b = takings[i + 8], account.b
  account[${RUNNING}] = account[${RUNNING}] - 1
  keep(account, takings, i, takings, i, drawn, -1)
  add(account, ${SPENT}, charged, from, takings, i + 4, 1)
  drawRequests(b, charged[from] - drawn)
  for j = 1, #b, ${BUCKET_WIDTH} do
    local dimension = dimensionOf(b, j)
    if dimension ~= ${REQUESTS} then draw(b, j, amountOf(charged, from, dimension), now) end
  end
  if takings[i + 9] == 1 then
    local entry = { now, now, charged[from] - drawn, charged[from + 1], charged[from + 2], charged[from + 3] }
    account.y[#account.y + 1] = entry
  end
end

-- In the periods that run since then.
local function spend(account, charged, from, at)
  local turns = { -1, -1, -1, account[${TURNS} + 3] }
  for i = 0, 2 do if at >= account[${SINCE} + i] then turns[i + 1] = account[${TURNS} + i] end end
  add(account, ${SPENT}, charged, from, turns, 1, 1)
end

-- What was spent by a Hold that has taken nothing here.
local function charge(scope, account, charged, from, at)
  spend(account, charged, from, at)
  local asked = string.sub(scope, 1, 9) == 'provider:' and now or at
  local entry = { asked, now, charged[from], charged[from + 1], charged[from + 2], charged[from + 3] }
  local b = account.b
  for i = 1, #b, ${BUCKET_WIDTH} do drawAgain(b, i, dimensionOf(b, i), entry) end
  account.y[#account.y + 1] = entry
end
`;

/** Limits: a limit begins at i of the question's numbers, with its dimension, window, amount and burst. */
export const LIMITS = `
local function short(b, i) return math.max(0, b[i + 2] - now + b[i + 3]) end

-- Where the bucket of a limit begins.
local function bucketOf(account, dimension, window, limit)
  local b, kind = account.b, ${KIND} * dimension + window
  local each = limit > 0 and 1000 * 60 ^ (window - 1) / limit or 0
  for i = 1, #b, ${BUCKET_WIDTH} do
    if b[i] == kind then
      if each > 0 then b[i + 1] = each end
      return i
    end
  end
  local i = #b + 1
  b[i], b[i + 1], b[i + 2], b[i + 3] = kind, each, 0, 0
  for _, entry in ipairs(account.y) do drawAgain(b, i, dimension, entry) end
  return i
end

local function used(account, dimension, window)
  local from = 4 * (window - ${DAY})
  return amountOf(account, ${SPENT} + from, dimension) + amountOf(account, ${RESERVED} + from, dimension)
end

-- Milliseconds until amounts fit: 0 now, -1 never.
local function waitFor(account, i, amounts)
  local dimension, window, limit, burst = n[i], n[i + 1], n[i + 2], n[i + 3]
  if window == 0 then
    if account[${RUNNING}] < limit then return 0 end
    return limit == 0 and -1 or 1000
  end
  local amount = amountOf(n, amounts, dimension)
  if window < ${DAY} then
    local at, b = bucketOf(account, dimension, window, limit), account.b
    local held = amountOf(account, ${HELD}, dimension)
    if amount == 0 then return 0 end
    if amount > burst then return -1 end
    local wait = short(b, at) - (burst - held - amount) * b[at + 1]
    if wait <= 2 ^ -20 then return 0 end
    if amount + held > burst then return 1000 end
    return math.max(1, math.ceil(wait - 2 ^ -20))
  end
  if used(account, dimension, window) + amount <= limit then return 0 end
  if amount > limit or window == ${TOTAL} then return -1 end
  return account[${ENDS - DAY} + window] - now
end

-- What is left, and milliseconds until all of it is.
local function standing(account, i)
  local dimension, window, limit, burst = n[i], n[i + 1], n[i + 2], n[i + 3]
  if window == 0 then return math.max(0, limit - account[${RUNNING}]), 0 end
  if window < ${DAY} then
    local at, b = bucketOf(account, dimension, window, limit), account.b
    local missing = short(b, at)
    local gone = math.max(0, missing - 2 ^ -20)
    if gone > 0 and b[at + 1] > 0 then gone = gone / b[at + 1] end
    return math.max(0, math.floor(burst - amountOf(account, ${HELD}, dimension) - gone)), missing
  end
  local gone = used(account, dimension, window)
  local reset = 0
  if gone ~= 0 and window ~= ${TOTAL} then reset = account[${ENDS - DAY} + window] - now end
  return math.max(0, limit - gone), reset
end
`;
