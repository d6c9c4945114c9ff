"""A quiz as a form: from quiz.toml to fields, from what was posted to a submission's source."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from curriculum.languages import pick
from curriculum.models import ExerciseVersion
from submissions.models import Outcome, Submission


@dataclass(frozen=True)
class Choice:
    """One answer that can be ticked."""

    id: str
    text: str
    chosen: bool


@dataclass(frozen=True)
class Question:
    """A question as the page shows it; ``outcome`` is how the last submission answered it."""

    id: str
    text: str
    multiple: bool
    choices: list[Choice]
    outcome: Outcome | None


def questions(version: ExerciseVersion, submission: Submission | None) -> Iterator[Question]:
    """Yield the questions of a quiz, with the answers and feedback of ``submission``."""
    chosen: Mapping[str, list[str]] = {}
    outcomes: dict[str, Outcome] = {}
    # An earlier version of the exercise may have been something else than a quiz.
    if submission and submission.source_kind == Submission.SourceKind.QUIZ:
        chosen = json.loads(submission.source)
        outcomes = {outcome.name: outcome for outcome in submission.latest_run.outcomes.all()}
    for question in _raw(version):
        ticked = chosen.get(question["id"], [])
        yield Question(
            id=question["id"],
            text=pick(question["text"]),
            multiple=bool(question.get("multiple", False)),
            choices=[
                Choice(choice["id"], pick(choice["text"]), choice["id"] in ticked)
                for choice in question["choice"]
            ],
            outcome=outcomes.get(question["id"]),
        )


def source(version: ExerciseVersion, posted: QueryDict) -> str:
    """Return what was ticked as the JSON that the grader reads: question id to choice ids."""
    return json.dumps({q["id"]: posted.getlist(q["id"]) for q in _raw(version)})


def _raw(version: ExerciseVersion) -> list[dict[str, Any]]:
    return list((version.quiz or {}).get("question", []))
