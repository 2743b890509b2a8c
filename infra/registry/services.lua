-- The list of services. Changes nothing.
--
-- KEYS  1 as in announce.lua
-- ARGV  1 now in ms, or 0 for this server's clock   2 names at most   3 characters of a name at most
-- Returns { name of the key where it is of a wrong type, or '', { name, ... } }
local services = KEYS[1]
local now, most, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local found = redis.call('TYPE', services).ok
if found ~= 'none' and found ~= 'zset' then return { services, {} } end
local names = redis.call('ZRANGEBYSCORE', services, '(' .. string.format('%.0f', now), '+inf',
  'LIMIT', 0, most)
for place, name in ipairs(names) do names[place] = string.sub(name, 1, limit + 1) end
return { '', names }
