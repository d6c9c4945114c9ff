"""The pytest plugin of the grader process: fixtures, and each test's outcome as an event."""

from __future__ import annotations

import gc
import importlib.util
import signal
import traceback
from collections.abc import Generator, Iterator
from types import ModuleType
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from _pytest.runner import runtestprotocol

from curriculum.bilingual import TextDocument
from grading import checks, messages
from grading.grader import faults
from grading.grader.diagnosis import SOLUTION_S, Diagnosis, KnownSolution, Rerun
from grading.grader.draws import Draws
from grading.grader.session import Session
from grading.grader.side_by_side import details, excerpt
from grading.grader.speed import Speed, Untimed
from grading.grader.subject import Subject, Submission
from grading.remote.trace import Trace
from grading.report import (
    CaseResult,
    Collected,
    Finished,
    PlannedTest,
    Started,
)
from submissions.speeds import SpeedRecord
from submissions.verdicts import OutcomeKind

OWN_LEAST_S, OWN_LIMITS, OWN_LATER, OWN_DIAGNOSIS_S = 10.0, 2.0, 5.0, 5.0
"""A test may compute by itself for so many CPU seconds, or so many times the limit of a
submission's calls; once one of a submission's tests met that limit the others get this part of it;
and for so many seconds where it runs once more for a diagnosis."""
MARKERS = (
    "title(en, zh): what the test says, for the learner",
    "hint(en, zh): shown when the test fails",
    'feedback("values"): a failed hidden test shows its numbers, as a visible one does',
    "points(n): what the test is worth; 1 by default",
    "stretch: failing only such tests still is partially accepted",
)


