"""A manifest is read whole, or every problem of it is named at once."""

from __future__ import annotations

import pytest

from curriculum.manifest import ManifestError, load_manifest

GOOD = """
kind = "function"
topic = "T3.2a"
order = 20
points = 10
minutes = 25
entry = ["attention"]
[title]
en = "Attention"
zh = "注意力"
[summary]
en = "One."
zh = "一。"
[limits]
test_s = 2
[speed]
limit = 1.5
"""


@pytest.fixture
def write(tmp_path):
    def make(text):
        path = tmp_path / "03-llms" / "attention" / "exercise.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return make


def test_a_manifest_takes_stage_and_slug_from_its_folder(write):
    manifest = load_manifest(write(GOOD))
    assert manifest.path == "03-llms/attention"
    assert (manifest.limits.test_s, manifest.limits.total_s) == (2, 30)
    assert manifest.title.zh == "注意力"
    assert (manifest.speed.limit, manifest.speed.roofline) == (1.5, None)


def test_a_roofline_may_be_stated(write):
    manifest = load_manifest(write(GOOD.replace("limit = 1.5", "limit = 1.5\nroofline = 0.4")))
    assert manifest.speed.roofline == 0.4


def test_a_speed_table_needs_a_limit(write):
    with pytest.raises(ManifestError, match=r"speed\.limit: missing"):
        load_manifest(write(GOOD.replace("limit = 1.5", "roofline = 0.4")))
    with pytest.raises(ManifestError, match="speed: must be a table"):
        load_manifest(write("speed = 1.5\n" + GOOD.partition("[speed]")[0]))


def test_all_problems_are_told_at_once(write):
    broken = (
        GOOD.replace('zh = "一。"', "")
        .replace("points = 10", "points = 0")
        .replace("test_s = 2", 'test_s = "2"\ntset_s = 1')
    )
    with pytest.raises(ManifestError) as caught:
        load_manifest(write(broken.replace('kind = "function"', 'kind = "funktion"\ncolour = 1')))
    for problem in (
        "summary.zh: missing",
        "points: must be a whole number",
        "limits.test_s: wrong type",
        "limits.tset_s: unknown field",
        "kind: must be one of",
        "colour: unknown field",
    ):
        assert problem in str(caught.value)


@pytest.mark.parametrize("text", ["kind = ", "\x00", 'entry = "attention"'])
def test_what_is_no_manifest_says_so(write, text):
    with pytest.raises(ManifestError, match=r"exercise\.toml"):
        load_manifest(write(text))
