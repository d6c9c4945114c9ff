"""Recognise a mistake: the same test, on the same inputs, against the known wrong solutions.

These and the reference are the authors' own code, so they need no sandbox: they run in forks of
this process, behind the same agent and the same proxies as a submission, and leave traces as it
does. For this a failed test is run once more, as if no check had failed: so all its calls count as
evidence, and not only those before the first failure.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from curriculum.solutions import hint_of
from grading.grader.likeness import shows
from grading.grader.subject import Subject
from grading.remote.meter import Meter, MeteredStream, RunTime
from grading.remote.peer import GraderPeer
from grading.remote.trace import Trace
from grading.report import Diagnosed
from sandbox.stream import Disconnected, Stream
from submissions.verdicts import OutcomeKind

MAX_TESTS = 3
SOLUTION_S = 3.0


class Rerun(NamedTuple):
    """How a test ended on some solution, and what passed between them."""

    kind: str
    trace: Trace


class KnownSolution:
    """The author's own right or wrong code, ready to be tested."""

    def __init__(self, source: str, run: RunTime) -> None:
        self._pids: list[int] = []
        self.subject = Subject(self._fork, lambda _: self.close(), source, run, SOLUTION_S)

    def _fork(self, meter: Meter) -> GraderPeer:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            _serve(theirs)
        theirs.close()
        self._pids.append(pid)
        descriptor = ours.detach()
        return GraderPeer(MeteredStream(descriptor, descriptor, meter))

    def close(self) -> None:
        """End the forks."""
        for pid in self._pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self._pids.clear()


class Mistake(KnownSolution):
    """A wrong solution, and the hint in its docstring."""

    def __init__(self, path: Path, run: RunTime) -> None:
        source = path.read_text(encoding="utf-8")
        super().__init__(source, run)
        self.name, self.hint = path.stem, hint_of(source, path)


class Diagnosis:
    """What a submission's failed tests say about it. ``rerun`` runs a test on any subject."""

    def __init__(
        self,
        own: Subject,
        reference: str,
        mistakes: Sequence[Path],
        rerun: Callable[[pytest.Item, Subject], Rerun],
        run: RunTime,
    ) -> None:
        self._own, self._rerun = own, rerun
        self._reference = KnownSolution(reference, run)
        self._mistakes = [Mistake(path, run) for path in mistakes]

    def of(self, failed: list[pytest.Item], passed: list[pytest.Item]) -> Iterator[Diagnosed]:
        """Yield the mistake that a failed test shows, if one is known and no other fits as well."""
        with contextlib.ExitStack() as stack:
            for solution in (self._reference, *self._mistakes):
                stack.callback(solution.close)
            matches = {item.name: self._matches(item) for item in failed[:MAX_TESTS]}
            for name, found in matches.items():
                best = self._likeliest(found, list(matches.values()), passed)
                if best is not None:
                    yield Diagnosed(name, best.hint, best.name)

    def _matches(self, item: pytest.Item) -> list[Mistake]:
        mine = self._rerun(item, self._own)
        right = self._rerun(item, self._reference.subject)
        if mine.kind != OutcomeKind.WRONG_ANSWER or right.kind != OutcomeKind.PASSED:
            return []
        reruns = ((mistake, self._rerun(item, mistake.subject)) for mistake in self._mistakes)
        return [
            mistake
            for mistake, its in reruns
            if its.kind == mine.kind and shows(mine.trace, its.trace, right.trace)
        ]

    def _likeliest(
        self, found: list[Mistake], matches: list[list[Mistake]], passed: list[pytest.Item]
    ) -> Mistake | None:
        """Choose the mistake that explains most failures, then most of the passed tests.

        None if two that say different things explain as many.
        """
        found = _best(found, lambda mistake: sum(mistake in others for others in matches))
        if _agree(found):
            return next(iter(found), None)
        found = _best(found, lambda mistake: sum(self._passes(mistake, item) for item in passed))
        return found[0] if _agree(found) else None

    def _passes(self, mistake: Mistake, item: pytest.Item) -> bool:
        return self._rerun(item, mistake.subject).kind == OutcomeKind.PASSED


def _best(mistakes: list[Mistake], score: Callable[[Mistake], int]) -> list[Mistake]:
    scores = [score(mistake) for mistake in mistakes]
    most = max(scores, default=0)
    return [mistake for mistake, its in zip(mistakes, scores, strict=True) if its == most]


def _agree(mistakes: list[Mistake]) -> bool:
    return all(mistake.hint == mistakes[0].hint for mistake in mistakes)


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
