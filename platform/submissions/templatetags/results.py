"""How a run and its outcomes look: tone, mark, counts."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from django import template
from django.utils.html import escape
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _

from curriculum.models import ExerciseVersion
from submissions.models import GradingRun, Outcome, Submission
from submissions.speeds import SpeedRecord
from submissions.states import State
from submissions.verdicts import OutcomeKind, Verdict

register = template.Library()

MAX_SHOWN_OUTPUT = 8_000
"""Characters of a learner's own prints that the page shows for one test."""

_MARKS: dict[str, str] = {
    OutcomeKind.WAITING: "circle",
    OutcomeKind.RUNNING: "begun",
    OutcomeKind.PASSED: "check",
    OutcomeKind.NOT_RUN: "circle",
    OutcomeKind.WRONG_ANSWER: "cross",
    OutcomeKind.TOO_SLOW: "slow",
    OutcomeKind.TIME_LIMIT: "slow",
    Verdict.ACCEPTED: "check",
    Verdict.PARTIALLY_ACCEPTED: "half",
    Verdict.RAN: "play",
    State.QUEUED: "begun",
    State.CANCELLED: "cross",
}
_TONES: dict[str, str] = {
    OutcomeKind.WAITING: "",
    OutcomeKind.RUNNING: "",
    OutcomeKind.PASSED: "pass",
    OutcomeKind.NOT_RUN: "",
    OutcomeKind.TOO_SLOW: "warn",
    Verdict.ACCEPTED: "pass",
    Verdict.PARTIALLY_ACCEPTED: "warn",
    Verdict.RAN: "",
    State.QUEUED: "",
    State.CANCELLED: "",
    State.ERRORED: "warn",
}


