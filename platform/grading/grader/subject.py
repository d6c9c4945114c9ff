"""The code under test, in whatever sandbox it currently lives."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from typing import Any

from grading.remote.peer import GraderPeer
from sandbox.errors import RemoteError
from sandbox.peer import Broken
from sandbox.stream import DeadlineExceeded, Disconnected
from sandbox.wire import ProtocolError

_FAULTS = (Broken, DeadlineExceeded, Disconnected, ProtocolError)


class Subject:
    """A submission loaded into a sandbox. ``connect`` opens a fresh one and returns its peer;
    ``disconnect`` ends it."""

    def __init__(
        self,
        connect: Callable[[], GraderPeer],
        disconnect: Callable[[GraderPeer], None],
        source: str,
        test_s: float,
    ) -> None:
        self._connect, self._disconnect = connect, disconnect
        self._source, self._test_s = source, test_s
        self._total_deadline: Callable[[], float] = lambda: math.inf
        self.peer: GraderPeer | None = None
        self.members: dict[str, Any] = {}

    def open(self) -> dict[str, Any]:
        """Load the source into a fresh sandbox; return its public callables by name.

        Raises:
            sandbox.errors.RemoteError: the source raised.
            ProtocolError: what came is no such answer.
        """
        self.close()
        self.peer = self._connect()
        self._arm()
        return self._load()

    def restart(self, limit: Callable[[GraderPeer], object]) -> None:
        """Load the source into a fresh process of the same sandbox; ``limit`` bounds it before."""
        self.peer = self.live_peer().restart()
        limit(self.peer)
        self._load()

    def _load(self) -> dict[str, Any]:
        assert self.peer is not None
        members = self.peer.request("load", self._source)
        if type(members) is not dict or not all(type(name) is str for name in members):
            self.peer.fault = ProtocolError("not a module's members")
            raise self.peer.fault
        self.members = members
        self.peer.name_members(members)
        return members

    def limit_total(self, deadline: Callable[[], float]) -> None:
        """Let no wait go beyond what ``deadline`` returns, a ``time.monotonic()`` value."""
        self._total_deadline = deadline

    def begin_test(self) -> GraderPeer:
        """Make ready for a test: a live sandbox, an empty trace, and the test's deadline."""
        if self.peer is None or self.peer.fault is not None:
            self.open()
        assert self.peer is not None
        self._arm()
        self.peer.begin_trace()
        return self.peer

    def live_peer(self) -> GraderPeer:
        """Return the peer of the sandbox that the source is loaded in."""
        if self.peer is None:
            raise RuntimeError("the submission isn't loaded")
        return self.peer

    def extend(self, seconds: float) -> None:
        """Give the current test ``seconds`` more: timing takes as long as it takes."""
        self.live_peer().stream.deadline = min(time.monotonic() + seconds, self._total_deadline())

    def end_test(self) -> None:
        """Drop what the test shared with the sandbox; one with a fault is ended at once, so that
        it keeps no core busy, and the next test gets another."""
        if self.peer is not None and self.peer.fault is None:
            with contextlib.suppress(*_FAULTS, RemoteError):
                self.peer.forget_modules()
        if self.peer is not None and self.peer.fault is not None:
            self.close()

    def close(self) -> None:
        """End the sandbox, if there is one."""
        if self.peer is not None:
            self._disconnect(self.peer)
            self.peer = None

    def _arm(self) -> None:
        assert self.peer is not None
        self.peer.stream.deadline = min(time.monotonic() + self._test_s, self._total_deadline())


class Submission:
    """The ``submission`` fixture: the learner's module as a test sees it."""

    def __init__(self, current: Callable[[], Subject]) -> None:
        self._current = current

    def __getattr__(self, name: str) -> Any:
        try:
            return self._current().members[name]
        except KeyError:
            raise AttributeError(f"the submission defines no {name}") from None
