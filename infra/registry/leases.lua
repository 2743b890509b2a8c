-- One step that changes a service: register, heartbeat or leave. See redis_directory.py.
--
-- KEYS  1 leases   ZSET    id -> end of its lease, in ms by this server's clock
--       2 entries  HASH    id -> what the instance says of itself, JSON
--       3 state    HASH    epoch, swept; whole: 1 where there were leases and entries
--       4 events   STREAM  what happened, to wake those who wait; nobody reads what it says
-- ARGV  1 register, heartbeat or leave   2 id   3 JSON
--       4 now in ms, or 0 for this server's clock   5 lease_ms   6 removed_ms   7 kept_ms   8 share
-- Returns { joined, changed, renewed, gone, left or absent; 1 where a key had to be mended, else 0 }
local leases, entries, state, events = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local verb, id, entry = ARGV[1], ARGV[2], ARGV[3]
local lease_ms, removed_ms = tonumber(ARGV[5]), tonumber(ARGV[6])
local kept_ms, share = tonumber(ARGV[7]), tonumber(ARGV[8])
local EVENTS_KEPT, CLAMPED_AT_ONCE = 1000, 1000

local time = redis.call('TIME')
local now = tonumber(ARGV[4])
if now == 0 then now = time[1] * 1000 + math.floor(time[2] / 1000) end

local function whole(number) return string.format('%.0f', number) end

local function is_not(key, kind)
  local found = redis.call('TYPE', key).ok
  return found ~= 'none' and found ~= kind
end

-- A key of another type was made by somebody else, and every command on it would fail for ever.
-- Nothing here is the only copy of anything, so it makes room. Leases and entries go together.
local mended = 0
if is_not(leases, 'zset') or is_not(entries, 'hash') then
  redis.call('DEL', leases, entries, state, events)
  mended = 1
end
if is_not(state, 'hash') then redis.call('DEL', state); mended = 1 end
if is_not(events, 'stream') then redis.call('DEL', events); mended = 1 end

-- One of the two without the other is what a full Redis leaves, which evicts keys and not services:
-- all that was known is lost, and readers are to see that by the epoch.
if redis.call('HGET', state, 'whole') == '1' and redis.call('EXISTS', leases, entries) < 2 then
  redis.call('DEL', leases, entries, state, events)
end

-- The epoch begins where nothing is known. Microseconds, so that two of them never agree.
if redis.call('HEXISTS', state, 'epoch') == 0 then
  redis.call('HSET', state, 'epoch', time[1] .. '.' .. time[2])
end

local function tell(what)
  local event = { 'XADD', events, 'MAXLEN', '~', EVENTS_KEPT, '*', 'what', what, 'id', id }
  if type(redis.pcall(unpack(event))) == 'table' then -- a stranger took its last possible id
    redis.call('DEL', events)
    redis.call(unpack(event))
    mended = 1
  end
end

local ends = tonumber(redis.call('ZSCORE', leases, id))
local runs = ends ~= nil and ends > now
local outcome
if verb == 'register' then
  local before = redis.call('HGET', entries, id)
  redis.call('ZADD', leases, whole(now + lease_ms), id)
  redis.call('HSET', entries, id, entry)
  outcome = 'renewed'
  if not runs then outcome = 'joined' elseif before ~= entry then outcome = 'changed' end
  if outcome ~= 'renewed' then tell(outcome) end
elseif verb == 'heartbeat' then
  outcome = 'gone'
  if runs and redis.call('HGET', entries, id) == entry then
    redis.call('ZADD', leases, whole(now + lease_ms), id)
    outcome = 'renewed'
  end
else
  outcome = 'absent'
  if redis.call('ZREM', leases, id) == 1 then
    outcome = 'left'
    tell('left')
  end
  redis.call('HDEL', entries, id)
end

-- Sweep, once in a heartbeat's time: a lease that no heartbeat of ours can have given is shortened
-- to one that it could (the clock was set back, or a stranger wrote it); then the longest silent are
-- removed, a share of all at most.
local swept = tonumber(redis.call('HGET', state, 'swept'))
if not (swept and swept <= now and now - swept < lease_ms / 3) then -- true for nan, too
  redis.call('HSET', state, 'swept', whole(now))
  local beyond = redis.call('ZRANGEBYSCORE', leases, '(' .. whole(now + lease_ms), '+inf',
    'LIMIT', 0, CLAMPED_AT_ONCE)
  for _, each in ipairs(beyond) do
    redis.call('ZADD', leases, whole(now + lease_ms), each)
  end
  local most = math.max(1, math.floor(redis.call('ZCARD', leases) * share))
  local silent = redis.call('ZRANGEBYSCORE', leases, '-inf', whole(now - removed_ms + lease_ms),
    'LIMIT', 0, most)
  for _, each in ipairs(silent) do
    redis.call('ZREM', leases, each)
    redis.call('HDEL', entries, each)
  end
end

redis.call('HSET', state, 'whole', redis.call('EXISTS', leases, entries) == 2 and 1 or 0)
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, kept_ms) end
return { outcome, mended }