class GraderPlugin:
    """Runs one spec's tests against its submission."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._subject: Subject = session.subject
        self._again: Rerun | None = None
        self._failures: list[checks.CheckFailed] = []
        self._unsure: tuple[CaseResult, str] | None = None
        self._speed: Speed | None = None
        self._draws = Draws(session.spec.seed)
        self._own_s = self._again_s = max(OWN_LEAST_S, OWN_LIMITS * session.spec.test_s)

    # Fixtures

    @pytest.fixture(scope="session")
    def submission(self) -> Submission:
        """The learner's module."""
        return Submission(lambda: self._subject)

    @pytest.fixture(scope="session")
    def reference(self) -> ModuleType:
        """The model answer, in this process."""
        path = self._session.spec.reference
        if path is None:
            raise RuntimeError("visible tests have no reference: they are public")
        spec = importlib.util.spec_from_file_location("reference", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    @pytest.fixture
    def rng(self) -> np.random.Generator:
        """Randomness of this run, test and call."""
        return self._draws.rng

    @pytest.fixture
    def torch_rng(self) -> torch.Generator:
        """The same for torch."""
        return self._draws.torch_rng

    @pytest.fixture
    def speed(self) -> Iterator[Speed | Untimed]:
        """The stopwatch: submission against reference."""
        if self._again is not None:
            yield Untimed()
            return
        with self._session.sides() as open_sides:
            spec = self._session.spec
            self._speed = Speed(
                *(open_sides, self._draws, spec.speed_limit),
                slack=spec.speed_slack,
                duel=bool(spec.rival),
                give_way=self._session.give_way if spec.exact else None,
            )
            yield self._speed

    # Hooks

    def pytest_configure(self, config: pytest.Config) -> None:
        for marker in MARKERS:
            config.addinivalue_line("markers", marker)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Speed comes last: it counts only where all else is right, as a ranking knows it is."""
        items.sort(key=_is_timed)
        if self._session.spec.exact:
            items[:] = filter(_is_timed, items)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        planned = [PlannedTest(_name(item), _title(item), _points(item)) for item in session.items]
        self._session.worker.emit(Collected(planned))

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self._speed = None
        if self._again is None and _is_timed(item) and self._session.has_failed():
            raise faults.NotRun(messages.NOT_MEASURED)
        seconds = self._session.test_s() if self._again is None else SOLUTION_S
        peer = self._subject.begin_test(seconds)
        self._draws.begin(_name(item))
        peer.answered, peer.called_back = self._draws.answered, self._draws.called_back

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if self._again is None:
            self._session.worker.emit(Started(nodeid.partition("::")[2]))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Bound what a test computes by itself: what it loops over may be the learner's."""
        signal.signal(signal.SIGVTALRM, _end_own_time)
        own_s = self._own_s if self._again is None else self._again_s
        signal.setitimer(signal.ITIMER_VIRTUAL, own_s)
        try:
            return (yield)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        failed_early = call.when == "setup" and call.excinfo is not None
        if call.when == "call" or failed_early:
            self._conclude(item, call)
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        result = yield
        if self._session.outcomes:
            failed = self._to_diagnose(session.items)
            self._session.conclude(diagnosis_follows=bool(failed))
            if failed:
                self._diagnose(failed, session.items)
        return result

    def _conclude(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        error = call.excinfo.value if call.excinfo else None
        peer = self._subject.peer
        if self._again is not None:
            error = next(iter(self._failures), error)
            fault = self._session.fault_of(self._subject, error)
            trace = peer.trace if peer else Trace()
            self._again = Rerun(fault.kind if fault else OutcomeKind.PASSED, trace)
            self._subject.end_test()
            return
        if isinstance(error, faults.GraderFault):
            self._break_off(item, error)
            return
        if isinstance(error, faults.OwnTimeExceeded):
            self._own_s = self._again_s / OWN_LATER
        fault = self._session.fault_of(self._subject, error)
        outcome = _result(
            item,
            fault,
            call.duration,
            output=self._session.output_of(peer),
            speed=self._speed.result if self._speed else None,
            shown=self._details(item, fault),
        )
        if fault is not None and fault.stumbled and call.excinfo is not None:
            self._unsure = outcome, str(call.excinfo.getrepr(style="short"))
            # The next run of this test is to have the memory that this one's values took.
            traceback.clear_frames(call.excinfo.tb)
            if faults.out_of_memory(call.excinfo.value):
                self._subject.close()
            gc.collect()
        else:
            self._record(outcome)
        self._subject.end_test()

    def _record(self, outcome: CaseResult) -> None:
        self._session.outcomes.append(outcome)
        self._session.worker.emit(Finished(outcome))

    # A test that breaks down: who is to blame?

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        result = yield
        if self._unsure is not None:
            (outcome, told), self._unsure = self._unsure, None
            if self._fails_for_all(item):
                text = f"{_name(item)} breaks down on the reference too:\n{told}"
                self._break_off(item, faults.GraderFault(text))
            else:
                self._record(outcome)
        return result

    def _fails_for_all(self, item: pytest.Item) -> bool:
        """Whether not even the model answer gets through a test, for another reason than time."""
        answer = KnownSolution(self._session.spec.model_answer, self._session.run_time)
        try:
            return self._rerun(item, answer.subject).kind not in {
                OutcomeKind.PASSED,
                OutcomeKind.NOT_RUN,
                OutcomeKind.TIME_LIMIT,
                "",
            }
        finally:
            answer.close()

    def _break_off(self, item: pytest.Item, fault: faults.GraderFault) -> None:
        self._session.fault = fault
        item.session.shouldstop = "the grader is at fault"

    def _details(self, item: pytest.Item, fault: faults.Fault | None) -> dict[str, Any] | None:
        """Return what is shown of a wrong answer; of a hidden test no values unless it says so."""
        peer = self._subject.peer
        if fault is None or fault.kind != OutcomeKind.WRONG_ANSWER or peer is None:
            return None
        told = item.get_closest_marker("feedback")
        public = item.path.name == "test_visible.py"
        values = public or (told is not None and told.args == ("values",))
        call = peer.last_call
        if call is not None and not values and call.asked in fault.message.en:
            call = None  # the message has it
        return details(fault.compared, call, values=values) or None

    # Diagnosis

    def _to_diagnose(self, items: list[pytest.Item]) -> list[pytest.Item]:
        if not self._session.spec.mistakes:
            return []
        return self._ended(items, OutcomeKind.WRONG_ANSWER)

    def _ended(self, items: list[pytest.Item], kind: str) -> list[pytest.Item]:
        names = {outcome.name for outcome in self._session.outcomes if outcome.kind == kind}
        return [item for item in items if _name(item) in names]

    def _diagnose(self, failed: list[pytest.Item], items: list[pytest.Item]) -> None:
        spec = self._session.spec
        diagnosis = Diagnosis(
            self._session.subject,
            spec.model_answer,
            spec.mistakes,
            self._rerun,
            self._session.run_time,
        )
        self._again_s = OWN_DIAGNOSIS_S
        for diagnosed in diagnosis.of(failed, self._ended(items, OutcomeKind.PASSED)):
            self._session.worker.emit(diagnosed)

    def _rerun(self, item: pytest.Item, subject: Subject) -> Rerun:
        """Run a test to its end on ``subject``, whatever its checks say."""
        if self._session.run_time.over:
            return Rerun("", Trace())
        self._subject, self._again = subject, Rerun("", Trace())
        item._initrequest()  # type: ignore[attr-defined]  # as pytest-rerunfailures does
        try:
            with checks.noted() as self._failures:
                runtestprotocol(item, log=False, nextitem=None)
            return self._again
        finally:
            self._subject, self._again = self._session.subject, None


def _result(
    item: pytest.Item,
    fault: faults.Fault | None,
    seconds: float,
    output: str = "",
    speed: SpeedRecord | None = None,
    shown: dict[str, Any] | None = None,
) -> CaseResult:
    points = _points(item)
    return CaseResult(
        name=_name(item),
        title=_title(item),
        kind=fault.kind if fault else OutcomeKind.PASSED,
        points=0.0 if fault else points,
        max_points=points,
        seconds=seconds,
        message=messages.shown(fault.message) if fault else None,
        hint=_text(item, "hint") if fault and fault.hinted else None,
        details=shown,
        output=output,
        speed=speed,
        stretch=item.get_closest_marker("stretch") is not None,
    )


def _end_own_time(*_: object) -> NoReturn:
    raise faults.OwnTimeExceeded


def _is_timed(item: pytest.Item) -> bool:
    return "speed" in getattr(item, "fixturenames", ())


def _name(item: pytest.Item) -> str:
    """Return what is one test's alone, also where two classes have tests of one name."""
    return item.nodeid.partition("::")[2]


def _text(item: pytest.Item, marker: str) -> TextDocument | None:
    found = item.get_closest_marker(marker)
    return {"en": found.kwargs["en"], "zh": found.kwargs["zh"]} if found else None


def _title(item: pytest.Item) -> TextDocument:
    plain = item.name.removeprefix("test_").replace("_", " ")
    title = _text(item, "title") or {"en": plain, "zh": plain}
    varied = item.callspec.params if hasattr(item, "callspec") else {}
    # What is expected is nobody's to read in a hidden test.
    shown = {name: excerpt(value) for name, value in varied.items() if name != "expected"}
    what = ", ".join(f"{name} = {value}" for name, value in shown.items())
    return {key: f"{text} ({what})" for key, text in title.items()} if what else title


def _points(item: pytest.Item) -> float:
    found = item.get_closest_marker("points")
    return float(found.args[0]) if found else 1.0
