"""The list of all exercises, a learner's own submissions, help, and where strangers begin."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from curriculum import guide
from curriculum.models import Exercise
from submissions.course_pages import PAGE_LENGTH
from tests.submissions.conftest import MakeExercise, MakeLearner, Submit

TITLE = re.compile(r"<h3><a href=\"/exercises/([\w-]+)/")


def found(client: Client, query: str = "", **headers: str) -> list[str]:
    page = client.get(reverse("exercises") + query, headers=headers)
    return TITLE.findall(page.content.decode())


@pytest.fixture
def _patience(settings: object) -> None:
    settings.SUBMISSIONS_MAX_WAITING = 1000  # type: ignore[attr-defined]


@pytest.fixture
def two(exercise: Exercise, make_another: MakeExercise) -> None:
    another = make_another("bpe-tokenizer", stage=4)
    version = another.current_version
    assert version is not None
    version.manifest |= {"title": {"en": "Byte-pair encoding", "zh": "字节对编码"}}
    version.save()


@pytest.mark.parametrize(
    ("query", "slugs"),
    [
        ("", ["attention", "bpe-tokenizer"]),
        ("?q=ATTENTION", ["attention"]),
        ("?q=字节对", ["bpe-tokenizer"]),
        ("?q=pair+byte", ["bpe-tokenizer"]),
        ("?q=T3.2a", ["attention"]),
        ("?q=bpe-tok", ["bpe-tokenizer"]),
        ("?q=byte+attention", []),
        ("?stage=03-llms", ["attention"]),
        ("?stage=03-llms&q=byte", []),
        ("?stage=nowhere&q=%00", []),
    ],
)
def test_exercises_are_found_in_both_languages(
    client: Client, two: None, query: str, slugs: list[str]
) -> None:
    assert found(client, query) == slugs
    assert found(client, query, accept_language="zh-CN") == slugs


def test_while_typing_only_the_list_is_fetched(client: Client, two: None) -> None:
    page = client.get(reverse("exercises"), {"q": "pair"}, headers={"hx-request": "true"})
    assert TITLE.findall(page.content.decode()) == ["bpe-tokenizer"]
    assert "<form" not in page.content.decode()
    assert "HX-Request" in page.headers["Vary"]


def test_what_was_searched_is_escaped(client: Client, two: None) -> None:
    page = client.get(reverse("exercises"), {"q": '"><script>'}).content.decode()
    assert "<script>" not in page


@pytest.mark.usefixtures("_patience")
def test_own_submissions_are_listed_page_by_page(
    client: Client, learner: User, make_learner: MakeLearner, submit: Submit
) -> None:
    for _ in range(PAGE_LENGTH + 1):
        submit(learner=learner)
    other = submit(learner=make_learner())
    client.force_login(learner)
    first = client.get(reverse("own-submissions")).content.decode()
    second = client.get(reverse("own-submissions"), {"page": "2"}).content.decode()
    assert first.count("<time") == PAGE_LENGTH and second.count("<time") == 1
    assert str(other.pk) not in first + second
    assert "?page=2" in first and "?page=1" in second
    assert client.get(reverse("own-submissions"), {"page": "x"}).status_code == 200


@pytest.mark.usefixtures("_patience")
def test_a_long_history_takes_no_more_queries(
    client: Client,
    learner: User,
    submit: Submit,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(PAGE_LENGTH):
        submit(learner=learner)
    client.force_login(learner)
    with django_assert_max_num_queries(14):
        client.get(reverse("own-submissions"))


def test_own_submissions_need_a_sign_in(client: Client, db: None) -> None:
    answer = client.get(reverse("own-submissions"))
    assert answer.headers["Location"].startswith(reverse("account_login"))


def test_help_is_the_learners_guide_with_the_packages(client: Client, db: None) -> None:
    page = client.get(reverse("help")).content.decode()
    assert "For learners" in page and "<code>torch</code> 2." in page
    assert "typing_extensions" not in page
    chinese = client.get(reverse("help"), headers={"accept-language": "zh-CN"}).content.decode()
    assert "学习指南" in chinese and "<code>torch</code> 2." in chinese


def test_both_guides_have_the_same_parts() -> None:
    texts = [
        (guide.settings.ROOT / name).read_text(encoding="utf-8") for name in guide._FILES.values()
    ]
    shapes = [
        [re.match(r"\d\.|\||#+|", block).group() for block in re.split(r"\n\n", text)]  # type: ignore[union-attr]
        for text in texts
    ]
    assert shapes[0] == shapes[1]
    assert len({text.count("\n|") for text in texts}) == 1


def test_strangers_try_an_exercise_with_code(
    client: Client, exercise: Exercise, make_another: MakeExercise
) -> None:
    version = exercise.current_version
    assert version is not None
    make_another("softmax")
    version.manifest |= {"kind": "quiz"}
    version.save()
    page = client.get(reverse("home")).content.decode()
    begin = page[: page.index("Try an exercise")]
    assert begin.rpartition('href="')[2].startswith("/exercises/softmax/")


def test_times_have_seconds(client: Client, learner: User, submit: Submit) -> None:
    sent = submit(learner=learner)
    client.force_login(learner)
    for url in (reverse("submissions", args=["attention"]), sent.get_absolute_url()):
        assert f"{sent.submitted_at:%H:%M:%S}" in client.get(url).content.decode()
