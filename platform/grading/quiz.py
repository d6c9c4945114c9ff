"""Grade a quiz: choices against the secret answers, with feedback on what was chosen."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from curriculum.bilingual import TextDocument
from grading.report import (
    CaseResult,
    Collected,
    Event,
    Finished,
    Graded,
    PlannedTest,
    verdict_of,
)
from submissions.verdicts import OutcomeKind, Verdict

UNREADABLE = {
    "en": "The answers could not be read. Please choose again and submit once more.",
    "zh": "无法读取答案。请重新选择并再次提交。",
}
UNANSWERED = {"en": "You chose nothing here.", "zh": "这一题你没有作答。"}


def grade(answers: Path, source: str) -> Iterator[Event]:
    """Yield the events of grading ``source``, JSON of ``{question id: [choice ids]}``."""
    key = tomllib.loads(answers.read_text(encoding="utf-8"))["answer"]
    chosen = _chosen(source)
    if chosen is None:
        yield Graded(Verdict.WRONG_ANSWER, 0.0, float(len(key)), UNREADABLE)
        return
    yield Collected(
        [PlannedTest(a["question"], _title(i), _points(a)) for i, a in enumerate(key, 1)]
    )
    outcomes = []
    for number, answer in enumerate(key, 1):
        outcomes.append(_outcome(number, answer, chosen.get(answer["question"], [])))
        yield Finished(outcomes[-1])
    yield Graded(
        verdict=verdict_of(outcomes),
        score=sum(outcome.points for outcome in outcomes),
        max_score=sum(outcome.max_points for outcome in outcomes),
    )


def _chosen(source: str) -> dict[str, list[str]] | None:
    try:
        data = json.loads(source)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    lists = all(
        isinstance(ids, list) and all(isinstance(each, str) for each in ids)
        for ids in data.values()
    )
    return data if lists else None


def _outcome(number: int, answer: dict[str, Any], chosen: list[str]) -> CaseResult:
    right = sorted(set(chosen)) == sorted(answer["correct"])
    points = _points(answer)
    return CaseResult(
        name=answer["question"],
        title=_title(number),
        kind=OutcomeKind.PASSED if right else OutcomeKind.WRONG_ANSWER,
        points=points if right else 0.0,
        max_points=points,
        seconds=0.0,
        message=_feedback(answer["feedback"], chosen),
    )


def _feedback(feedback: dict[str, TextDocument], chosen: list[str]) -> TextDocument:
    texts = [feedback[choice] for choice in dict.fromkeys(chosen) if choice in feedback]
    if not texts:
        return UNANSWERED
    return {language: "\n".join(text[language] for text in texts) for language in ("en", "zh")}


def _title(number: int) -> TextDocument:
    return {"en": f"Question {number}", "zh": f"第 {number} 题"}


def _points(answer: dict[str, Any]) -> float:
    return float(answer.get("points", 1))
