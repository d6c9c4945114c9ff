"""What grading tells the platform, event by event, and how a verdict follows from the tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from curriculum.bilingual import TextDocument
from submissions.speeds import SpeedRecord
from submissions.verdicts import OutcomeKind, Verdict


@dataclass(frozen=True)
class PlannedTest:
    """A test that will run."""

    name: str
    title: TextDocument
    points: float


@dataclass(frozen=True)
class Collected:
    """All tests of this run, in order."""

    tests: list[PlannedTest]


@dataclass(frozen=True)
class Started:
    """A test began."""

    name: str


@dataclass(frozen=True)
class CaseResult:
    """How one test ended.

    ``kind`` is passed, not run (since another failed, which decides), or the verdict that this
    test alone would get.
    ``details`` of a wrong answer: ``call``, the last one, as a text, and ``rows`` with ``place``,
    ``expected``, ``actual`` (texts) and ``off`` (whether they differ).
    """

    name: str
    title: TextDocument
    kind: OutcomeKind
    points: float
    max_points: float
    seconds: float
    message: TextDocument | None = None
    hint: TextDocument | None = None
    output: str = ""
    speed: SpeedRecord | None = None
    stretch: bool = False
    details: dict[str, Any] | None = None


@dataclass(frozen=True)
class Finished:
    """A test ended."""

    outcome: CaseResult


@dataclass(frozen=True)
class Diagnosed:
    """The outputs in a failed test equal those of a known mistake, whose hint this is."""

    name: str
    hint: TextDocument
    mistake: str


@dataclass(frozen=True)
class NotebookRun:
    """The learner's notebook, run cell by cell up to the first that failed.

    Each cell has ``output`` and ``result`` (texts) and ``error`` (a bilingual text or None).
    """

    cells: list[dict[str, Any]]


@dataclass(frozen=True)
class Graded:
    """The verdict. ``timings`` are seconds per phase; ``receipt`` is what a replay needs.

    When ``more_follows`` a diagnosis or the notebook's run may come after it.
    """

    verdict: Verdict
    score: float
    max_score: float
    message: TextDocument | None = None
    timings: dict[str, float] = field(default_factory=dict)
    receipt: dict[str, Any] = field(default_factory=dict)
    more_follows: bool = False


Event = Collected | Started | Finished | Diagnosed | NotebookRun | Graded

_EVENTS: dict[str, type[Any]] = {
    cls.__name__: cls for cls in (Collected, Started, Finished, Diagnosed, NotebookRun, Graded)
}


def to_json(event: Event) -> dict[str, Any]:
    """Return ``event`` as JSON data."""
    return {"event": type(event).__name__, **asdict(event)}


def from_json(data: dict[str, Any]) -> Event:
    """Rebuild what ``to_json`` wrote."""
    fields = {key: value for key, value in data.items() if key != "event"}
    kind = _EVENTS[data["event"]]
    if kind is Collected:
        fields["tests"] = [PlannedTest(**test) for test in fields["tests"]]
    elif kind is Finished:
        outcome = fields["outcome"]
        fields["outcome"] = CaseResult(**outcome | {"kind": OutcomeKind(outcome["kind"])})
    elif kind is Graded:
        fields["verdict"] = Verdict(fields["verdict"])
    event: Event = kind(**fields)
    return event


def graded_in(events: Iterable[Event]) -> Graded:
    """Return the verdict among all that a grading said."""
    return next(event for event in events if isinstance(event, Graded))


_NO_FAILURE = (OutcomeKind.PASSED, OutcomeKind.NOT_RUN)


def verdict_of(outcomes: Sequence[CaseResult]) -> Verdict:
    """Return the verdict: that of the first required test that failed, too slow last of all.

    When only stretch tests failed the submission is partially accepted; but not where a required
    test was passed over because of them: then the first of them decides.

    Raises:
        ValueError: no test ran, or one was passed over though none failed: there is nothing to
            judge by.
    """
    if not outcomes:
        raise ValueError("no test ran")
    failed = [outcome for outcome in outcomes if outcome.kind not in _NO_FAILURE]
    required = [Verdict(outcome.kind) for outcome in failed if not outcome.stretch]
    if not required and any(o.kind == OutcomeKind.NOT_RUN and not o.stretch for o in outcomes):
        if not failed:
            raise ValueError("a required test never ran, though no other failed")
        return Verdict(failed[0].kind)
    if not failed:
        return Verdict.ACCEPTED
    if not required:
        return Verdict.PARTIALLY_ACCEPTED
    return next((kind for kind in required if kind != Verdict.TOO_SLOW), Verdict.TOO_SLOW)
