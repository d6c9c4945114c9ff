"""When the pool starts sandboxes, with sandboxes that are ready at once."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest

from grading.sandboxes.base import Limits, SandboxUnavailable
from grading.sandboxes.pool import Pool
from sandbox.agent.forks import READY

SOON_S = 10.0
WHILE_S = 0.3


class Ready:
    """Looks like a sandbox whose agent is warm."""

    def __init__(self) -> None:
        self.reader, writer = os.pipe()
        os.write(writer, READY)
        os.close(writer)
        self.pinned: list[set[int]] = []

    def pin(self, cpus: set[int]) -> None:
        self.pinned.append(cpus)

    def alive(self) -> bool:
        return True

    def resize(self, memory_mib: int) -> None:
        pass

    def kill(self) -> None:
        pass


class Counting:
    """A backend that counts what it starts."""

    def __init__(self, *, loud: bool = True, broken: bool = False) -> None:
        self.loud, self.broken, self.started = loud, broken, 0

    def start(self, limits: Limits) -> Ready:
        if self.broken:
            raise SandboxUnavailable("no room")
        self.started += 1
        return Ready()

    def close(self) -> None:
        pass


@pytest.fixture
def backend() -> Counting:
    return Counting()


@pytest.fixture
def pool(backend: Counting) -> Iterator[Pool]:
    made = Pool(backend, 2)
    assert soon(backend, 2)
    yield made
    made.close()


def soon(backend: Counting, started: int) -> bool:
    """Whether as many sandboxes were started, a moment from now and no more after it."""
    deadline = time.monotonic() + SOON_S
    while backend.started < started and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(WHILE_S)
    return backend.started == started


def test_what_was_taken_is_replaced(pool, backend):
    pool.take(Limits())
    assert soon(backend, 3)


def test_nothing_is_replaced_while_speed_is_measured(pool, backend):
    pool.hush({0})
    pool.take(Limits())
    pool.take(Limits())
    assert soon(backend, 2)
    pool.hush(None)
    assert soon(backend, 4)


def test_who_waits_is_served_while_speed_is_measured(pool, backend):
    pool.hush({0})
    assert [pool.take(Limits(), SOON_S).pinned for _ in range(3)] == [[], [], [{0}]]
    assert soon(backend, 3)


def test_a_backend_that_disturbs_nobody_goes_on():
    backend = Counting(loud=False)
    pool = Pool(backend, 2)
    try:
        assert soon(backend, 2)
        pool.hush({0})
        pool.take(Limits())
        assert soon(backend, 3)
    finally:
        pool.close()


def test_who_waits_hears_why_none_can_be_started(monkeypatch):
    monkeypatch.setattr("grading.sandboxes.pool.RETRY_S", 0.01)
    pool = Pool(Counting(broken=True), 1)
    try:
        with pytest.raises(SandboxUnavailable, match="no room"):
            pool.take(Limits(), SOON_S)
    finally:
        pool.close()


def test_who_waits_hears_that_the_pool_is_closed():
    backend = Counting(broken=True)
    pool = Pool(backend, 1)
    said: list[str] = []

    def wait() -> None:
        with pytest.raises(SandboxUnavailable) as raised:
            pool.take(Limits(), SOON_S)
        said.append(str(raised.value))

    waiting = threading.Thread(target=wait)
    waiting.start()
    pool.close()
    waiting.join()
    assert said == ["the pool is closed"]
