"""new_exercise, on a course in a temporary folder."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from curriculum.manifest import load_manifest

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


# grade


@pytest.mark.parametrize("encoding", ["utf-16", "gbk"])
def test_a_file_in_another_encoding_is_named_in_both_languages(
    tmp_path: Path, encoding: str
) -> None:
    file = tmp_path / "mine.py"
    file.write_text("# 加法\ndef add(a, b): return a + b\n", encoding=encoding)
    with pytest.raises(CommandError, match=r"UTF-8.*(?s:.)*请另存为 UTF-8"):
        command("grade", "adder", str(file))


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
