-- Let go of a lock, if it still is ours: nothing was loaded.
--
-- KEYS: the lock.  ARGV: our token.  Returns 1 where it was ours, else 0.

if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
