"""What a grader process asks for while it grades, and how it is answered."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from grading.grader_process import Grader, GraderEnded, InfrastructureError
from grading.sandboxes import processes
from grading.sandboxes.base import Limits, Sandbox, SandboxUnavailable
from submissions.verdicts import OutcomeKind

if TYPE_CHECKING:
    from grading.engine import Engine

log = logging.getLogger(__name__)

POLL_S = 0.2
MAX_SANDBOXES = 16
"""So many are lent to one grading at once."""
END_S = 2.0
"""So long the next grading waits for this one's sandboxes to be gone; then they go beside it."""
_CHUNK = 1 << 16


class GraderConnection:
    """One grader process being served: what it asks for is done here.

    ``check`` raises when the run was cancelled: whatever waits calls it now and then.
    """

    def __init__(
        self,
        engine: Engine,
        grader: Grader,
        limits: Limits,
        check: Callable[[], None],
    ) -> None:
        self.sandboxes: dict[int, Sandbox] = {}
        self.lent = 0
        """How many sandboxes it was lent so far: the number of the next."""
        self.first_sandbox: dict[str, Any] | None = None
        self.check = check
        self.waited = {"sandboxes": 0.0, "timing_core": 0.0}
        self.grader = grader
        self._engine, self._limits = engine, limits
        self._timing, self._pinned = False, list[int]()
        self._line = grader.line
        self._ending = list[threading.Thread]()

    def tell(self, message: dict[str, Any], descriptors: list[int] | None = None) -> None:
        """Send one line to the grader."""
        data = json.dumps(message).encode() + b"\n"
        try:
            sent = socket.send_fds(self._line, [data], descriptors or [])
            if sent < len(data):  # with nothing left it would fail when the grader has hung up
                self._line.sendall(data[sent:])
        except OSError as error:
            raise self.grader.ended() from error

    def messages(self, deadline: float) -> Iterator[dict[str, Any]]:
        """Yield the grader's events until nothing more follows the verdict; answer its questions
        in between. What goes wrong after the verdict is logged."""
        graded = False
        try:
            for line in self._lines(deadline):
                message: dict[str, Any] = json.loads(line)
                if "ask" in message:
                    self._answer(message)
                elif message["event"] == "fault":
                    if message["memory"]:
                        raise GraderEnded(message["message"], OutcomeKind.MEMORY_LIMIT)
                    raise InfrastructureError(message["message"])
                else:
                    yield message
                    if message["event"] == "Graded":
                        graded = True
                        if not message["more_follows"]:
                            return
        except (InfrastructureError, SandboxUnavailable, OSError) as error:
            if not graded:
                raise
            log.warning("grade.unexplained error=%s", error)
        if not graded:
            raise self.grader.ended()

    def _lines(self, deadline: float) -> Iterator[bytes]:
        buffer = b""
        while True:
            readable = wait([self._line], POLL_S)
            self.check()
            if time.monotonic() > deadline + sum(self.waited.values()):
                raise GraderEnded("the grader process took too long", OutcomeKind.TIME_LIMIT)
            if not readable:
                continue
            try:
                data = self._line.recv(_CHUNK)
            except ConnectionError:  # it ended with something unread
                return
            if not data:
                return
            *lines, buffer = (buffer + data).split(b"\n")
            yield from lines

    def _answer(self, question: dict[str, Any]) -> None:
        match question["ask"]:
            case "sandbox":
                self._lend()
            case "reason":
                reason = self.sandboxes[question["number"]].exit_reason()
                self.tell({"reason": reason or ""})
            case "cpu":
                self.tell({"seconds": self.sandboxes[question["number"]].cpu_s()})
            case "delayed":
                pids = self.sandboxes[question["number"]].pids()
                self.tell({"seconds": processes.delayed_s(pids)})
            case "end":
                self._ending.append(self._engine.end(question["number"], self))
            case "pin":
                self._pinned = question["numbers"]
                self._pin()
                self.tell({})
            case "give_way":
                self._give_way()
                self.tell({})
            case "turn" if self._timing:
                moved = self._engine.turn(self.sandboxes[question["number"]])
                numbers = [number for number, each in self.sandboxes.items() if each in moved]
                self.tell({"moved": numbers})
            case "unpin":
                self._unpin()
                self.tell({})

    def _lend(self) -> None:
        if len(self.sandboxes) >= MAX_SANDBOXES:
            raise InfrastructureError("the grader asked for too many sandboxes")
        with self._waiting("sandboxes"):
            sandbox = self._engine.take(self._limits, self)
        self.first_sandbox = self.first_sandbox or sandbox.describe()
        self.tell({"number": self.lent}, [sandbox.reader, sandbox.writer])
        self.lent += 1

    @contextlib.contextmanager
    def _waiting(self, what: str) -> Iterator[None]:
        """Count how long the grader waits for others: that is not its submission's time."""
        started = time.monotonic()
        yield
        self.waited[what] += time.monotonic() - started

    def _pin(self) -> None:
        self._unpin()
        with self._waiting("timing_core"):
            timed = [self.sandboxes[number] for number in self._pinned]
            self._engine.begin_timing(timed, self.check)
        self._timing = True

    def _give_way(self) -> None:
        """Let those have the timing core who wait for it, and take it again after them."""
        if self._timing and self._engine.timing_is_wanted():
            self._unpin()
            with self._waiting("timing_core"):
                while self._engine.timing_is_wanted():
                    self.check()
                    time.sleep(POLL_S / 4)
            self._pin()

    def close(self) -> None:
        """Give back all that the grader still has."""
        try:
            self._unpin()
        finally:
            self._ending += [self._engine.end(number, self) for number in list(self.sandboxes)]
        until = time.monotonic() + END_S
        for thread in self._ending:
            thread.join(max(0.0, until - time.monotonic()))

    def _unpin(self) -> None:
        if self._timing:
            self._timing = False
            self._engine.end_timing()
