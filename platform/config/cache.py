"""The cache: Redis, which may be away, and no pickles in it."""

from __future__ import annotations

import json
import logging
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache
from redis import RedisError

log = logging.getLogger(__name__)


class Json:
    """Whoever could write to Redis must not be able to run code here."""

    def dumps(self, value: Any) -> bytes:
        """Return ``value`` as text."""
        return json.dumps(value).encode()

    def loads(self, data: bytes) -> Any:
        """Return what was in a text."""
        return json.loads(data)


class Cache(RedisCache):
    """A cache that is empty and takes nothing while Redis is away: no request fails by it.

    django-redis has the like, but its ``add`` says None then, and allauth's rate limits wait for
    more.
    """

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return what is kept, else ``default``."""
        try:
            return super().get(key, default, version)
        except RedisError as error:
            return self._away(error, default)

    def set(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        """Keep ``value``."""
        try:
            super().set(key, value, timeout, version)
        except RedisError as error:
            self._away(error, None)

    def add(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        """Keep ``value`` if there is none; return whether there was none."""
        try:
            return bool(super().add(key, value, timeout, version))
        except RedisError as error:
            return bool(self._away(error, True))

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Keep nothing any more; return whether there was something."""
        try:
            return bool(super().delete(key, version))
        except RedisError as error:
            return bool(self._away(error, False))

    def _away(self, error: RedisError, instead: Any) -> Any:
        log.warning("cache.away error=%s", type(error).__name__)
        return instead
