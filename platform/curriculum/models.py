"""The course as the site shows it: an index of exercises/, version by version."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.db import models
from django.urls import reverse

from curriculum.languages import LocalizedField, pick


class Stage(models.Model):
    """One of the nine stages; ``slug`` is its folder's name."""

    number = models.PositiveSmallIntegerField(unique=True)
    slug = models.SlugField(unique=True)
    title_en = models.CharField(max_length=200)
    title_zh = models.CharField(max_length=200)
    summary_en = models.TextField()
    summary_zh = models.TextField()

    title = LocalizedField()
    summary = LocalizedField()

    class Meta:
        ordering = ["number"]

    def __str__(self) -> str:
        return self.slug

    def get_absolute_url(self) -> str:
        return reverse("stage", args=[self.slug])


class Topic(models.Model):
    """A heading of the outline, such as T3.2a."""

    stage = models.ForeignKey(Stage, models.CASCADE, related_name="topics")
    key = models.CharField(max_length=10, unique=True)
    position = models.PositiveSmallIntegerField()
    title_en = models.CharField(max_length=200)
    title_zh = models.CharField(max_length=200)

    title = LocalizedField()

    class Meta:
        ordering = ["stage__number", "position"]

    def __str__(self) -> str:
        return self.key


class Exercise(models.Model):
    """An exercise, whatever its version; learners see it once ``current_version`` is set."""

    topic = models.ForeignKey(Topic, models.PROTECT, related_name="exercises")
    slug = models.SlugField(max_length=80, unique=True)
    order = models.PositiveSmallIntegerField()
    published = models.BooleanField(default=True)
    current_version = models.ForeignKey(
        "ExerciseVersion", models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["topic__stage__number", "order", "slug"]

    def __str__(self) -> str:
        return self.slug

    def get_absolute_url(self) -> str:
        return reverse("exercise", args=[self.slug])


class ExerciseVersion(models.Model):
    """What an exercise's two halves held at one time. Never changed; a change makes another."""

    exercise = models.ForeignKey(Exercise, models.CASCADE, related_name="versions")
    content_hash = models.CharField(max_length=64)
    manifest = models.JSONField()
    statement_en = models.TextField()
    statement_zh = models.TextField()
    starter = models.TextField(blank=True)
    visible_tests = models.TextField(blank=True)
    quiz = models.JSONField(null=True, blank=True)
    # For those who have solved it, see ``curriculum.solutions``.
    model_answer = models.TextField(blank=True, db_default="")
    commentary_en = models.TextField(blank=True, db_default="")
    commentary_zh = models.TextField(blank=True, db_default="")
    mistakes = models.JSONField(default=list, db_default=[])
    created_at = models.DateTimeField(auto_now_add=True)

    statement = LocalizedField()
    commentary = LocalizedField()

    LONG = (
        *("statement_en", "statement_zh", "starter", "visible_tests", "quiz"),
        *("model_answer", "commentary_en", "commentary_zh", "mistakes"),
    )
    """What no list of exercises shows, and none reads."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["exercise", "content_hash"], name="exercise_version_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.exercise_id}@{self.content_hash[:8]}"

    @cached_property
    def path(self) -> str:
        """The folder's name below exercises/ and graders/."""
        return f"{self.manifest['stage']}/{self.manifest['slug']}"

    @property
    def kind(self) -> str:
        """One of ``curriculum.manifest.KINDS``."""
        return str(self.manifest["kind"])

    @property
    def gpu(self) -> str:
        """Whether it is graded on a GPU: one of ``curriculum.manifest.GPU``."""
        return str(self.manifest["gpu"])

    @property
    def is_timed(self) -> bool:
        """Whether its speed is compared with the reference's."""
        return self.manifest.get("speed") is not None

    @property
    def roofline(self) -> float | None:
        """What share of the reference's time no right solution goes below, where that is stated."""
        return (self.manifest.get("speed") or {}).get("roofline")

    @property
    def points(self) -> int:
        """What solving it is worth."""
        return int(self.manifest["points"])

    @property
    def minutes(self) -> int:
        """How long it takes a learner, about."""
        return int(self.manifest["minutes"])

    @property
    def entry(self) -> list[str]:
        """The names that a submission must define."""
        return list(self.manifest["entry"])

    @property
    def limits(self) -> dict[str, Any]:
        """``total_s``, ``test_s`` and ``memory_mib``."""
        return dict(self.manifest["limits"])

    @property
    def title(self) -> str:
        """The title in the reader's language."""
        return pick(self.manifest["title"])

    @property
    def summary(self) -> str:
        """One sentence in the reader's language."""
        return pick(self.manifest["summary"])
