"""A real engine on the attacked course, whose sandboxes are watched, and what rows run on it."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from grading import setup
from grading.engine import Engine, Job
from grading.grader_process import InfrastructureError
from grading.sandboxes.base import SandboxUnavailable
from tests.attacks.rows.base import RIGHT, Row
from tests.attacks.seen import Seen
from tests.attacks.watch import WatchedPool

COURSE = Path(__file__).parent / "course"
STAGE = "01-attacks"
HEAD_START_S = 0.25
"""How long an accomplice beside a row has been started before it."""
VISIBLE = "#visible"
"""A text that begins so is graded by the visible tests."""
RUNTIMES = {"docker": "runc", "docker-runsc": "runsc"}
POOL_SIZE = {"bubblewrap": 3, "docker": 4}
CONTROL = {"victim": RIGHT, "sprint": "def product(x): return x @ x.T\n"}


class Harness:
    """One engine; rows run on it one after the other."""

    def __init__(self, backend: str, engine: Engine, pool: WatchedPool) -> None:
        self.backend, self.engine, self.pool = backend, engine, pool

    def grade(self, source: str, exercise: str = "victim", tests: str = "hidden") -> Seen:
        """Grade one submission and write down all that is to be seen of it."""
        seen = Seen()
        self.pool.lent_by[threading.get_ident()] = seen.sandboxes
        seed = int.from_bytes(os.urandom(7), "little")
        started = time.monotonic()
        try:
            for event in self.engine.grade(Job(f"{STAGE}/{exercise}", tests, source, seed)):
                seen.events.append(event)
        except (InfrastructureError, SandboxUnavailable, OSError, ValueError) as error:
            seen.fault = f"{type(error).__name__}: {error}"
        seen.seconds = time.monotonic() - started
        return seen

    def run(self, row: Row) -> tuple[Seen, Seen | None]:
        """Grade a row and its accomplice."""
        other: list[Seen] = []

        def grade_accomplice() -> None:
            tests = "visible" if row.accomplice.startswith(VISIBLE) else row.tests
            other.append(self.grade(row.accomplice, row.exercise, tests))

        if not row.accomplice:
            return self.grade(row.source, row.exercise, row.tests), None
        if not row.beside:
            grade_accomplice()
            return self.grade(row.source, row.exercise, row.tests), other[0]
        thread = threading.Thread(target=grade_accomplice)
        thread.start()
        time.sleep(HEAD_START_S)
        seen = self.grade(row.source, row.exercise, row.tests)
        thread.join()
        return seen, other[0]

    @contextlib.contextmanager
    def neighbour(self, wanted: bool) -> Iterator[list[Seen]]:
        """Grade a control submission at the same time, if that is wanted."""
        seen: list[Seen] = []
        if not wanted:
            yield seen
            return

        def grade_later() -> None:
            time.sleep(HEAD_START_S)
            seen.append(self.grade(CONTROL["victim"]))

        thread = threading.Thread(target=grade_later)
        thread.start()
        yield seen
        thread.join()

    def wait_until_full(self) -> None:
        """Wait until the pool is full, so that what this process holds can be counted."""
        self.wait_for(self.pool._size)

    def wait_for(self, sandboxes: int, timeout_s: float = 60.0) -> None:
        """Wait until so many sandboxes are warm, so that no row is judged by how long they take."""
        deadline = time.monotonic() + timeout_s
        while len(self.pool._warm) < sandboxes and time.monotonic() < deadline:
            time.sleep(0.01)


@contextlib.contextmanager
def harness(backend: str, patch: pytest.MonkeyPatch, size: int | None = None) -> Iterator[Harness]:
    """Make the engine that the site would make, on the attacked course, with a watched pool.

    Raises:
        SandboxUnavailable: this host can't run the backend's sandboxes.
    """
    if backend != "bubblewrap":
        from tools.sandbox_image import ensure

        ensure(settings.SANDBOX_IMAGE)
        patch.setattr(settings, "SANDBOX_DOCKER_RUNTIME", RUNTIMES[backend])
    patch.setattr(setup, "Pool", WatchedPool)
    patch.setattr("grading.sandboxes.pool.PATIENCE_S", 0.0)  # rows wait for the pool
    patch.setattr(settings, "EXERCISES_DIR", COURSE / "exercises")
    patch.setattr(settings, "GRADERS_DIR", COURSE / "graders")
    kind = "bubblewrap" if backend == "bubblewrap" else "docker"
    engine = setup.make_engine(size or POOL_SIZE[kind], kind)
    pool = engine._pool
    assert isinstance(pool, WatchedPool)
    try:
        yield Harness(backend, engine, pool)
    finally:
        engine.close()
