"""The nine stages are described whole, and a bad description names all its problems."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from curriculum.manifest import ManifestError
from curriculum.stages import load_stage

EXERCISES = Path(__file__).parents[2] / "exercises"
GOOD = """
[title]
en = "Language models"
zh = "语言模型"
[summary]
en = "One."
zh = "一。"
[[topic]]
key = "T3.2a"
title = { en = "GPT", zh = "GPT 系列" }
[[topic]]
key = "T3.3"
title = { en = "Applications", zh = "应用" }
"""


@pytest.fixture
def write(tmp_path):
    def make(text, folder="03-llms"):
        path = tmp_path / folder / "stage.toml"
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
        return path

    return make


@pytest.fixture(scope="module")
def stages():
    return {path.parent.name: load_stage(path) for path in sorted(EXERCISES.glob("*/stage.toml"))}


def test_there_are_nine_stages_and_each_topic_is_in_one(stages):
    assert [stage.number for stage in stages.values()] == list(range(1, 10))
    keys = Counter(topic.key for stage in stages.values() for topic in stage.topics)
    assert [key for key, times in keys.items() if times > 1] == []


def test_each_text_is_in_its_own_language(stages):
    texts = [text for stage in stages.values() for text in (stage.title, stage.summary)]
    texts += [topic.title for stage in stages.values() for topic in stage.topics]
    chinese = re.compile("[\u4e00-\u9fff]")
    assert [text.en for text in texts if chinese.search(text.en)] == []
    assert [text.zh for text in texts if not chinese.search(text.zh)] == []


def test_headings_fit_their_columns_and_end_without_a_stop(stages):
    headings = [stage.title for stage in stages.values()]
    headings += [topic.title for stage in stages.values() for topic in stage.topics]
    for text in [text for heading in headings for text in (heading.en, heading.zh)]:
        assert len(text) <= 200
        assert not text.endswith((".", "。"))


def test_every_exercise_has_a_topic_of_its_own_stage(stages):
    keys = {slug: {topic.key for topic in stage.topics} for slug, stage in stages.items()}
    lost = {}
    for path in EXERCISES.glob("*/*/exercise.toml"):
        topic = tomllib.loads(path.read_text(encoding="utf-8"))["topic"]
        if topic not in keys[path.parts[-3]]:
            lost[path.parent.name] = topic
    assert lost == {}


def test_a_stage_takes_slug_and_number_from_its_folder(write):
    stage = load_stage(write(GOOD))
    assert (stage.slug, stage.number) == ("03-llms", 3)
    assert stage.summary.zh == "一。"
    assert [(topic.key, topic.title.en) for topic in stage.topics] == [
        ("T3.2a", "GPT"),
        ("T3.3", "Applications"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('zh = "一。"', "", "summary.zh: missing"),
        ('en = "One."', 'en = " "', "summary.en: must not be empty"),
        ('en = "One."', "en = 1", "summary.en: wrong type"),
        ('en = "One."', 'en = "One."\nfr = "Un."', "summary.fr: unknown field"),
        ("[title]", "[titel]", "titel: unknown field"),
        ("[title]", "[titel]", "title: missing"),
        ("[title]", "title = 1\n[other]", "title: must be a table"),
        ("[[topic]]", "[[topics]]", "topic: missing"),
        (GOOD[GOOD.index("[[") :], "[topic]", "topic: must be a list of tables"),
        (GOOD, "topic = []", "topic: must not be empty"),
        (GOOD, 'topic = ["T3.1"]', "topic #1: must be a table"),
        ('key = "T3.3"', "", "topic #2.key: missing"),
        ('key = "T3.3"', "key = 3", "topic #2.key: wrong type"),
        ('key = "T3.3"', 'key = ""', "topic #2.key: must not be empty"),
        ('key = "T3.3"', 'key = "T3.3A"', 'topic #2.key: must look like "T3.2a"'),
        ('key = "T3.3"', 'key = "T3.2a"', "topic #2.key: T3.2a is there twice"),
        ('key = "T3.3"', 'key = "T4.3"', "topic #2.key: T4.3 belongs to another stage"),
        ('key = "T3.3"', 'key = "T3.3"\norder = 1', "topic #2.order: unknown field"),
        (', zh = "应用"', "", "topic #2.title.zh: missing"),
        ('zh = "应用"', 'zh = ""', "topic #2.title.zh: must not be empty"),
        (
            '{ en = "Applications", zh = "应用" }',
            '"Applications"',
            "topic #2.title: must be a table",
        ),
    ],
)
def test_a_bad_field_is_named(write, old, new, problem):
    assert old in GOOD
    path = write(GOOD.replace(old, new))
    with pytest.raises(ManifestError) as caught:
        load_stage(path)
    assert f"{path}: {problem}" in str(caught.value)


def test_all_problems_are_told_at_once(write):
    broken = GOOD.replace('zh = "一。"', "").replace("T3.2a", "T4.2a").replace("应用", "")
    with pytest.raises(ManifestError) as caught:
        load_stage(write(broken))
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize("folder", ["llms", "00-llms", "10-llms", "3-llms", "03"])
def test_the_folder_must_carry_the_stages_number(write, folder):
    with pytest.raises(ManifestError, match="folder's name must look like"):
        load_stage(write(GOOD, folder))


@pytest.mark.parametrize("text", ["title = ", "\x00"])
def test_what_is_no_toml_says_so(write, text):
    with pytest.raises(ManifestError, match=r"stage\.toml: not valid TOML"):
        load_stage(write(text))


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(ManifestError, match=r"stage\.toml: No such file"):
        load_stage(tmp_path / "03-llms" / "stage.toml")
