-- Set a value, and take the lock from whoever is loading it: what they bring may be older.
--
-- KEYS: the value, its lock.  ARGV: the value, its time to live in ms.

redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('DEL', KEYS[2])
return 1
