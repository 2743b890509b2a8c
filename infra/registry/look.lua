-- All that is known of a service, at one moment and in one answer of bounded size. Changes nothing.
--
-- KEYS  as in leases.lua
-- ARGV  1 now in ms, or 0 for this server's clock   2 lease_ms   3 instances at most
--       4 bytes of an entry at most   5 characters of an id at most
-- Returns { name of a key of a wrong type or '', epoch, event, number left out,
--           { id, ms left, entry or its length, id, ms left, ... } }
local leases, entries, state, events = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local lease_ms, most = tonumber(ARGV[2]), tonumber(ARGV[3])
local entry_limit, id_limit = tonumber(ARGV[4]), tonumber(ARGV[5])
local EPOCH_LIMIT = 64

local now = tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local running = '(' .. string.format('%.0f', now)

local function is_not(key, kind)
  local found = redis.call('TYPE', key).ok
  return found ~= 'none' and found ~= kind
end

if is_not(leases, 'zset') then return { leases, '', '', 0, {} } end
if is_not(entries, 'hash') then return { entries, '', '', 0, {} } end

local epoch, event, evicted = '', '0-0', false
if not is_not(state, 'hash') then
  evicted = redis.call('HGET', state, 'whole') == '1'
    and redis.call('EXISTS', leases, entries) < 2 -- see leases.lua
  epoch = string.sub(redis.call('HGET', state, 'epoch') or '', 1, EPOCH_LIMIT)
end
if not is_not(events, 'stream') then
  local last = redis.call('XREVRANGE', events, '+', '-', 'COUNT', 1)
  if last[1] then event = last[1][1] end
end
if evicted then return { '', '', event, 0, {} } end

local found = redis.call('ZRANGEBYSCORE', leases, running, '+inf', 'WITHSCORES', 'LIMIT', 0, most)
local left_out = redis.call('ZCOUNT', leases, running, '+inf') - #found / 2
local listed = {}
for place = 1, #found, 2 do
  local id, ends = found[place], tonumber(found[place + 1])
  -- The length first: what is too long is not even read.
  local entry = redis.call('HSTRLEN', entries, id)
  if entry > 0 and entry <= entry_limit then entry = redis.call('HGET', entries, id) end
  listed[#listed + 1] = string.sub(id, 1, id_limit + 1)
  listed[#listed + 1] = math.ceil(math.min(ends - now, lease_ms))
  listed[#listed + 1] = entry
end
return { '', epoch, event, left_out, listed }
