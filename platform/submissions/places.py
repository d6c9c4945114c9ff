"""How many event streams one person may hold, in all web processes together."""

from __future__ import annotations

import redis.asyncio

MAX_STREAMS = 5
"""A browser gives a site six connections; the pages of any further tab poll."""

# By Redis' clock: web processes may run on several hosts. A place that nobody keeps falls free, so
# a killed process locks nobody out.
_KEEP = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. now)
local taken = redis.call('ZCARD', KEYS[1])
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and taken >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[1])
redis.call('EXPIRE', KEYS[1], 2 * tonumber(ARGV[3]))
return 1
"""


class Place:
    """One of a person's places, taken or not yet."""

    def __init__(
        self, connection: redis.asyncio.Redis, person: object, name: str, lease_s: int
    ) -> None:
        self._redis, self._key, self._name = connection, f"streams:{person}", name
        self._lease_s = lease_s

    async def keep(self) -> bool:
        """Take the place, or keep it for another lease; return False where all are taken.

        Raises:
            RedisError: there is no Redis.
        """
        script = self._redis.register_script(_KEEP)
        return bool(await script(keys=[self._key], args=[self._name, MAX_STREAMS, self._lease_s]))

    async def leave(self) -> None:
        """Give the place back.

        Raises:
            RedisError: there is no Redis; the lease will end.
        """
        await self._redis.zrem(self._key, self._name)
