"""load_curriculum, its ledger of proofs, and new_exercise, on a course in a temporary folder."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from curriculum.manifest import load_manifest
from curriculum.models import Exercise, Stage
from grading.exercises import digest, find
from grading.ledger import Ledger

STAGE = """\
[title]
en = "Test"
zh = "测试"

[summary]
en = "Of this test."
zh = "用于测试。"

[[topic]]
key = "T1.1a"
title = { en = "Sums", zh = "求和" }
"""


@pytest.fixture
def course(tmp_path: Path, settings: object) -> Path:
    """An empty course with one stage."""
    settings.EXERCISES_DIR = tmp_path / "exercises"  # type: ignore[attr-defined]
    settings.GRADERS_DIR = tmp_path / "graders"  # type: ignore[attr-defined]
    (tmp_path / "exercises" / "01-test").mkdir(parents=True)
    (tmp_path / "exercises" / "01-test" / "stage.toml").write_text(STAGE, encoding="utf-8")
    (tmp_path / "graders").mkdir()
    return tmp_path


def command(*arguments: str) -> tuple[str, str]:
    """Run a management command; return what it said, and what it complained of."""
    said, complained = io.StringIO(), io.StringIO()
    call_command(*arguments, stdout=said, stderr=complained)
    return said.getvalue(), complained.getvalue()


def prove(slug: str) -> None:
    manifest = find(slug)
    Ledger.read().record(manifest.path, digest(manifest))


def published() -> set[str]:
    return set(Exercise.objects.filter(published=True).values_list("slug", flat=True))


# load_curriculum


@pytest.mark.django_db
def test_an_exercise_that_is_not_proven_is_not_published(course: Path) -> None:
    command("new_exercise", "01-test", "two-sum")
    _, complained = command("load_curriculum")
    assert "not published: 01-test/two-sum" in complained
    assert "check_exercises two-sum --record" in complained
    assert published() == set()
    assert Stage.objects.get().title_zh == "测试"


@pytest.mark.django_db
def test_a_proven_exercise_is_published_once(course: Path) -> None:
    command("new_exercise", "01-test", "two-sum")
    prove("two-sum")
    said, complained = command("load_curriculum")
    assert "published 01-test/two-sum" in said
    assert complained == ""
    said, _ = command("load_curriculum")
    assert "published" not in said
    assert published() == {"two-sum"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "half", ["exercises/01-test/two-sum/starter.py", "graders/01-test/two-sum/reference.py"]
)
def test_a_change_of_either_half_undoes_the_proof_and_leaves_what_is_published(
    course: Path, half: str
) -> None:
    command("new_exercise", "01-test", "two-sum")
    prove("two-sum")
    command("load_curriculum")
    before = Exercise.objects.get().current_version
    (course / half).write_text("x = 1\n", encoding="utf-8")
    _, complained = command("load_curriculum")
    assert "has changed since it was proven" in complained
    assert Exercise.objects.get().current_version == before
    assert published() == {"two-sum"}


@pytest.mark.django_db
def test_unproven_exercises_are_published_when_asked_for(course: Path) -> None:
    command("new_exercise", "01-test", "two-sum")
    said, complained = command("load_curriculum", "--unproven")
    assert "published 01-test/two-sum" in said
    assert complained == ""


@pytest.mark.django_db
def test_an_exercise_whose_folder_is_gone_is_withdrawn(course: Path) -> None:
    command("new_exercise", "01-test", "two-sum")
    command("load_curriculum", "--unproven")
    folder = course / "exercises" / "01-test" / "two-sum"
    folder.rename(course / "elsewhere")
    command("load_curriculum", "--unproven")
    assert published() == set()
    assert Exercise.objects.filter(slug="two-sum").exists()


@pytest.mark.django_db
def test_all_problems_are_told_at_once_and_nothing_is_changed(course: Path) -> None:
    for slug in ("two-sum", "three-sum"):
        command("new_exercise", "01-test", slug)
        (course / "exercises" / "01-test" / slug / "exercise.toml").write_text("points = 0\n")
    (course / "exercises" / "02-more").mkdir()
    (course / "exercises" / "02-more" / "stage.toml").write_text("title = 1\n")
    with pytest.raises(CommandError) as refusal:
        command("load_curriculum", "--unproven")
    for part in ("two-sum", "three-sum", "02-more", "points: must be"):
        assert part in str(refusal.value)
    assert not Stage.objects.exists()


# The ledger


def test_the_ledger_proves_exactly_what_was_recorded(course: Path) -> None:
    assert not Ledger.read().proves("01-test/a", "1")
    Ledger.read().record("01-test/b", "2")
    Ledger.read().record("01-test/a", "1")
    ledger = Ledger.read()
    assert ledger.proves("01-test/a", "1") and ledger.proves("01-test/b", "2")
    assert not ledger.proves("01-test/a", "2")
    stored = (course / "graders" / "proven.json").read_text(encoding="utf-8")
    assert list(json.loads(stored)) == ["01-test/a", "01-test/b"], "sorted, for small diffs"


# new_exercise


def test_a_new_exercise_has_a_valid_manifest_and_both_halves(course: Path) -> None:
    said, _ = command("new_exercise", "01-test", "two-sum")
    manifest = load_manifest(course / "exercises" / "01-test" / "two-sum" / "exercise.toml")
    assert (manifest.path, manifest.entry, manifest.topic) == (
        *("01-test/two-sum", ("two_sum",), "T1.1a"),
    )
    made = {path.relative_to(course) for path in course.rglob("two-sum/**/*") if path.is_file()}
    assert Path("graders/01-test/two-sum/reference.py") in made
    assert Path("exercises/01-test/two-sum/statement.zh.md") in made
    for path in made:
        assert str(path) in said
        text = (course / path).read_text(encoding="utf-8")
        assert "{entry}" not in text and "{slug}" not in text
        if path.suffix == ".py":
            compile(text, str(path), "exec")


def test_nothing_secret_is_laid_in_the_public_half(course: Path) -> None:
    command("new_exercise", "01-test", "two-sum")
    public = {path.name for path in (course / "exercises" / "01-test" / "two-sum").iterdir()}
    assert not public & {"reference.py", "test_hidden.py", "wrong_answer"}


@pytest.mark.parametrize(
    ("stage", "slug", "says"),
    [
        ("09-none", "two-sum", "There is no stage '09-none'. Choose one of: 01-test"),
        ("01-test", "Two-Sum", "is no slug"),
        ("01-test", "two_sum", "is no slug"),
        ("01-test", "two--sum", "is no slug"),
        ("01-test", "../escape", "is no slug"),
        ("01-test", "two-sum\n", "is no slug"),
        ("01-test", "", "is no slug"),
    ],
)
def test_a_name_that_cannot_be_is_refused_and_nothing_is_written(
    course: Path, stage: str, slug: str, says: str
) -> None:
    before = set(course.rglob("*"))
    with pytest.raises(CommandError, match=says):
        command("new_exercise", stage, slug)
    assert set(course.rglob("*")) == before


@pytest.mark.parametrize("half", ["exercises", "graders"])
def test_an_exercise_that_is_there_is_never_overwritten(course: Path, half: str) -> None:
    (course / half / "02-other" / "two-sum").mkdir(parents=True)
    with pytest.raises(CommandError, match="two-sum is taken"):
        command("new_exercise", "01-test", "two-sum")
    assert not (course / "exercises" / "01-test" / "two-sum").exists()
