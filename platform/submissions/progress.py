"""How far a learner is: what the home page, stage pages and exercise pages show of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from accounts.models import User
from curriculum.models import Exercise, ExerciseVersion, Stage, Topic
from submissions.models import Draft, Result

EDITED = {"function", "module"}
"""The kinds of exercises that are written in the browser's editor."""

SOLVED = "solved"
STARTED = "started"
NEW = "new"


@dataclass(frozen=True)
class Entry:
    """One exercise as one learner sees it in a list."""

    exercise: Exercise
    version: ExerciseVersion
    status: str

    def mentions(self, words: str) -> bool:
        """Whether title, summary, topic or slug hold all of ``words``, in either language."""
        manifest, topic = self.version.manifest, self.exercise.topic
        text = " ".join(
            [
                self.exercise.slug,
                topic.key,
                topic.title_en,
                topic.title_zh,
                *manifest["title"].values(),
                *manifest["summary"].values(),
            ]
        ).casefold()
        return all(word in text for word in words.casefold().split())


@dataclass(frozen=True)
class Part:
    """A stage, or the whole course when ``stage`` is None, with a learner's progress in it."""

    stage: Stage | None
    entries: list[Entry]

    @property
    def solved(self) -> int:
        """How many exercises are solved."""
        return sum(entry.status == SOLVED for entry in self.entries)

    @property
    def points(self) -> int:
        """What there is to earn."""
        return sum(entry.version.points for entry in self.entries)

    @property
    def points_earned(self) -> int:
        """What is earned."""
        return sum(entry.version.points for entry in self.entries if entry.status == SOLVED)

    @property
    def status(self) -> str:
        """``solved`` when all are, ``new`` when none is begun."""
        statuses = {entry.status for entry in self.entries}
        if statuses == {SOLVED}:
            return SOLVED
        return NEW if statuses <= {NEW} else STARTED

    @property
    def by_topic(self) -> list[tuple[Topic, list[Entry]]]:
        """The exercises under their topics' headings, in the outline's order."""
        ordered = sorted(self.entries, key=lambda entry: entry.exercise.topic.position)
        groups = groupby(ordered, key=lambda entry: entry.exercise.topic)
        return [(topic, list(entries)) for topic, entries in groups]


@dataclass(frozen=True)
class Course(Part):
    """All stages."""

    parts: Sequence[Part] = ()


def course(learner: User | AnonymousUser) -> Course:
    """Return all stages with ``learner``'s progress; four queries, however many exercises."""
    entries = _entries(_visible(), learner)
    parts = [
        Part(stage, [e for e in entries if e.exercise.topic.stage_id == stage.pk])
        for stage in Stage.objects.all()
    ]
    return Course(None, entries, parts)


def part(stage: Stage, learner: User | AnonymousUser) -> Part:
    """Return one stage with ``learner``'s progress."""
    return Part(stage, _entries(_visible().filter(topic__stage=stage), learner))


def status(exercise: Exercise, learner: User | AnonymousUser) -> str:
    """Return how ``learner`` stands with one exercise."""
    return _Standing.of(learner, exercise).status(exercise)


def resume(course: Course, learner: User | AnonymousUser) -> Entry | None:
    """Return the exercise to go on with: the last one touched and unsolved, else the next new."""
    started = {e.exercise.pk: e for e in course.entries if e.status == STARTED}
    if started and isinstance(learner, User):
        touched = (
            Draft.objects.filter(learner=learner, exercise__in=started)
            .order_by("-updated_at")
            .values_list("exercise", flat=True)
            .first()
        )
        sent = (
            Result.objects.filter(learner=learner, exercise__in=started)
            .order_by("-sent_at")
            .values_list("exercise", flat=True)
            .first()
        )
        return started[touched or sent or next(iter(started))]
    return next((entry for entry in course.entries if entry.status == NEW), None)


def first_with_code(course: Course) -> Entry | None:
    """Return the first exercise that is written in the browser's editor."""
    return next((e for e in course.entries if e.version.kind in EDITED), None)


def next_after(exercise: Exercise, learner: User) -> Entry | None:
    """Return the first unsolved exercise after ``exercise``, else the first of the course."""
    entries = course(learner).entries
    place = next((n for n, e in enumerate(entries) if e.exercise.pk == exercise.pk), -1)
    ordered = [*entries[place + 1 :], *entries[: max(place, 0)]]
    return next((entry for entry in ordered if entry.status != SOLVED), None)


def _visible() -> QuerySet[Exercise]:
    shown = Exercise.objects.filter(published=True, current_version__isnull=False)
    return shown.select_related("current_version", "topic__stage").defer(
        *(f"current_version__{field}" for field in ExerciseVersion.LONG)
    )


@dataclass(frozen=True)
class _Standing:
    """Which exercises a learner has solved, and which are begun, by primary key."""

    solved: frozenset[int] = frozenset()
    begun: frozenset[int] = frozenset()

    @classmethod
    def of(cls, learner: User | AnonymousUser, exercise: Exercise | None = None) -> _Standing:
        """Return ``learner``'s; with an ``exercise`` nothing is read but of that."""
        if not isinstance(learner, User):
            return cls()
        which = {"exercise": exercise} if exercise else {}
        sent = dict(
            Result.objects.filter(learner=learner, **which).values_list("exercise", "solved_at")
        )
        drafts = Draft.objects.filter(learner=learner, **which).values_list("exercise", flat=True)
        solved = frozenset(pk for pk, solved_at in sent.items() if solved_at)
        return cls(solved, frozenset(sent) | frozenset(drafts))

    def status(self, exercise: Exercise) -> str:
        """Return how it stands with ``exercise``."""
        if exercise.pk in self.solved:
            return SOLVED
        return STARTED if exercise.pk in self.begun else NEW


def _entries(exercises: Iterable[Exercise], learner: User | AnonymousUser) -> list[Entry]:
    standing = _Standing.of(learner)
    return [
        Entry(exercise, exercise.current_version, standing.status(exercise))
        for exercise in exercises
        if exercise.current_version is not None
    ]
