"""Warm sandboxes, started ahead of need, used once, replaced in the background."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time

from grading.sandboxes.base import Backend, Limits, Sandbox, SandboxUnavailable

READY = b"ready"
START_S = 60.0
TAKE_S = 90.0
RETRY_S = 1.0
MAX_FAILURES = 5


class Pool:
    """Keeps ``size`` sandboxes warm. Safe for threads.

    All sandboxes are started by one thread that lives as long as the pool: a sandbox dies with
    the thread that started it.
    """

    def __init__(self, backend: Backend, size: int) -> None:
        self._backend, self._size = backend, size
        self._warm: list[Sandbox] = []
        self._changed = threading.Condition()
        self._closing = False
        self._wanted = 0
        self._failure: str | None = None
        self._thread = threading.Thread(target=self._keep_full, name="sandbox-pool", daemon=True)
        self._thread.start()

    def take(self, limits: Limits, timeout_s: float = TAKE_S) -> Sandbox:
        """Return a warm sandbox with ``limits``; the caller kills it.

        Raises:
            SandboxUnavailable: none could be started in time; the text says why.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            self._wanted += 1
            self._changed.notify_all()
            try:
                sandbox = self._next(deadline)
            finally:
                self._wanted -= 1
        sandbox.resize(limits.memory_mib)
        return sandbox

    def _next(self, deadline: float) -> Sandbox:
        while True:
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
            if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                raise SandboxUnavailable("no sandbox became ready in time")

    def close(self) -> None:
        """End every sandbox that nobody has taken, and start no more."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _keep_full(self) -> None:
        failures = 0
        while True:
            with self._changed:
                while not self._closing and len(self._warm) >= max(self._size, self._wanted):
                    self._changed.wait()
                if self._closing:
                    break
            try:
                sandbox = self._start()
            except SandboxUnavailable as error:
                failures += 1
                with self._changed:
                    self._failure = str(error) if failures >= MAX_FAILURES else None
                    self._changed.notify_all()
                    self._changed.wait(RETRY_S)
                continue
            failures = 0
            with self._changed:
                self._failure = None
                self._warm.append(sandbox)
                self._changed.notify_all()
        for sandbox in self._warm:
            sandbox.kill()

    def _start(self) -> Sandbox:
        sandbox = self._backend.start(Limits())
        if not _wait_ready(sandbox.reader):
            sandbox.kill()
            raise SandboxUnavailable(
                "the sandbox ended before it was ready. If this host forbids user namespaces "
                "(sysctl kernel.apparmor_restrict_unprivileged_userns or user.max_user_namespaces), "
                "allow them or set SANDBOX_BACKEND=docker."
            )
        return sandbox


def _wait_ready(reader: int) -> bool:
    deadline, seen = time.monotonic() + START_S, b""
    while len(seen) < len(READY):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([reader], [], [], left)[0]:
            return False
        with contextlib.suppress(BlockingIOError):
            chunk = os.read(reader, len(READY) - len(seen))
            if not chunk:
                return False
            seen += chunk
    return seen == READY
