"""One grading from load to verdict, in a process of its own."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grading import messages
from grading.checks import CheckFailed
from grading.grader import faults
from grading.grader.notebook import run_notebook, try_lines
from grading.grader.sides import Side, Sides, played_by
from grading.grader.subject import Subject
from grading.grader.worker_line import Lease, WorkerLine
from grading.remote.meter import Meter, MeteredStream, RunTime, TotalTimeLimit
from grading.remote.peer import GraderPeer
from grading.report import CaseResult, Graded, verdict_of
from sandbox.errors import RemoteError
from sandbox.stream import DeadlineExceeded, Disconnected
from sandbox.wire import ProtocolError
from submissions.verdicts import OutcomeKind, Verdict

PYTEST_OPTIONS = (
    *("-q", "-s", "--noconftest", "--import-mode=importlib", "--assert=plain", "-W", "ignore"),
    *("-c", os.devnull, "--continue-on-collection-errors"),
    *(f"-pno:{name}" for name in ("cacheprovider", "unraisableexception", "threadexception")),
    *(f"-pno:{name}" for name in ("faulthandler", "logging", "junitxml", "doctest", "unittest")),
)
LEAST_TEST_S = 1.0
LATER_TESTS = 5.0
"""Once a test has met its limit, the others get this part of it, then half of that, and so on."""
MOST_LIMITS = 5
"""After so many tests that met their limit, no further ones are run."""


class Session:
    """The spec, its submission, and what came out so far."""

    def __init__(self, worker: WorkerLine) -> None:
        self.worker = worker
        self.spec = worker.job_spec()
        self.outcomes: list[CaseResult] = []
        self._began = self._loaded = time.monotonic()
        self._concluded = False
        self.fault: faults.GraderFault | None = None
        self.run_time = RunTime(self.spec.total_s, self.spec.most_s)
        self._leases: dict[int, Lease] = {}
        self._timed: list[Subject] = []
        self.subject = self._subject(self.spec.source)
        self._limits = faults.Limits(self.spec.total_s, self.spec.memory_mib)

    def _subject(self, source: str) -> Subject:
        return Subject(self._connect, self._disconnect, source, self.run_time, self.spec.test_s)

    def fresh_subject(self) -> Subject:
        """Return an empty module that will live in a sandbox of its own."""
        return self._subject("")

    def test_s(self) -> float:
        """Return how long the next test may take. Who has met that limit waits less for the rest:
        as long as right code needs, so that one endless loop costs neither points nor patience.

        Raises:
            NotRun: there is no time left for it.
        """
        met = sum(outcome.kind == OutcomeKind.TIME_LIMIT for outcome in self.outcomes)
        if self.run_time.over:
            raise faults.NotRun(messages.total_limit(self.spec.total_s), OutcomeKind.TIME_LIMIT)
        if met >= MOST_LIMITS:
            raise faults.NotRun(messages.MANY_LIMITS)
        if not met:
            return self.spec.test_s
        return max(LEAST_TEST_S, self.spec.test_s / LATER_TESTS / 2.0 ** (met - 1))

    def _connect(self, meter: Meter) -> GraderPeer:
        lease = self.worker.take()
        meter.cpu_s = lambda: self.worker.cpu_s(lease)
        meter.delayed_s = lambda: self.worker.delayed_s(lease)
        peer = GraderPeer(MeteredStream(lease.reader, lease.writer, meter))
        with _ours("a sandbox failed before it had any code"):
            return self._limited(peer, lease)

    def _disconnect(self, peer: GraderPeer) -> None:
        self.worker.end(self._leases.pop(id(peer)))

    def _limited(self, peer: GraderPeer, lease: Lease) -> GraderPeer:
        self._leases[id(peer)] = lease
        peer.request("limit", self.spec.memory_mib, self.spec.gpu_mib)
        return peer

    def lease_of(self, subject: Subject) -> Lease:
        """Return the sandbox that ``subject`` lives in."""
        assert subject.peer is not None
        return self._leases[id(subject.peer)]

    def fault_of(self, subject: Subject, error: BaseException | None) -> faults.Fault | None:
        """Return what a test's end means; a dead sandbox outweighs what the test made of it."""
        peer = subject.peer
        if peer is not None and not isinstance(error, faults.NotRun):
            ended = faults.of_sandbox(peer, self._reason(subject), self._limits)
            if ended is not None:
                return ended
        return None if error is None else faults.of_test(error, peer, self._limits)

    def _reason(self, subject: Subject) -> str:
        lease = self._leases.get(id(subject.peer))
        assert subject.peer is not None
        if lease is None or not isinstance(subject.peer.fault, Disconnected):
            return ""
        return self.worker.exit_reason(lease)

    def output_of(self, peer: GraderPeer | None) -> str:
        """Return what the learner's code printed during the test, fit to be shown."""
        return messages.clean(peer.take_output(), 16_384) if peer else ""

    @contextlib.contextmanager
    def sides(self) -> Iterator[Callable[[str], Sides]]:
        """Give ``speed`` the submission and the reference, each in its sandbox, on one core.

        With a rival, that one stands between them.
        """
        opened: list[Subject] = []

        def side(subject: Subject, name: str) -> Side:
            lease = self.lease_of(subject)

            def current() -> tuple[GraderPeer, Any]:
                if name not in subject.members:
                    raise CheckFailed(messages.missing_entry([name], subject.members))
                return subject.live_peer(), subject.members[name]

            def restart() -> None:
                if self.spec.gpu_mib:  # a new context on a GPU takes half a second
                    return
                honest = subject is self._timed[-1]
                blame = _ours("the reference's sandbox failed")
                with blame if honest else contextlib.nullcontext():
                    subject.restart(lambda peer: self._limited(peer, lease))

            return Side(current, restart, lambda: self._turn(lease))

        def open_sides(name: str) -> Sides:
            opened.extend(self._opponents())
            subjects = [self.subject, *opened]
            self._timed = subjects
            self.worker.pin([self.lease_of(subject) for subject in subjects])
            self._extend()
            sides = []
            for which, subject in enumerate(subjects):
                with played_by(which, duel=bool(self.spec.rival)):
                    sides.append(side(subject, name))
            return sides

        try:
            yield open_sides
        finally:
            if opened:
                self.worker.unpin()
            for opponent in opened:
                opponent.close()

    def _turn(self, lease: Lease) -> None:
        if moved := self.worker.turn(lease):
            leases = [self.lease_of(subject).number for subject in self._timed]
            raise faults.Disturbed(leases.index(moved[0]))

    def give_way(self) -> None:
        """Let others have the core for timing who wait for it; that is nobody's time."""
        self.worker.give_way()
        self._extend()

    def _extend(self) -> None:
        for subject in self._timed:
            subject.extend(self.spec.most_s)

    def _opponents(self) -> list[Subject]:
        path, rival = self.spec.reference, self.spec.rival
        if path is None:
            raise RuntimeError("only hidden tests can be timed")
        sources = [*([rival] if rival else []), path.read_text(encoding="utf-8")]
        opponents = [self._subject(source) for source in sources]
        for which, opponent in enumerate(opponents, start=1):
            with played_by(which, duel=bool(rival)):
                opponent.open()
        return opponents

    def run(self, plugin: Callable[[Session], Any]) -> None:
        """Load the submission, run the tests, tell the verdict, and then what explains it.

        Raises:
            GraderFault, RuntimeError: the grader itself is broken; the learner is not to blame.
        """
        if (refused := self._load()) is not None:
            self.worker.emit(replace(refused, more_follows=bool(self.spec.cells)))
        elif self.spec.tests is None:
            self.worker.emit(self._try())
            return
        else:
            self._loaded = time.monotonic()
            self._run_tests(self.spec.tests, plugin(self))
        self._show_notebook()

    def _run_tests(self, tests: Path, plugin: Any) -> None:
        code = pytest.main([*PYTEST_OPTIONS, f"--rootdir={tests.parent}", str(tests)], [plugin])
        if self.fault is not None:
            raise self.fault
        if not self._concluded:
            raise RuntimeError(f"the tests could not be run: pytest ended with {code!r}")
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            print(f"no diagnosis: pytest ended with {code!r}", file=sys.stderr)

    def has_failed(self) -> bool:
        """Whether a required test failed so far."""
        return any(one.kind != OutcomeKind.PASSED and not one.stretch for one in self.outcomes)

    def conclude(self, *, diagnosis_follows: bool) -> None:
        """Tell the verdict: all tests have ended."""
        self._concluded = True
        self.worker.emit(
            Graded(
                verdict=verdict_of(self.outcomes),
                score=sum(outcome.points for outcome in self.outcomes),
                max_score=sum(outcome.max_points for outcome in self.outcomes),
                timings={
                    "load": self._loaded - self._began,
                    "tests": time.monotonic() - self._loaded,
                },
                more_follows=diagnosis_follows or bool(self.spec.cells),
            )
        )

    def _try(self) -> Graded:
        """Run the learner's lines: there are no tests, so all that is said is whether they ran."""
        run, fault = try_lines(self)
        self.worker.emit(run)
        return Graded(Verdict(fault.kind) if fault else Verdict.RAN, 0.0, 0.0)

    def _show_notebook(self) -> None:
        if not self.spec.cells:
            return
        try:
            self.worker.emit(run_notebook(self))
        except Exception as error:  # noqa: BLE001  (an extra: it must not cost the verdict)
            print(f"the notebook was not run: {error!r}", file=sys.stderr)

    def _load(self) -> Graded | None:
        try:
            members = self.subject.open()
        except RemoteError as error:
            return _refused(faults.of_remote(error, self._limits))
        except (DeadlineExceeded, Disconnected, ProtocolError):
            fault = self.fault_of(self.subject, None)
            assert fault is not None
            return _refused(fault)
        if missing := [name for name in self.spec.entry if name not in members]:
            text = messages.missing_entry(missing, members)
            return _refused(faults.Fault(OutcomeKind.RUNTIME_ERROR, text))
        return None


@contextlib.contextmanager
def _ours(what: str) -> Iterator[None]:
    """What a sandbox without any code of a learner's does wrong is nobody's fault but ours."""
    try:
        yield
    except TotalTimeLimit:  # the run's own, which its code has used up
        raise
    except (DeadlineExceeded, Disconnected, ProtocolError, RemoteError) as error:
        raise faults.GraderFault(what) from error


def _refused(fault: faults.Fault) -> Graded:
    """The submission can't even be loaded: no test ran, and the reason is the verdict."""
    return Graded(Verdict(fault.kind), 0.0, 0.0, messages.shown(fault.message))
