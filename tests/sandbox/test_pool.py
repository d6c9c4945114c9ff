"""When the pool starts sandboxes, with simulated sandboxes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from grading.sandboxes.base import Limits, SandboxUnavailable
from grading.sandboxes.pool import Pool
from sandbox.agent.fork_server import READY

SOON_S = 10.0
WHILE_S = 0.3


class Simulated:
    """Looks like a sandbox whose agent is warm after ``start_s``."""

    def __init__(self, start_s: float) -> None:
        self.reader, self._writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.ready_at = time.monotonic() + start_s
        self.pinned: list[set[int]] = []
        if start_s:
            timer = threading.Timer(start_s, self._say_ready)
            timer.daemon = True
            timer.start()
        else:
            self._say_ready()

    def _say_ready(self) -> None:
        os.write(self._writer, READY)

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

    def __init__(
        self, *, disturbs_timing: bool = True, broken: Exception | None = None, start_s: float = 0.0
    ) -> None:
        self.disturbs_timing, self.broken, self.start_s, self.started = (
            disturbs_timing,
            broken,
            start_s,
            0,
        )

    def start(self, limits: Limits) -> Simulated:
        if self.broken is not None:
            raise self.broken
        self.started += 1
        return Simulated(self.start_s)

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
    pool.keep_quiet({0})
    pool.take(Limits())
    pool.take(Limits())
    assert soon(backend, 2)
    pool.keep_quiet(None)
    assert soon(backend, 4)


def test_who_waits_is_served_while_speed_is_measured(pool, backend):
    pool.keep_quiet({0})
    assert [pool.take(Limits(), SOON_S).pinned for _ in range(3)] == [[], [], [{0}]]
    assert soon(backend, 3)


def test_with_a_core_to_spare_few_are_replaced_while_speed_is_measured(backend):
    pool = Pool(backend, 4, cores=3)
    try:
        assert soon(backend, 4)
        pool.keep_quiet({0})
        for _ in range(2):
            pool.take(Limits())
        assert soon(backend, 4)
        pool.take(Limits())
        assert soon(backend, 6)
        assert [pool.take(Limits()).pinned for _ in range(3)] == [[], [{0}], [{0}]]
    finally:
        pool.close()


@pytest.mark.parametrize(("cores", "started"), [(2, 4), (3, 5)])
def test_replacements_wait_for_a_quiet_moment_where_no_core_is_spare(
    monkeypatch, backend, cores, started
):
    monkeypatch.setattr("grading.sandboxes.pool.PATIENCE_S", 3600.0)
    pool = Pool(backend, 4, cores)
    try:
        assert soon(backend, 4)
        pool.take(Limits())
        assert soon(backend, started)
    finally:
        pool.close()


@pytest.mark.parametrize(("cores", "at_once"), [(2, 2), (8, 6)])
def test_as_many_start_at_once_as_there_are_spare_cores(cores, at_once):
    backend = Counting(start_s=3600.0)
    pool = Pool(backend, 16, cores)
    try:
        assert soon(backend, at_once)
    finally:
        pool.close()


@pytest.mark.slow
def test_one_timed_submission_a_second_waits_for_no_container_on_six_cores():
    """Containers here take their time as on a machine with as many cores, and no core: each of the
    two that a submission takes is warm before it is asked for."""
    pool = Pool(Counting(start_s=1.2), 4, cores=6)
    timing = threading.Lock()

    def grade() -> bool:
        asked = [time.monotonic()]
        lent = [pool.take(Limits())]
        time.sleep(0.3)  # the tests that aren't timed
        asked.append(time.monotonic())
        lent.append(pool.take(Limits()))
        with timing:
            pool.keep_quiet({0})
            time.sleep(0.7)
            pool.keep_quiet(None)
        return all(each.ready_at <= when for each, when in zip(lent, asked, strict=True))

    try:
        time.sleep(5.0)
        with ThreadPoolExecutor(4) as learners:
            found = []
            for _ in range(12):
                found.append(learners.submit(grade))
                time.sleep(1.0)
        assert [each.result() for each in found] == [True] * 12
    finally:
        pool.close()


def test_a_backend_that_disturbs_nobody_goes_on():
    backend = Counting(disturbs_timing=False)
    pool = Pool(backend, 2)
    try:
        assert soon(backend, 2)
        pool.keep_quiet({0})
        pool.take(Limits())
        assert soon(backend, 3)
    finally:
        pool.close()


@pytest.mark.parametrize(
    "error", [SandboxUnavailable("no room"), OSError("no room"), ValueError("no room")]
)
def test_who_waits_hears_why_none_can_be_started_and_later_ones_are(monkeypatch, error):
    monkeypatch.setattr("grading.sandboxes.pool.RETRY_S", 0.01)
    backend = Counting(broken=error)
    pool = Pool(backend, 1)
    try:
        with pytest.raises(SandboxUnavailable, match="no room"):
            pool.take(Limits(), SOON_S)
        backend.broken = None
        assert soon(backend, 1)
    finally:
        pool.close()


def test_who_waits_hears_that_the_pool_is_closed():
    backend = Counting(broken=SandboxUnavailable("no room"))
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


def test_descriptors_beyond_those_that_select_knows(high_descriptors):
    pool = Pool(Counting(start_s=0.1), 1)
    try:
        assert pool.take(Limits(), SOON_S).reader >= high_descriptors
    finally:
        pool.close()


def test_who_never_becomes_ready_is_given_up(monkeypatch):
    monkeypatch.setattr("grading.sandboxes.pool.START_S", 0.1)
    monkeypatch.setattr("grading.sandboxes.pool.RETRY_S", 0.01)
    pool = Pool(Counting(start_s=3600.0), 1)
    try:
        with pytest.raises(SandboxUnavailable, match="not ready in time"):
            pool.take(Limits(), SOON_S)
    finally:
        pool.close()


def test_who_fails_takes_nobody_along(monkeypatch):
    monkeypatch.setattr("grading.sandboxes.pool.RETRY_S", 0.01)
    ready, ended = Simulated(0.0), Simulated(3600.0)
    os.close(ended._writer)
    scripted = [ready, ended]
    backend = Counting()
    monkeypatch.setattr(backend, "start", lambda _: scripted.pop(0) if scripted else Simulated(0.0))
    pool = Pool(backend, 2)
    try:
        assert pool.take(Limits(), SOON_S) is ready
    finally:
        pool.close()
