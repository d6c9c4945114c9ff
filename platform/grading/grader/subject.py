"""The code under test, in whatever sandbox it currently lives."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from grading.remote.meter import Meter, RunTime
from grading.remote.peer import GraderPeer
from sandbox.errors import RemoteError
from sandbox.peer import Broken
from sandbox.stream import DeadlineExceeded, Disconnected
from sandbox.wire import ProtocolError

_FAULTS = (Broken, DeadlineExceeded, Disconnected, ProtocolError)


class Subject:
    """A submission loaded into a sandbox, which takes at most ``load_s``.

    ``connect`` opens a fresh sandbox and returns its peer, whose waits the meter measures;
    ``disconnect`` ends it.
    """

    def __init__(
        self,
        connect: Callable[[Meter], GraderPeer],
        disconnect: Callable[[GraderPeer], None],
        source: str,
        run: RunTime,
        load_s: float,
    ) -> None:
        self._connect, self._disconnect = connect, disconnect
        self._source, self._load_s = source, load_s
        self._meter = Meter(run, load_s)
        self.peer: GraderPeer | None = None
        self.members: dict[str, Any] = {}

    def open(self) -> dict[str, Any]:
        """Load the source into a fresh sandbox; return its public callables by name.

        Raises:
            sandbox.errors.RemoteError: the source raised.
            ProtocolError: what came is no such answer.
        """
        self.close()
        self._meter.allow(self._load_s)
        self.peer = self._connect(self._meter)
        self.peer.outstanding = self._meter.asking
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

    def begin_test(self, seconds: float) -> GraderPeer:
        """Make ready for a test: a live sandbox, an empty trace, and ``seconds`` for its calls."""
        if self.peer is None or self.peer.fault is not None:
            self.open()
        assert self.peer is not None
        self._meter.allow(seconds)
        self.peer.begin_trace()
        return self.peer

    def live_peer(self) -> GraderPeer:
        """Return the peer of the sandbox that the source is loaded in."""
        if self.peer is None:
            raise RuntimeError("the submission isn't loaded")
        return self.peer

    def extend(self, seconds: float) -> None:
        """Give the current test ``seconds`` more: timing takes as long as it takes."""
        self._meter.extend(seconds)

    def end_test(self) -> None:
        """Drop what the test shared with the sandbox; one with a fault is ended at once, so that
        it keeps no core busy, and the next test gets another."""
        if self.peer is not None and self.peer.fault is None:
            with contextlib.suppress(*_FAULTS, RemoteError):
                self.peer.end_test()
        if self.peer is not None and self.peer.fault is not None:
            self.close()

    def close(self) -> None:
        """End the sandbox, if there is one."""
        if self.peer is not None:
            self._meter.part()
            self._disconnect(self.peer)
            self.peer = None


class Submission:
    """The ``submission`` fixture: the learner's module as a test sees it."""

    def __init__(self, current: Callable[[], Subject]) -> None:
        self._current = current

    def __getattr__(self, name: str) -> Any:
        try:
            return self._current().members[name]
        except KeyError:
            raise AttributeError(f"the submission defines no {name}") from None
