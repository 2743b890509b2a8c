-- Keep a value that was loaded, and let go of the lock, if the lock still is ours.
--
-- KEYS: the value, its lock.  ARGV: our token, the value, its time to live in ms.
-- Returns 1 where it was kept, else 0.
--
-- The lock is not ours any more where the lease has ended, as after a long pause of the process, and
-- where the value was set or deleted meanwhile: what was loaded may be older than that.

-- pcall: a stranger may have put something else than text there, which is no token either.
if redis.pcall('GET', KEYS[2]) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
return 1
