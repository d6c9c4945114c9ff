"""``load_curriculum`` shows what is proven as it stands, and learners lose nothing by a change."""

from __future__ import annotations

import io
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from accounts.models import User
from curriculum.models import Exercise, ExerciseVersion, Stage
from grading.exercises import digest, find
from grading.ledger import FULL_SEEDS, Ledger
from submissions import services
from submissions.models import Submission

STAGE = """\
[title]
en = "Foundations"
zh = "基础"

[summary]
en = "First things."
zh = "从头开始。"

[[topic]]
key = "T1.1a"
title = { en = "Sums", zh = "求和" }
"""
MANIFEST = """\
kind = "function"
topic = "T1.1a"
order = 10
points = 5
minutes = 20
entry = ["add"]

[title]
en = "Add"
zh = "加法"

[summary]
en = "Adds."
zh = "相加。"
"""
PUBLIC = {
    "exercise.toml": MANIFEST,
    "statement.en.md": "**`add`** adds.\n",
    "statement.zh.md": "**`add`** 相加。\n",
    "starter.py": "def add(a, b): ...\n",
    "test_visible.py": "def test_one(submission): ...\n",
}
SECRET = {"test_hidden.py": "def test_all(submission): ...\n", "reference.py": "add = sum\n"}


class Course:
    """The two trees on the disk, as authors change them."""

    def __init__(self, root: Path) -> None:
        self.exercises, self.graders = root / "exercises", root / "graders"
        self.write("exercises/01-foundations/stage.toml", STAGE)

    def write(self, path: str, text: str) -> None:
        file = self.exercises.parent / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def add(self, slug: str) -> None:
        for half, files in (("exercises", PUBLIC), ("graders", SECRET)):
            for name, text in files.items():
                self.write(f"{half}/01-foundations/{slug}/{name}", text)

    def remove(self, slug: str) -> None:
        shutil.rmtree(self.exercises / "01-foundations" / slug)

    def prove(self, *slugs: str) -> None:
        """Write down what ``check_exercises --record`` would, had it found no fault."""
        ledger = Ledger.read()
        for slug in slugs:
            manifest = find(slug)
            ledger.record(manifest.path, digest(manifest))


@pytest.fixture
def course(tmp_path: Path, settings: Settings, db: None) -> Course:
    settings.EXERCISES_DIR, settings.GRADERS_DIR = tmp_path / "exercises", tmp_path / "graders"
    made = Course(tmp_path)
    made.add("add")
    return made


def load(*switches: str) -> tuple[str, str]:
    said, complained = io.StringIO(), io.StringIO()
    call_command("load_curriculum", *switches, stdout=said, stderr=complained)
    return said.getvalue(), complained.getvalue()


def published() -> list[str]:
    return list(Exercise.objects.filter(published=True).values_list("slug", flat=True))


def current() -> ExerciseVersion:
    version = Exercise.objects.get(slug="add").current_version
    assert version is not None
    return version


def test_what_is_proven_is_published(course: Course) -> None:
    course.prove("add")
    said, complained = load()
    assert "published 01-foundations/add" in said
    assert "1 stages, 1 exercises" in said
    assert complained == ""
    assert published() == ["add"]
    assert Stage.objects.get().title_zh == "基础"


def test_what_is_not_proven_is_not_published_and_the_author_is_told(course: Course) -> None:
    course.add("more")
    course.prove("add")
    said, complained = load()
    assert published() == ["add"]
    assert "not published: 01-foundations/more" in complained
    assert "check_exercises more --record" in complained
    assert "01-foundations/more" not in said


def test_at_home_unproven_exercises_can_be_published_too(course: Course) -> None:
    said, complained = load("--unproven")
    assert published() == ["add"]
    assert (said.count("published"), complained) == (1, "")


def test_loading_again_changes_nothing(course: Course) -> None:
    course.prove("add")
    load()
    version = current()
    said, complained = load()
    assert (said, complained) == ("1 stages, 1 exercises\n", "")
    assert current() == version
    assert ExerciseVersion.objects.count() == 1


