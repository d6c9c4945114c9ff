"""A quiz gives points for exactly the right choices, and feedback on what was chosen."""

from __future__ import annotations

import json

import pytest

from grading import quiz
from grading.report import Finished

ANSWERS = """
[[answer]]
question = "one"
correct = ["a"]
[answer.feedback.a]
en = "Yes."
zh = "对。"
[answer.feedback.b]
en = "No."
zh = "不对。"

[[answer]]
question = "two"
correct = ["a", "b"]
points = 3
[answer.feedback.a]
en = "First."
zh = "第一。"
[answer.feedback.b]
en = "Second."
zh = "第二。"
"""


@pytest.fixture
def grade(tmp_path):
    path = tmp_path / "answers.toml"
    path.write_text(ANSWERS, encoding="utf-8")
    return lambda source: list(quiz.grade(path, source))


def test_right_choices_in_any_order_are_accepted(grade):
    verdict = grade(json.dumps({"one": ["a"], "two": ["b", "a"]}))[-1]
    assert (verdict.verdict, verdict.score, verdict.max_score) == ("accepted", 4, 4)


def test_a_part_of_the_right_choices_is_not_enough(grade):
    *events, verdict = grade(json.dumps({"one": ["b"], "two": ["a"]}))
    assert (verdict.verdict, verdict.score) == ("wrong_answer", 0)
    outcomes = {e.outcome.name: e.outcome for e in events if isinstance(e, Finished)}
    assert outcomes["one"].message == {"en": "No.", "zh": "不对。"}
    assert outcomes["two"].message == {"en": "First.", "zh": "第一。"}


def test_what_is_said_of_a_choice_is_said_once(grade):
    events = grade(json.dumps({"one": ["b"] * 10_000}))
    assert next(e.outcome.message["en"] for e in events if isinstance(e, Finished)) == "No."


@pytest.mark.parametrize("source", ["", "[]", "{", '{"one": "a"}', '{"one": [1]}', "[" * 100_000])
def test_unreadable_answers_lose_no_words_and_earn_no_points(grade, source):
    (verdict,) = grade(source)
    assert verdict.verdict == "wrong_answer" and verdict.message["zh"]


def test_unknown_questions_and_choices_are_ignored(grade):
    verdict = grade(json.dumps({"one": ["z"], "nine": ["a"]}))[-1]
    assert verdict.score == 0
