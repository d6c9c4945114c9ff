"""``manage.py replay``: the same seed gives the same verdict, or says what differs."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from curriculum.models import Exercise
from grading.exercises import digest, find, secret_half
from grading.management.commands import replay
from grading.report import CaseResult, Finished, Graded
from submissions import queue, services
from submissions.models import GradingRun
from submissions.verdicts import Verdict
from tests.browser.stagehand import make_exercise

SLUG = "adder"
TITLE = {"en": "x", "zh": "x"}


class FakeEngine:
    """Says what it is told to, and remembers the seed."""

    def __init__(self, kind: str, verdict: str) -> None:
        self.kind, self.verdict, self.seeds = kind, verdict, list[int]()

    def grade(self, job: Any) -> Iterator[Any]:
        self.seeds.append(job.seed)
        yield Finished(CaseResult("test_a", TITLE, self.kind, 0.0, 1.0, 0.1))
        yield Graded(self.verdict, 1.0, 1.0)

    def close(self) -> None:
        pass


@pytest.fixture
def run(db: None, monkeypatch: pytest.MonkeyPatch) -> GradingRun:
    """A graded run of an exercise that is there with just this content."""
    monkeypatch.setattr(queue, "enqueue", lambda *message: None)
    monkeypatch.setattr(queue, "announce", lambda submission_id: None)
    exercise: Exercise = make_exercise()
    version, manifest = exercise.current_version, find(SLUG)
    assert version is not None
    version.manifest |= {"stage": manifest.stage, "slug": SLUG}
    version.content_hash = digest(manifest)
    version.save()
    submission = services.submit(
        learner=User.objects.create(username="mei"), exercise=exercise, tests="hidden", source="x"
    )
    claim = services.claim(submission.latest_run.pk)
    assert claim is not None
    services.record_plan(claim, [{"name": "test_a", "title": TITLE, "max_points": 1.0}])
    services.record_outcome(claim, name="test_a", kind="passed")
    services.record_verdict(claim, verdict=Verdict.ACCEPTED, score=1, max_score=1)
    return GradingRun.objects.get()


@pytest.fixture
def again(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, FakeEngine]]:
    def call(key: object, kind: str = "passed", verdict: str = "accepted") -> Any:
        engine = FakeEngine(kind, verdict)
        monkeypatch.setattr(replay, "make_engine", lambda **_: engine)
        said = io.StringIO()
        call_command("replay", str(key), stdout=said)
        return said.getvalue(), engine

    return call


def test_the_same_seed_is_used_and_the_verdict_compared(
    run: GradingRun, again: Callable[..., Any]
) -> None:
    for key in (run.pk, run.submission_id):
        said, engine = again(key)
        assert said.startswith("the same: accepted")
        assert engine.seeds == [run.seed]


def test_what_differs_is_named(run: GradingRun, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine("wrong_answer", "wrong_answer")
    monkeypatch.setattr(replay, "make_engine", lambda **_: engine)
    said = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("replay", str(run.pk), stdout=said)
    assert said.getvalue().splitlines() == [
        "test_a: passed then, wrong_answer now",
        "different: accepted then, wrong_answer now",
    ]


def test_an_exercise_that_changed_is_not_replayed(
    run: GradingRun, again: Callable[..., Any]
) -> None:
    version = run.submission.version
    version.content_hash = "0" * 64
    version.save()
    with pytest.raises(CommandError, match="has changed since"):
        again(run.pk)


@pytest.mark.parametrize("key", ["nonsense", str(uuid4())])
def test_what_is_no_graded_run_is_refused(db: None, again: Callable[..., Any], key: str) -> None:
    with pytest.raises(CommandError, match="no graded run"):
        again(key)


@pytest.mark.sandbox
@pytest.mark.slow
def test_with_the_real_engine_a_verdict_comes_again(run: GradingRun) -> None:
    run.submission.source = (secret_half(find(SLUG)) / "reference.py").read_text("utf-8")
    run.submission.save()
    said = io.StringIO()
    call_command("replay", str(run.pk), stdout=said)
    assert "the same: accepted" in said.getvalue()