# As ``grading.messages`` writes it of a traceback's lines and of a syntax error.
_PLACE = re.compile(
    r"(?:(?<=^  )line |(?<=^Syntax error in )line |^第 )(?P<number>[0-9]{1,6})(?: 行)?(?=[,:第])",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Progress:
    """How far a run is: counts of tests. ``current`` is the one that runs, from 1."""

    total: int
    done: int
    passed: int

    @property
    def current(self) -> int:
        """The test that runs now, or the last one."""
        return min(self.done + 1, self.total)


@register.filter
def tone(run: GradingRun) -> str:
    """Return "pass", "fail", "warn" or nothing, for the colour of a run."""
    return _TONES.get(run.verdict or run.state, "fail")


@register.filter
def mark(run: GradingRun) -> str:
    """Return the name of a run's icon."""
    return _MARKS.get(run.verdict or run.state, "alert")


@register.filter
def outcome_tone(outcome: Outcome) -> str:
    """Return "pass", "fail", "warn" or nothing, for the colour of a test."""
    return _TONES.get(outcome.kind, "fail")


@register.filter
def outcome_mark(outcome: Outcome) -> str:
    """Return the name of a test's icon."""
    return _MARKS.get(outcome.kind, "alert")


@dataclass(frozen=True)
class Rows:
    """A run's tests as they are shown, those that wait left out: a row appears when it has news.

    ``others`` were timed, weren't run, or run now.
    """

    failed: list[Outcome]
    others: list[Outcome]
    passed: list[Outcome]


@register.simple_tag
def rows_of(run: GradingRun) -> Rows:
    """Sort a run's tests."""
    rows = Rows([], [], [])
    for outcome in run.outcomes.all():
        match outcome.kind:
            case OutcomeKind.WAITING:
                continue
            case OutcomeKind.PASSED:
                place = rows.others if outcome.speed else rows.passed
            case OutcomeKind.RUNNING | OutcomeKind.NOT_RUN:
                place = rows.others
            case _:
                place = rows.failed
        place.append(outcome)
    return rows


@register.filter
def headline(run: GradingRun, submission: Submission) -> str:
    """Return where a run stands or what came of it; nobody is accepted by the visible tests."""
    if run.verdict == Verdict.ACCEPTED and submission.tests == Submission.Tests.VISIBLE:
        return _("Visible tests pass")
    return run.get_verdict_display() or run.get_state_display()


@register.filter
def points_earned(run: GradingRun, version: ExerciseVersion) -> int:
    """Return what a run on the hidden tests is worth: an exercise's points, or none of them."""
    return version.points if run.passed else 0


@register.filter
def diagnoses(run: GradingRun) -> list[dict[str, str]]:
    """Return the known mistakes that a run showed, each once, in the order of its tests."""
    found: list[dict[str, str]] = []
    for outcome in run.outcomes.all():
        if outcome.diagnosis and outcome.diagnosis not in found:
            found.append(outcome.diagnosis)
    return found


@register.simple_tag
def progress_of(run: GradingRun) -> Progress:
    """Count a run's tests."""
    outcomes = list(run.outcomes.all())
    return Progress(
        total=len(outcomes),
        done=sum(outcome.is_settled for outcome in outcomes),
        passed=sum(outcome.kind == OutcomeKind.PASSED for outcome in outcomes),
    )


@register.filter
def has_details(outcome: Outcome) -> bool:
    """Whether there is more to say of a test than its line."""
    return outcome.is_settled and bool(
        outcome.message or outcome.hint or outcome.output or outcome.speed
    )


@register.filter
def capped(output: str) -> str:
    """Cut overlong prints, and say so."""
    if len(output) <= MAX_SHOWN_OUTPUT:
        return output
    return output[:MAX_SHOWN_OUTPUT] + "\n" + _("… and more that isn't shown.")


@register.filter
def speed_line(speed: SpeedRecord) -> str:
    """Put a speed measurement into one line."""
    if speed["kind"] == "growth":
        line = _(
            "Time grows like size to the %(value).2f, 99 %% interval %(low).2f to %(high).2f, "
            "limit %(limit).2f: %(end)s"
        )
    else:
        line = _(
            "%(value).2f× the reference's time, 99 %% interval %(low).2f to %(high).2f, "
            "limit %(limit).2f: %(end)s"
        )
    line = line % {**speed, "end": _speed_end(speed)}
    if speed.get("drifts"):
        line += " " + _("The machine's clock was unsteady, so the limit was doubled.")
    if speed.get("unranked"):
        line += " " + _("This machine can't stop one side while the other runs: no rank by this.")
    return line


def _speed_end(speed: SpeedRecord) -> str:
    if speed["low"] > speed["limit"]:
        doubtful = speed.get("doubtful", False)
        return _("too slow, on an unsteady machine") if doubtful else _("too slow")
    if speed["high"] > speed["limit"]:
        return _("too close to tell, so it counts as fast enough")
    return _("fast enough")


@register.filter
def speed_plot(speed: SpeedRecord) -> dict[str, Any]:
    """Lay a measurement out on a line from 0 to 100: its dots, interval and marks.

    A dot is what one fresh pair of processes gave; ratios lie on a logarithmic scale.
    """
    scale = math.log if speed["kind"] == "ratio" else float
    marks = [speed["limit"], *([1.0] if speed["kind"] == "ratio" else [])]
    shown = [scale(number) for number in (*speed["values"], *marks)]
    low, high = min(shown), max(shown)
    margin = (high - low) * 0.12 or 0.1

    def place(number: float) -> float:
        share = (scale(number) - low + margin) / (high - low + 2 * margin)
        return round(100 * min(max(share, 0.0), 1.0), 2)

    begin, end = place(speed["low"]), place(speed["high"])
    return {
        "dots": [place(number) for number in speed["values"]],
        "interval": {"x": begin, "width": round(end - begin, 2)},
        "value": place(speed["value"]),
        "limit": place(speed["limit"]),
        "reference": place(1.0) if speed["kind"] == "ratio" else None,
    }


@register.filter
def line_links(message: str, submission: Submission) -> str:
    """Link the lines that a message names to the code: where a traceback or a syntax error is.

    Other numbers, of a learner's own texts, stay what they are.
    """
    if submission.source_kind != Submission.SourceKind.PYTHON:
        return message
    last = submission.source.count("\n") + 1

    def link(place: re.Match[str]) -> str:
        number = int(place["number"])
        if not 0 < number <= last:
            return place[0]
        return f'<a class="line-link" href="#line-{number}">{place[0]}</a>'

    return mark_safe(_PLACE.sub(link, escape(message)))
