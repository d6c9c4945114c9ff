"""Recognise a mistake: the same test, on the same inputs, against the known wrong solutions.

A wrong solution is the authors' own code, so it needs no sandbox: it runs in a fork of this
process, behind the same agent and the same proxies as a submission, and leaves the same trace.
"""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

from curriculum.solutions import hint_of
from grading.grader.subject import Subject
from grading.remote.peer import GraderPeer
from sandbox.stream import Disconnected, Stream

MAX_TESTS = 3
MISTAKE_S = 3.0


class Mistake:
    """A wrong solution, ready to be tested, and the hint in its docstring."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        source = path.read_text(encoding="utf-8")
        self.hint = hint_of(source, path)
        self._pids: list[int] = []
        self.subject = Subject(self._fork, lambda _: self.close(), source, MISTAKE_S)

    def _fork(self) -> GraderPeer:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            _serve(theirs)
        theirs.close()
        self._pids.append(pid)
        descriptor = ours.detach()
        return GraderPeer(Stream(descriptor, descriptor))

    def close(self) -> None:
        """End the forks."""
        for pid in self._pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self._pids.clear()


def _serve(connection: socket.socket) -> None:
    """Be an agent until the grader hangs up; never return."""
    from sandbox.agent.service import Agent

    try:
        descriptor = connection.detach()
        agent = Agent(Stream(descriptor, descriptor))
        while True:
            agent.serve_one()
    except Disconnected:
        os._exit(0)
    except BaseException:  # noqa: BLE001  (a fork must never go on as the grader)
        os._exit(1)
