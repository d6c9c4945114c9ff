"""One subscription to Redis for a whole web process, heard by all its event streams."""

from __future__ import annotations

import asyncio
import contextlib
import resource
from collections import defaultdict
from collections.abc import Iterator
from weakref import WeakKeyDictionary

import redis.asyncio
from django.conf import settings
from redis.asyncio.client import PubSub

from submissions.queue import channel

WAIT_S = 15.0
MAX_CONNECTIONS = 8
"""To Redis, the subscription among them."""


class Bell:
    """What one stream waits at. It rings for changes, and tells no number of them."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._is_dead = False

    def ring(self) -> None:
        """Wake the stream."""
        self._rung.set()

    def die(self) -> None:
        """Nothing will ring any more."""
        self._is_dead = True
        self._rung.set()

    async def heard(self, within_s: float) -> bool:
        """Return whether it rings within so many seconds, or rang since this was last asked.

        Raises:
            RedisError: the subscription is lost.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._rung.wait()
        if self._is_dead:
            raise redis.ConnectionError("the subscription is lost")
        rang = self._rung.is_set()
        self._rung.clear()
        return rang


class Hub:
    """The streams of one event loop, and what they share."""

    def __init__(self) -> None:
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            settings.REDIS_URL,
            max_connections=MAX_CONNECTIONS,
            timeout=2,
            socket_connect_timeout=1,
            socket_timeout=2,
        )
        self.redis = redis.asyncio.Redis.from_pool(pool)
        self._bells: defaultdict[str, set[Bell]] = defaultdict(set)
        self._opening = asyncio.Lock()
        self._reader: asyncio.Task[None] | None = None

    @property
    def streams(self) -> int:
        """How many streams listen."""
        return sum(map(len, self._bells.values()))

    async def open(self) -> None:
        """Subscribe, unless that has been done.

        Raises:
            RedisError: there is no Redis.
        """
        async with self._opening:
            if self._is_open:
                return
            subscription = self.redis.pubsub(ignore_subscribe_messages=True)
            try:
                await subscription.psubscribe(channel("*"))
            except BaseException:
                await subscription.aclose()  # type: ignore[no-untyped-call]
                raise
            self._reader = asyncio.create_task(self._read(subscription))

    @contextlib.contextmanager
    def listen(self, name: str) -> Iterator[Bell]:
        """Give a bell that rings for the messages of a channel.

        Raises:
            RedisError: the subscription was lost since ``open``.
        """
        if not self._is_open:
            raise redis.ConnectionError("the subscription is lost")
        bell = Bell()
        self._bells[name].add(bell)
        try:
            yield bell
        finally:
            self._bells[name].discard(bell)
            if not self._bells[name]:
                del self._bells[name]

    @property
    def _is_open(self) -> bool:
        return self._reader is not None and not self._reader.done()

    async def _read(self, subscription: PubSub) -> None:
        try:
            async with subscription:
                while True:
                    message = await subscription.get_message(timeout=WAIT_S)
                    if message:
                        for bell in self._bells.get(message["channel"].decode(), ()):
                            bell.ring()
        except redis.RedisError:
            pass  # browsers connect again, or pages poll
        finally:
            for bells in self._bells.values():
                for bell in bells:
                    bell.die()


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """Return the hub of the running loop; a web process has one."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]


def most_streams() -> int:
    """Return how many streams a process may hold: half the files that it may open.

    The other half is for pages, whoever's they are.
    """
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2
