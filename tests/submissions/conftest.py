"""Learners, exercises and runs as these tests need them, and the broker that they do without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from curriculum.models import Exercise, ExerciseVersion, Stage, Topic
from submissions import queue, services
from submissions.models import GradingRun, Submission
from submissions.services import Claim
from tests.browser.stagehand import STARTER, make_exercise

MakeLearner = Callable[..., User]
MakeExercise = Callable[..., Exercise]
MakeRun = Callable[..., GradingRun]
Submit = Callable[..., Submission]


@dataclass
class Bells:
    """What workers and pages would have heard."""

    enqueued: list[tuple[UUID, str]] = field(default_factory=list)
    announced: list[UUID] = field(default_factory=list)


@pytest.fixture(autouse=True)
def bells(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bells:
    """A broker that only takes notes, except in the tests of the real one."""
    notes = Bells()
    if "redis" not in request.keywords:
        monkeypatch.setattr(queue, "enqueue", lambda run, name: notes.enqueued.append((run, name)))
        monkeypatch.setattr(queue, "announce", notes.announced.append)
    return notes


@pytest.fixture
def make_learner(db: None) -> MakeLearner:
    numbers = count(1)

    def make(name: str = "") -> User:
        return User.objects.create_user(name or f"learner{next(numbers)}")

    return make


@pytest.fixture
def learner(make_learner: MakeLearner) -> User:
    return make_learner("mei")


@pytest.fixture
def exercise(db: None) -> Exercise:
    """The exercise "attention" of stage 3."""
    return make_exercise()


@pytest.fixture
def make_another(exercise: Exercise) -> MakeExercise:
    """Add exercises like the first one: to its topic, or each to a topic and stage of its own."""

    def make(slug: str, *, stage: int | None = None) -> Exercise:
        topic = exercise.topic
        if stage is not None:
            texts = {"title_en": slug, "title_zh": slug}
            place = Stage.objects.create(
                number=stage, slug=f"0{stage}-x", summary_en=slug, summary_zh=slug, **texts
            )
            topic = Topic.objects.create(stage=place, key=f"T{stage}.1a", position=1, **texts)
        made = Exercise.objects.create(topic=topic, slug=slug, order=20)
        first = exercise.current_version
        assert first is not None
        made.current_version = ExerciseVersion.objects.create(
            exercise=made,
            content_hash="1" * 64,
            manifest=first.manifest | {"slug": slug},
            statement_en=slug,
            statement_zh=slug,
            starter=STARTER,
        )
        made.save()
        return made

    return make


@pytest.fixture
def submit(exercise: Exercise, learner: User) -> Submit:
    """Submit; whatever isn't said is the first learner's, for the first exercise, and new."""
    numbers = count(1)

    def make(**fields: object) -> Submission:
        new = f"x = {next(numbers)}\n"
        said = {"learner": learner, "exercise": exercise, "tests": "hidden", "source": new}
        return services.submit(**(said | fields))  # type: ignore[arg-type]

    return make


@pytest.fixture
def make_run(submit: Submit) -> MakeRun:
    """Submit, and return the run, which waits."""
    return lambda **fields: submit(**fields).runs.get()


@pytest.fixture
def signed_in(client: Client, learner: User) -> Client:
    client.force_login(learner)
    return client


def claimed(run: GradingRun) -> Claim:
    """Return the claim of a worker on a run that waits."""
    claim = services.claim(run.pk)
    assert claim is not None
    return claim


def expire_leases() -> None:
    """Let the time pass after which a worker that says nothing counts as dead."""
    long_ago = timezone.now() - timedelta(hours=1)
    GradingRun.objects.filter(state="running").update(lease_expires_at=long_ago)
