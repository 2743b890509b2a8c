-- Puts a service on the list of services, for the time of a lease.
--
-- KEYS  1 services  ZSET  name -> end of its lease, in ms by this server's clock
-- ARGV  1 name   2 now in ms, or 0 for this server's clock   3 lease_ms   4 kept_ms
-- Returns 1 where the key had to be mended, else 0.
local services, name = KEYS[1], ARGV[1]
local now, lease_ms, kept_ms = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local mended = 0
local found = redis.call('TYPE', services).ok
if found ~= 'none' and found ~= 'zset' then
  redis.call('DEL', services)
  mended = 1
end
-- Those of the past, and those that no announcement of ours can have put there.
redis.call('ZREMRANGEBYSCORE', services, '-inf', string.format('%.0f', now))
redis.call('ZREMRANGEBYSCORE', services, '(' .. string.format('%.0f', now + lease_ms), '+inf')
redis.call('ZADD', services, string.format('%.0f', now + lease_ms), name)
redis.call('PEXPIRE', services, kept_ms)
return mended
