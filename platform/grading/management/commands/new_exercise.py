"""Lay out a new exercise, and say what is missing until it can be proven."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

_MANIFEST = """\
kind = "function"
topic = "T{number}.1a"
order = 100
points = 10
minutes = 20
entry = ["{entry}"]

[title]
en = "TODO"
zh = "TODO"

[summary]
en = "TODO"
zh = "TODO"
"""
_STARTER = '''\
"""TODO: the exercise's title."""


def {entry}(x):
    """TODO: what it returns, with shapes and units."""
    raise NotImplementedError
'''
_VISIBLE = '''\
"""Examples for {slug}."""

import pytest

from grading.checks import assert_equal


@pytest.mark.title(en="TODO", zh="TODO")
@pytest.mark.hint(en="TODO", zh="TODO")
def test_example(submission):
    assert_equal(submission.{entry}(1), 1)
'''
_HIDDEN = '''\
"""Hidden tests of {slug}: properties of every right solution, on fresh inputs."""

import pytest

from grading.checks import assert_equal


@pytest.mark.title(en="TODO", zh="TODO")
@pytest.mark.hint(en="TODO", zh="TODO")
def test_agrees_with_the_reference(submission, reference, rng):
    for x in rng.integers(-1000, 1000, size=20).tolist():
        assert_equal(submission.{entry}(x), reference.{entry}(x))
'''
_REFERENCE = '''\
"""The model answer of {slug}."""


def {entry}(x: int) -> int:
    """TODO: solve the exercise as you would like to see it solved."""
    raise NotImplementedError
'''
_MISTAKE = '''\
"""en: TODO: "Your outputs are what one gets by ...": the hint for who makes this mistake.
zh: TODO
"""


def {entry}(x):
    return -x
'''
_PUBLIC = {
    "exercise.toml": _MANIFEST,
    "statement.en.md": "TODO: one idea, the exact contract of **`{entry}`**, a source.\n",
    "statement.zh.md": "TODO：一个概念， **`{entry}`** 的确切约定，以及出处。\n",
    "starter.py": _STARTER,
    "test_visible.py": _VISIBLE,
}
_SECRET = {
    "test_hidden.py": _HIDDEN,
    "reference.py": _REFERENCE,
    "wrong_answer/negated.py": _MISTAKE,
}


class Command(BaseCommand):
    """``manage.py new_exercise STAGE SLUG``."""

    help = "Make the two folders of a new exercise with everything that its author fills in."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("stage", help="a folder of exercises/, such as 03-llms")
        parser.add_argument("slug", help="lower-case words with hyphens, such as lora-linear")

    def handle(self, *, stage: str, slug: str, **options: Any) -> None:
        exercises, graders = Path(settings.EXERCISES_DIR), Path(settings.GRADERS_DIR)
        stages = sorted(path.parent.name for path in exercises.glob("*/stage.toml"))
        if stage not in stages:
            raise CommandError(f"There is no stage {stage!r}. Choose one of: {', '.join(stages)}")
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug):
            raise CommandError(f"{slug!r} is no slug: lower-case letters, digits, single hyphens")
        if taken := [*exercises.glob(f"*/{slug}"), *graders.glob(f"*/{slug}")]:
            raise CommandError(f"{slug} is taken: {taken[0]}")
        words = {"slug": slug, "entry": slug.replace("-", "_"), "number": int(stage[:2])}
        for half, files in ((exercises, _PUBLIC), (graders, _SECRET)):
            for name, text in files.items():
                path = half / stage / slug / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text.format_map(words), encoding="utf-8")
                self.stdout.write(str(path))
        self.stdout.write(
            f"\nFill in every TODO, then: manage.py check_exercises {slug}\n"
            "It says what is still missing: the model answer, at least four wrong solutions, "
            "both languages."
        )
