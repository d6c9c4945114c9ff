"""From folders to rows: stages, exercises and their versions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from curriculum.bilingual import Text
from curriculum.manifest import Manifest, load_manifest
from curriculum.models import Exercise, ExerciseVersion, Stage, Topic
from curriculum.services import content_hash, publish, sync_stage, withdraw_all_but
from curriculum.stages import StageText, TopicText

pytestmark = pytest.mark.django_db

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
FILES = {
    "exercise.toml": MANIFEST,
    "statement.en.md": "Add two numbers.\n",
    "statement.zh.md": "把两个数相加。\n",
    "starter.py": "def add(a, b): ...\n",
    "test_visible.py": "def test_add(submission): ...\n",
}

Write = Callable[..., Manifest]


def stage_text(*topics: str, title: str = "Foundations") -> StageText:
    text = Text(title, "基础")
    headings = tuple(TopicText(topic, Text(topic, topic)) for topic in topics)
    return StageText("01-test", 1, text, text, headings)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The exercise's public half."""
    return tmp_path / "01-test" / "add"


@pytest.fixture
def write(folder: Path) -> Write:
    """Write the exercise's files, some of them changed, and read its manifest."""

    def write(**changes: str) -> Manifest:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in (FILES | changes).items():
            (folder / name).write_text(text, encoding="utf-8")
        return load_manifest(folder / "exercise.toml")

    return write


@pytest.fixture
def publish_it(folder: Path, write: Write) -> Callable[..., bool]:
    """Publish the exercise, some of its files changed."""
    sync_stage(stage_text("T1.1a", "T1.1b"))
    return lambda **changes: publish(write(**changes), folder, content_hash([folder]))


def test_a_published_exercise_shows_what_its_folder_holds(
    publish_it: Callable[..., bool],
) -> None:
    assert publish_it() is True
    exercise = Exercise.objects.get(slug="add")
    version = exercise.current_version
    assert version is not None
    assert (exercise.topic.key, exercise.order, exercise.published) == ("T1.1a", 10, True)
    assert version.statement_zh == FILES["statement.zh.md"]
    assert version.starter == FILES["starter.py"]
    assert version.visible_tests == FILES["test_visible.py"]
    assert (version.kind, version.gpu, version.points) == ("function", "none", 5)
    assert (version.path, version.entry, version.quiz) == ("01-test/add", ["add"], None)
    limits = {"total_s": 30.0, "test_s": 5.0, "memory_mib": 1024, "gpu_mib": 4096}
    assert version.limits == limits


def test_publishing_again_changes_nothing(publish_it: Callable[..., bool]) -> None:
    publish_it()
    before = list(ExerciseVersion.objects.values())
    assert publish_it() is False
    assert list(ExerciseVersion.objects.values()) == before


@pytest.mark.parametrize("name", FILES)
def test_a_change_of_any_file_makes_a_new_version_and_keeps_the_old_one(
    publish_it: Callable[..., bool], name: str
) -> None:
    publish_it()
    old = ExerciseVersion.objects.get()
    assert publish_it(**{name: FILES[name] + "# more\n"}) is True
    exercise = Exercise.objects.get()
    assert exercise.current_version != old
    assert set(exercise.versions.all()) == {old, exercise.current_version}


def test_going_back_to_an_earlier_text_goes_back_to_its_version(
    publish_it: Callable[..., bool],
) -> None:
    publish_it()
    first = ExerciseVersion.objects.get()
    publish_it(**{"starter.py": "pass\n"})
    assert publish_it() is True
    assert Exercise.objects.get().current_version == first
    assert ExerciseVersion.objects.count() == 2


def test_an_exercise_can_move_to_another_topic(publish_it: Callable[..., bool]) -> None:
    publish_it()
    publish_it(**{"exercise.toml": MANIFEST.replace("T1.1a", "T1.1b")})
    assert Exercise.objects.get().topic.key == "T1.1b"


def test_an_exercise_of_a_topic_that_no_stage_has_is_not_published(
    publish_it: Callable[..., bool],
) -> None:
    with pytest.raises(Topic.DoesNotExist):
        publish_it(**{"exercise.toml": MANIFEST.replace("T1.1a", "T9.9z")})
    assert not Exercise.objects.exists()


def test_an_exercise_that_is_gone_is_withdrawn_and_comes_back_with_its_folder(
    publish_it: Callable[..., bool],
) -> None:
    publish_it()
    assert withdraw_all_but(["add"]) == 0
    assert withdraw_all_but([]) == 1
    assert withdraw_all_but([]) == 0
    assert Exercise.objects.get().published is False
    assert ExerciseVersion.objects.count() == 1
    publish_it()
    assert Exercise.objects.get().published is True


def test_a_stage_is_updated_in_place_and_its_topics_keep_their_exercises(
    publish_it: Callable[..., bool],
) -> None:
    publish_it()
    sync_stage(stage_text("T1.1b", "T1.1a", title="Groundwork"))
    assert Stage.objects.get().title_en == "Groundwork"
    assert [topic.key for topic in Topic.objects.all()] == ["T1.1b", "T1.1a"]
    assert Exercise.objects.get().topic.key == "T1.1a"


def test_the_content_hash_sees_names_and_bytes_but_not_caches(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    plain = content_hash([tmp_path])
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("x")
    assert content_hash([tmp_path]) == plain
    (tmp_path / "a").rename(tmp_path / "b")
    renamed = content_hash([tmp_path])
    (tmp_path / "b").write_text("2")
    assert len({plain, renamed, content_hash([tmp_path])}) == 3
