"""Bring what exercises/ holds into the database: stages, topics, exercises and their versions."""

from __future__ import annotations

import dataclasses
import hashlib
import tomllib
from collections.abc import Iterable
from pathlib import Path

from django.db import transaction

from curriculum.manifest import Manifest
from curriculum.models import Exercise, ExerciseVersion, Stage, Topic
from curriculum.solutions import NO_SOLUTION, Solution, text_of
from curriculum.stages import StageText


def content_hash(folders: Iterable[Path]) -> str:
    """Return a digest of every file's name and bytes in an exercise's two halves."""
    digest = hashlib.sha256()
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                name = file.relative_to(folder).as_posix().encode()
                body = file.read_bytes()
                digest.update(b"%d %s %d " % (len(name), name, len(body)) + body)
    return digest.hexdigest()


@transaction.atomic
def sync_stage(text: StageText) -> None:
    """Create or update a stage and its topics."""
    stage, _ = Stage.objects.update_or_create(
        slug=text.slug,
        defaults={
            "number": text.number,
            "title_en": text.title.en,
            "title_zh": text.title.zh,
            "summary_en": text.summary.en,
            "summary_zh": text.summary.zh,
        },
    )
    for position, topic in enumerate(text.topics, 1):
        Topic.objects.update_or_create(
            key=topic.key,
            defaults={
                "stage": stage,
                "position": position,
                "title_en": topic.title.en,
                "title_zh": topic.title.zh,
            },
        )


@transaction.atomic
def publish(
    manifest: Manifest, folder: Path, digest: str, solution: Solution = NO_SOLUTION
) -> bool:
    """Make what ``folder``, the public half, holds the current version; return whether it is new.

    Versions that learners have submitted to stay as they are.

    Raises:
        Topic.DoesNotExist: no stage has the manifest's topic.
    """
    exercise, _ = Exercise.objects.update_or_create(
        slug=manifest.slug,
        defaults={
            "topic": Topic.objects.get(key=manifest.topic),
            "order": manifest.order,
            "published": True,
        },
    )
    version, _ = ExerciseVersion.objects.update_or_create(
        exercise=exercise,
        content_hash=digest,
        defaults={
            "manifest": dataclasses.asdict(manifest),
            "statement_en": text_of(folder / "statement.en.md"),
            "statement_zh": text_of(folder / "statement.zh.md"),
            "starter": text_of(folder / "starter.py") or text_of(folder / "starter.ipynb"),
            "visible_tests": text_of(folder / "test_visible.py"),
            "quiz": tomllib.loads(text_of(folder / "quiz.toml")) or None,
            **dataclasses.asdict(solution),
        },
    )
    changed = exercise.current_version_id != version.pk
    if changed:
        exercise.current_version = version
        exercise.save(update_fields=["current_version"])
    return changed


def withdraw_all_but(slugs: Iterable[str]) -> int:
    """Unpublish exercises that are no longer there; what learners sent to them is kept."""
    return Exercise.objects.filter(published=True).exclude(slug__in=slugs).update(published=False)
