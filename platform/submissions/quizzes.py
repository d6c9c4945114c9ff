"""A quiz as a form: from quiz.toml to fields, from what was posted to a submission's source."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from curriculum.languages import pick
from curriculum.models import ExerciseVersion
from submissions.errors import QuizAmbiguous, QuizChanged, QuizIncomplete
from submissions.models import Outcome, Submission

_NO_QUESTIONS = {"csrfmiddlewaretoken", "tests"}
"""What the form posts beside its answers."""


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


def questions(
    version: ExerciseVersion,
    submission: Submission | None,
    refused: Mapping[str, list[str]] | None = None,
) -> Iterator[Question]:
    """Yield the questions of a quiz, with the answers and feedback of ``submission``.

    Answers that were just ``refused`` stand in the place of those, without feedback.
    """
    chosen: Mapping[str, list[str]] = refused or {}
    outcomes: dict[str, Outcome] = {}
    # An earlier version of the exercise may have been something else than a quiz.
    if not refused and submission and submission.source_kind == Submission.SourceKind.QUIZ:
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


def ticked(version: ExerciseVersion, posted: QueryDict) -> dict[str, list[str]]:
    """Return the ids of what was ticked, by the question's."""
    return {question["id"]: posted.getlist(question["id"]) for question in _raw(version)}


def source(version: ExerciseVersion, posted: QueryDict) -> str:
    """Return what was ticked as the JSON that the grader reads.

    Whoever could choose everything would be told what is said of each choice.

    Raises:
        QuizChanged: something else was posted than choices of these questions, each once.
        QuizIncomplete: a question has no answer.
        QuizAmbiguous: a question that takes one answer has several.
    """
    answers = ticked(version, posted)
    if posted.keys() - answers.keys() - _NO_QUESTIONS:
        raise QuizChanged
    several = list[int]()
    for number, question in enumerate(_raw(version), 1):
        chosen = answers[question["id"]]
        known = {choice["id"] for choice in question["choice"]}
        if len(chosen) > len(known.intersection(chosen)):
            raise QuizChanged
        if len(chosen) > 1 and not question.get("multiple", False):
            several.append(number)
    open_ones = [number for number, ids in enumerate(answers.values(), 1) if not ids]
    if open_ones:
        raise QuizIncomplete(open_ones)
    if several:
        raise QuizAmbiguous(several)
    return json.dumps(answers)


def _raw(version: ExerciseVersion) -> list[dict[str, Any]]:
    return list((version.quiz or {}).get("question", []))
