"""Warm sandboxes, started ahead of need, used once, replaced in the background."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import wait

from grading.sandboxes.base import Backend, Limits, Sandbox, SandboxUnavailable
from sandbox.agent.fork_server import READY

log = logging.getLogger(__name__)

START_S = 60.0
TAKE_S = 90.0
RETRY_S = 1.0
MAX_FAILURES = 5
POLL_S = 0.2
BUSY_CORES = 2
"""What gradings keep busy: the core where speed is measured, and one for all else. Any other is
spare, and may start sandboxes meanwhile."""
MIN_STARTING = 2
PATIENCE_S = 1.0
"""How long the replacement of a used sandbox waits for others to be done, if no core is spare."""


class Pool:
    """Keeps ``size`` sandboxes warm, on a host with ``cores``. Safe for threads.

    All sandboxes are started by one thread that lives as long as the pool: they die with the
    thread that started them.
    """

    def __init__(self, backend: Backend, size: int, cores: int = BUSY_CORES) -> None:
        self._backend, self._size = backend, size
        self._spare_cores = max(0, cores - BUSY_CORES)
        self._warm: list[Sandbox] = []
        self._changed = threading.Condition()
        self._closing = False
        self._wanted = 0
        self._quiet_at = 0.0
        self._starting: list[_Starting] = []
        self._kept_to: set[int] | None = None
        self._failure: str | None = None
        self._thread = threading.Thread(target=self._keep_full, name="sandbox-pool", daemon=True)
        self._thread.start()

    def take(
        self,
        limits: Limits,
        timeout_s: float = TAKE_S,
        check: Callable[[], None] = lambda: None,
    ) -> Sandbox:
        """Return a warm sandbox with ``limits``; the caller kills it.

        While there is none, ``check`` is called now and then; what it raises ends the wait.

        Raises:
            SandboxUnavailable: none could be started in time; the text says why.
        """
        deadline = time.monotonic() + timeout_s
        with self._waiter():
            while (sandbox := self._next(deadline)) is None:
                check()
        sandbox.resize(limits.memory_mib)
        return sandbox

    @contextlib.contextmanager
    def _waiter(self) -> Iterator[None]:
        with self._changed:
            self._wanted += 1
            self._quiet_at = time.monotonic() + PATIENCE_S
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._wanted -= 1

    def _next(self, deadline: float) -> Sandbox | None:
        """Return a warm sandbox; None when a little later there still is none."""
        with self._changed:
            if not self._warm and self._failure is None and not self._closing:
                self._changed.wait(min(POLL_S, max(0.0, deadline - time.monotonic())))
            while self._warm:
                sandbox = self._warm.pop(0)
                self._changed.notify_all()
                if sandbox.alive():
                    return sandbox
                sandbox.kill()
            if self._failure is not None:
                raise SandboxUnavailable(self._failure)
            if self._closing:
                raise SandboxUnavailable("the pool is closed")
            if time.monotonic() > deadline:
                raise SandboxUnavailable("no sandbox became ready in time")
            return None

    def keep_quiet(self, cpus: set[int] | None) -> None:
        """Speed is measured on other cores than ``cpus`` now; with None, that is over.

        Start no sandbox whose start disturbs timing, unless somebody waits for it or, with a core
        to spare, few are left; and keep to ``cpus`` those that are starting.
        """
        if not self._backend.disturbs_timing:
            return
        with self._changed:
            self._kept_to = cpus
            self._changed.notify_all()
            for each in [*self._starting]:
                each.sandbox.pin(cpus or os.sched_getaffinity(0))

    def close(self) -> None:
        """End every sandbox that nobody has taken, and start no more."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _keep_full(self) -> None:
        failures = 0
        while self._wait_for_work():
            try:
                self._start_missing()
                if self._take_ready():
                    failures = 0
            except Exception as error:
                # Whoever takes waits for this thread: a fault of ours is not to end it; and what a
                # full host lacks comes back.
                failures += 1
                log.warning("pool.failed times=%d", failures, exc_info=error)
                self._fail(str(error) or repr(error) if failures >= MAX_FAILURES else None)
        for sandbox in [*self._warm, *(each.sandbox for each in self._starting)]:
            with contextlib.suppress(Exception):  # the others are to end, too
                sandbox.kill()
        self._backend.close()

    def _start_missing(self) -> None:
        at_once = max(MIN_STARTING, self._spare_cores)
        while len(self._starting) < min(self._missing(), at_once):
            self._begin(self._backend.start(Limits()))

    def _take_ready(self) -> bool:
        """Wait a little for those that are starting; return whether one became warm.

        Raises:
            SandboxUnavailable: one never will be; it is dropped.
        """
        readable = wait([each.sandbox.reader for each in self._starting], POLL_S)
        became_warm = False
        for each in [*self._starting]:
            try:
                if not each.ready(readable=each.sandbox.reader in readable):
                    continue
            except Exception:
                self._starting.remove(each)
                each.sandbox.kill()
                raise
            self._starting.remove(each)
            self._add(each.sandbox)
            became_warm = True
        return became_warm

    def _missing(self) -> int:
        """Return how many sandboxes to start now. While at least half are left, their replacements
        wait until no speed is measured and, where no core is spare, for a quiet moment."""
        with self._changed:
            missing = max(self._size, self._wanted) - len(self._warm)
            half_full = len(self._warm) - self._wanted >= self._size // 2
            if self._kept_to is not None and (half_full or not self._spare_cores):
                return self._wanted - len(self._warm)
            quiet = self._spare_cores or time.monotonic() >= self._quiet_at
            return missing if quiet or not half_full else 0

    def _begin(self, sandbox: Sandbox) -> None:
        with self._changed:
            self._starting.append(_Starting(sandbox))
            if self._kept_to is not None:
                sandbox.pin(self._kept_to)

    def _wait_for_work(self) -> bool:
        """Sleep until a sandbox is missing; return False once the pool is closing."""
        with self._changed:
            while not self._starting and not self._closing and self._missing() <= 0:
                full = len(self._warm) >= max(self._size, self._wanted)
                self._changed.wait(None if full or self._kept_to is not None else POLL_S)
            return not self._closing

    def _fail(self, reason: str | None) -> None:
        with self._changed:
            self._failure = reason
            self._changed.notify_all()
            self._changed.wait(RETRY_S)

    def _add(self, warm: Sandbox) -> None:
        with self._changed:
            self._failure = None
            self._warm.append(warm)
            self._changed.notify_all()


class _Starting:
    """A sandbox whose agent isn't ready yet."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._seen = b""
        self._deadline = time.monotonic() + START_S

    def ready(self, *, readable: bool) -> bool:
        """Read what has come, if something has; return whether the agent is warm.

        Raises:
            SandboxUnavailable: it ended, or it takes too long.
        """
        if time.monotonic() > self._deadline:
            raise SandboxUnavailable("the sandbox was not ready in time")
        if readable:
            with contextlib.suppress(BlockingIOError):
                chunk = os.read(self.sandbox.reader, len(READY) - len(self._seen))
                self._seen += chunk
                if not chunk:
                    raise SandboxUnavailable("the sandbox ended before it was ready")
        return self._seen == READY
