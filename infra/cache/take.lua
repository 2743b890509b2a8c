-- See whether a value has come, and else take the lock for loading it.
--
-- KEYS: the value, its lock.  ARGV: our token, lease in ms, longest value in bytes,
--       SHA-1 of a value that is as good as none, or an empty text.
-- Returns the value; or 0: the lock is ours; or for how many ms more it is somebody else's.
--
-- Both in one step: a load that ended between two would be done again.

if redis.call('TYPE', KEYS[1]).ok == 'string'
    and redis.call('STRLEN', KEYS[1]) <= tonumber(ARGV[3]) then
  local value = redis.call('GET', KEYS[1])
  if value ~= '' and (ARGV[4] == '' or redis.sha1hex(value) ~= ARGV[4]) then
    return value
  end
end

if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return 0
end
local left_ms = redis.call('PTTL', KEYS[2])
if left_ms < 0 or left_ms > tonumber(ARGV[2]) then
  -- No lock of a cache has no end, or a later one: waiting for it would be waiting for a stranger.
  -- (Or for a process with a longer load_timeout_s, while versions change: then both load.)
  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
  return 0
end
return math.max(left_ms, 1)
