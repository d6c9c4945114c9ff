"""What the browser tests put on stage: an exercise, and a grader that is played by hand.

The outcomes go through ``submissions.services`` as a worker's would, so that what the page shows is
what it would show.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from accounts.models import User
from curriculum.models import Exercise, ExerciseVersion, Stage, Topic
from submissions import services
from submissions.models import Submission
from submissions.verdicts import Verdict

# With everything that is wider than a pane, let alone a phone.
STATEMENT = r"""
Divide by $\sqrt{d_k}$:

$$y = \frac{e^x}{\sum_i e^{x_i}} = \mathrm{softmax}(x)$$

$$\underbrace{a_1 + a_2 + a_3 + a_4 + a_5 + a_6 + a_7 + a_8 + a_9}_{\text{wider than any pane}} =
\begin{cases} 1 & x > 0 \\ 2 & x = 0 \\ 3 & x < 0 \\ 4 & 5 \\ 5 & \text{else} \end{cases}$$

| argument | shape | |
| --- | :-: | ---: |
| `scale_attn_by_inverse_layer_idx` | `(batch, number_of_heads, query_length, d_head)` | *q* |
| `max_position_embeddings` | `(batch, number_of_heads, key_length, d_head)` | |

Name it `gradient_checkpointing_kwargs_of_the_whole_model`.

```python
def attention(q, k, v): ...  # a comment that goes on until no pane is wide enough to hold it
```
"""
STARTER = "def attention(q, k, v):\n    raise NotImplementedError\n"
PASSED = {
    "name": "test_shape",
    "title": {"en": "Keeps the shape", "zh": "形状不变"},
    "kind": "passed",
    "points": 1.0,
    "max_points": 1.0,
    "seconds": 0.02,
    "output": "shape (2, 3)\n",
}
WRONG = {
    "name": "test_scale",
    "title": {"en": "Divides by √d_k", "zh": "除以 √d_k"},
    "kind": "wrong_answer",
    "points": 0.0,
    "max_points": 1.0,
    "seconds": 0.03,
    "message": {"en": "The largest error is 0.41.", "zh": "最大误差为 0.41。"},
    "hint": {"en": "Look at the scores.", "zh": "看一看分数。"},
    "details": {
        "call": "attention(\n    [[1.0, 0.0], [0.0, 1.0]],  # float32[2, 2]\n    causal=True,\n)",
        "rows": [
            {"place": "[0, 0]", "expected": "13.3024", "actual": "13.7101", "off": True},
            {"place": "[0, 1]", "expected": "1.0", "actual": "1.0", "off": False},
        ],
    },
}
DIAGNOSIS = {"en": "You did not divide by √d_k.", "zh": "你没有除以 √d_k。"}
SLOW = {
    "name": "test_speed",
    "title": {"en": "Is fast", "zh": "速度快"},
    "kind": "too_slow",
    "points": 0.0,
    "max_points": 1.0,
    "seconds": 1.2,
    "stretch": True,
    "speed": {
        "kind": "ratio",
        "value": 1.93,
        "low": 1.88,
        "high": 1.99,
        "limit": 1.5,
        "values": [1.9, 1.93, 1.88, 1.95, 1.99, 1.92, 1.94, 1.93],
    },
}
FAILING = [PASSED, WRONG, SLOW]


QUIZ = {
    "question": [
        {
            "id": "cost",
            "text": {"en": "What does attention cost in $n$?", "zh": "注意力的开销是多少？"},
            "choice": [
                {"id": "linear", "text": {"en": "$O(n)$", "zh": "$O(n)$"}},
                {"id": "square", "text": {"en": "$O(n^2)$", "zh": "$O(n^2)$"}},
            ],
        },
    ],
}
QUIZ_SECOND = {
    "id": "parts",
    "text": {"en": "What has a transformer?", "zh": "Transformer 有什么？"},
    "multiple": True,
    "choice": [
        {"id": "heads", "text": {"en": "Heads", "zh": "注意力头"}},
        {"id": "norms", "text": {"en": "Norms", "zh": "归一化层"}},
        {"id": "wheels", "text": {"en": "Wheels", "zh": "轮子"}},
    ],
}
QUIZ_WRONG = {
    "name": "cost",
    "title": {"en": "Question 1", "zh": "第 1 题"},
    "kind": "wrong_answer",
    "points": 0.0,
    "max_points": 1.0,
    "seconds": 0.0,
    "message": {"en": "Each query looks at $n$ keys.", "zh": "每个查询要看 $n$ 个键。"},
}


def make_quiz(*more: dict[str, Any]) -> Exercise:
    """Return an exercise that is a quiz of one question, and ``more``."""
    exercise = make_exercise()
    version = exercise.current_version
    assert version is not None
    version.manifest |= {"kind": "quiz", "entry": []}
    version.quiz = {"question": [*QUIZ["question"], *more]}
    version.save()
    return exercise


def make_notebook() -> Exercise:
    """Return an exercise that is a notebook."""
    exercise = make_exercise()
    version = exercise.current_version
    assert version is not None
    version.manifest |= {"kind": "notebook"}
    version.starter = notebook_of(STARTER)
    version.save()
    return exercise


def notebook_of(answer: str) -> str:
    """Return a notebook with one cell, the answer's."""
    cell = {
        "id": "answer",
        "cell_type": "code",
        "metadata": {"tags": ["answer"]},
        "source": answer,
        "outputs": [],
        "execution_count": None,
    }
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def make_exercise() -> Exercise:
    """Return the exercise "attention" of stage 3."""
    stage = Stage.objects.create(
        number=3,
        slug="03-llms",
        title_en="Large language models",
        title_zh="大语言模型",
        summary_en="What they are made of.",
        summary_zh="它们由什么构成。",
    )
    topic = Topic.objects.create(
        stage=stage, key="T3.2a", position=1, title_en="Attention", title_zh="注意力"
    )
    exercise = Exercise.objects.create(topic=topic, slug="attention", order=10)
    exercise.current_version = ExerciseVersion.objects.create(
        exercise=exercise,
        content_hash="0" * 64,
        manifest={
            "stage": "03-llms",
            "slug": "attention",
            "kind": "function",
            "points": 10,
            "minutes": 25,
            "gpu": "none",
            "entry": ["attention"],
            "limits": {"total_s": 30, "test_s": 5, "memory_mib": 1024},
            "title": {"en": "Attention", "zh": "注意力"},
            "summary": {"en": "The heart of it.", "zh": "核心所在。"},
        },
        statement_en=STATEMENT,
        statement_zh=STATEMENT,
        starter=STARTER,
    )
    exercise.save()
    return exercise