@pytest.mark.parametrize(
    "file",
    [
        "exercises/01-foundations/add/statement.zh.md",
        "exercises/01-foundations/add/exercise.toml",
        "graders/01-foundations/add/test_hidden.py",
        "graders/01-foundations/add/wrong_answer/new.py",
    ],
)
def test_after_a_change_the_proven_version_stays_until_the_new_one_is_proven(
    course: Course, file: str
) -> None:
    course.prove("add")
    load()
    proven = current()
    before = course.exercises.parent / file
    course.write(file, (before.read_text() if before.exists() else "") + "# changed\n")
    _, complained = load()
    assert "not published: 01-foundations/add" in complained
    assert published() == ["add"]
    assert current() == proven
    course.prove("add")
    load()
    assert current() != proven


def test_submissions_keep_the_version_that_they_were_made_for(course: Course) -> None:
    load("--unproven")
    exercise = Exercise.objects.get()
    before = services.submit(
        learner=User.objects.create_user("mei"), exercise=exercise, tests="hidden", source="x"
    )
    course.write("exercises/01-foundations/add/statement.en.md", "**`add`** adds anew.\n")
    load("--unproven")
    kept = Submission.objects.get(pk=before.pk).version
    assert kept == before.version != current()
    assert kept.statement_en == PUBLIC["statement.en.md"]
    assert current().statement_en == "**`add`** adds anew.\n"


def test_an_exercise_whose_folder_is_gone_is_withdrawn_with_nothing_lost(course: Course) -> None:
    course.add("more")
    load("--unproven")
    services.submit(
        learner=User.objects.create_user("mei"),
        exercise=Exercise.objects.get(slug="more"),
        tests="hidden",
        source="x",
    )
    course.remove("more")
    load("--unproven")
    assert published() == ["add"]
    assert Submission.objects.get().version.exercise.slug == "more"
    course.add("more")
    load("--unproven")
    assert published() == ["add", "more"]


def test_all_problems_are_told_at_once_and_nothing_is_loaded(course: Course) -> None:
    course.write("exercises/02-broken/stage.toml", "[title]\n")
    course.write("exercises/01-foundations/one/exercise.toml", "kind = 1")
    course.write("exercises/01-foundations/two/exercise.toml", "not TOML")
    with pytest.raises(CommandError) as caught:
        load("--unproven")
    for part in ("02-broken/stage.toml", "one/exercise.toml", "two/exercise.toml: not valid TOML"):
        assert part in str(caught.value)
    assert not Stage.objects.exists()
    assert not Exercise.objects.exists()


def test_an_exercise_of_an_unknown_topic_is_a_problem_with_a_name(course: Course) -> None:
    course.write("exercises/01-foundations/add/exercise.toml", MANIFEST.replace("T1.1a", "T1.9z"))
    with pytest.raises(CommandError, match=r"01-foundations/add.*T1\.9z"):
        load("--unproven")
    assert not Exercise.objects.exists()


def test_the_ledger_proves_one_content_of_one_exercise(course: Course) -> None:
    assert not Ledger.read().proves("01-foundations/add", "a")
    Ledger.read().record("01-foundations/add", "a")
    Ledger.read().record("01-foundations/aaa", "b")
    ledger = Ledger.read()
    assert ledger.proves("01-foundations/add", "a")
    assert not ledger.proves("01-foundations/add", "b")
    assert not ledger.proves("01-foundations/other", "a")
    ledger.record("01-foundations/add", "c")
    assert not Ledger.read().proves("01-foundations/add", "a")
    text = (course.graders / "proven.json").read_text()
    assert text.endswith("}\n")
    assert list(json.loads(text)) == ["01-foundations/aaa", "01-foundations/add"]  # small diffs


def test_provers_at_work_at_once_lose_nothing(course: Course) -> None:
    provers = [Ledger.read() for _ in range(8)]

    def prove(number: int) -> None:
        for part in range(10):
            provers[number].record(f"01-foundations/{number}-{part}", "a")
            assert Ledger.read()  # whole at any time

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(prove, range(8)))
    assert len(json.loads((course.graders / "proven.json").read_text())) == 80
    assert [file.name for file in course.graders.glob("*.json*")] == ["proven.json"]


def test_a_proof_with_few_seeds_is_not_recorded(course: Course) -> None:
    with pytest.raises(CommandError, match="full proof"):
        call_command("check_exercises", "add", "--record", "--seeds", str(FULL_SEEDS - 1))
    assert not (course.graders / "proven.json").exists()
