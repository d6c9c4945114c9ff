"""What changed in a learner's code since the last submission, and since the last accepted one."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from curriculum.allowance import Allowance, TooCostly
from submissions.models import Submission
from submissions.verdicts import PASSING

MAX_LINES = 2000
"""Of either text."""
COMPARE_S = 0.3
"""For one comparison: where lines recur on purpose it takes cubic time."""


@dataclass(frozen=True)
class Line:
    """One line of a difference; ``mark`` is "+", "-", " ", or "…" for equal lines left out."""

    mark: str
    text: str

    @property
    def tag(self) -> str:
        """The HTML element that says the same."""
        return {"+": "ins", "-": "del"}.get(self.mark, "span")


@dataclass(frozen=True)
class Changes:
    """From a submission to a later text; ``lines`` is None where they take too long to compare."""

    since: Submission
    was_accepted: bool
    lines: list[Line] | None


def of(text: str, earlier: QuerySet[Submission]) -> Iterator[Changes]:
    """Yield what changed since the newest of ``earlier``, and since the newest accepted one."""
    rows = earlier.filter(source_kind=Submission.SourceKind.PYTHON)
    passed = Q(tests=Submission.Tests.HIDDEN, runs__counts=True, runs__verdict__in=PASSING)
    accepted = rows.filter(passed).first()
    last = rows.first()
    if last and last != accepted:
        yield Changes(last, False, difference(last.source, text))
    if accepted:
        yield Changes(accepted, True, difference(accepted.source, text))


class _Matcher(difflib.SequenceMatcher[str]):
    """Compares within an allowance, asked before each of the steps of quadratic time."""

    def __init__(self, old: list[str], new: list[str]) -> None:
        self._allowance = Allowance(COMPARE_S)
        super().__init__(None, old, new)

    def find_longest_match(self, *bounds: int) -> difflib.Match:  # type: ignore[override]
        self._allowance.check()
        return super().find_longest_match(*bounds)


def difference(before: str, after: str) -> list[Line] | None:
    """Return what changes from one text to another with the lines around.

    None where that is too much work.
    """
    old, new = before.split("\n"), after.split("\n")
    if max(len(old), len(new)) > MAX_LINES:
        return None
    try:
        return list(_lines(old, new))
    except TooCostly:
        return None


def _lines(old: list[str], new: list[str]) -> Iterator[Line]:
    for group in _Matcher(old, new).get_grouped_opcodes():
        if group[0][1]:  # not from the first line on
            yield Line("…", "")
        for kind, begin, end, new_begin, new_end in group:
            if kind == "equal":
                yield from (Line(" ", text) for text in old[begin:end])
                continue
            yield from (Line("-", text) for text in old[begin:end])
            yield from (Line("+", text) for text in new[new_begin:new_end])