def graded(
    learner: User,
    exercise: Exercise,
    outcomes: Iterable[dict[str, Any]],
    tests: str = "hidden",
) -> Submission:
    """Submit and play the whole grading; without outcomes everything passes."""
    submission = services.submit(learner=learner, exercise=exercise, tests=tests, source=STARTER)
    grader = Grader(submission, list(outcomes) or [PASSED])
    for _ in grader.outcomes:
        grader.finish_next()
    grader.judge()
    return submission


class Grader:
    """A worker that does what the test says, step by step."""

    def __init__(self, submission: Submission, outcomes: list[dict[str, Any]]) -> None:
        self.outcomes = outcomes
        self._left = list(outcomes)
        claim = services.claim(submission.latest_run.pk)
        assert claim is not None
        self._claim = claim
        services.record_plan(
            claim, [{k: o[k] for k in ("name", "title", "max_points")} for o in outcomes]
        )

    def finish_next(self) -> None:
        """End the next test."""
        services.record_outcome(self._claim, **self._left.pop(0))

    def diagnose(self, name: str) -> None:
        """Recognise the mistake in a failed test."""
        services.record_diagnosis(self._claim, name, DIAGNOSIS)

    def judge(self) -> None:
        """Give the verdict: that of the first required test that failed."""
        failed = [o["kind"] for o in self.outcomes if o["kind"] != "passed"]
        services.record_verdict(
            self._claim,
            verdict=Verdict(failed[0]) if failed else Verdict.ACCEPTED,
            score=sum(o["points"] for o in self.outcomes),
            max_score=sum(o["max_points"] for o in self.outcomes),
        )
