"""What changed in a learner's code since the last submission, and since the last accepted one."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from submissions.models import Submission
from submissions.verdicts import PASSING

MAX_LINES = 600
"""Of either text: the comparison takes quadratic time, where lines recur on purpose."""


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
    """From a submission to a later text; ``lines`` is None where they are too long to compare."""

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


def difference(before: str, after: str) -> list[Line] | None:
    """Return what changes from one text to another with the lines around; None for long ones."""
    old, new = before.split("\n"), after.split("\n")
    if max(len(old), len(new)) > MAX_LINES:
        return None
    # The first two lines name files.
    lines = list(difflib.unified_diff(old, new, lineterm=""))[2:]
    begins_at_the_top = bool(lines) and lines[0].startswith("@@ -1,")
    return [
        Line("…", "") if each[0] == "@" else Line(each[0], each[1:])
        for each in (lines[1:] if begins_at_the_top else lines)
    ]
