"""When a grader ends without a verdict: whose fault it was, and the verdict if the submission's.

A submission decides what its grader has to hold and to look at. So where the model answer gets
through the same tests, what the submission made of them ended the grader.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from grading import too_much
from grading.grader_process import GraderEnded
from grading.report import CaseResult, Collected, Event, Finished, Graded, Started, verdict_of
from submissions.verdicts import OutcomeKind, Verdict

_TEXTS = {
    OutcomeKind.MEMORY_LIMIT: too_much.TOO_MUCH_TO_HOLD,
    OutcomeKind.TIME_LIMIT: too_much.TOO_MUCH_TO_CHECK,
    OutcomeKind.RUNTIME_ERROR: too_much.GRADER_ENDED,
}


def of_model_answer(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the job that tells whose fault it is: the same with nothing of the learner's."""
    return {**spec, "source": spec["model_answer"], "rival": "", "cells": [], "probe": ""}


def conclude(seen: Sequence[Event], ended: GraderEnded) -> Iterator[Event]:
    """Yield what a grader could not say any more, after the events ``seen``: its test failed."""
    kind = OutcomeKind(ended.kind)
    message = _TEXTS[kind].document()
    outcomes = [event.outcome for event in seen if isinstance(event, Finished)]
    done = {outcome.name for outcome in outcomes}
    running = {event.name for event in seen if isinstance(event, Started)} - done
    planned = [test for event in seen if isinstance(event, Collected) for test in event.tests]
    if not planned:
        yield Graded(Verdict(kind), 0.0, 0.0, message)
        return
    for test in planned:
        if test.name in done:
            continue
        began = test.name in running or not running
        outcome = CaseResult(
            name=test.name,
            title=test.title,
            kind=kind if began else OutcomeKind.NOT_RUN,
            points=0.0,
            max_points=test.points,
            seconds=0.0,
            message=message,
        )
        outcomes.append(outcome)
        yield Finished(outcome)
    yield Graded(
        verdict=verdict_of(outcomes),
        score=sum(outcome.points for outcome in outcomes),
        max_score=sum(outcome.max_points for outcome in outcomes),
    )
