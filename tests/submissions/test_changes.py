"""What changed since the last submission, and since the last accepted one."""

from __future__ import annotations

import difflib
from datetime import timedelta
from itertools import count

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from curriculum.models import Exercise
from submissions import changes, services
from submissions.models import Submission
from submissions.verdicts import Verdict
from tests.submissions.conftest import MakeLearner, Submit, claimed


@pytest.fixture
def three(submit: Submit) -> list[Submission]:
    """An accepted one, a later one, and the last, a minute between them."""
    made = [submit(source=f"a\nb\nc{number}\n") for number in range(3)]
    for number, each in enumerate(made):
        at = timezone.now() - timedelta(minutes=10 - number)
        Submission.objects.filter(pk=each.pk).update(submitted_at=at)
    services.record_verdict(
        claimed(made[0].latest_run), verdict=Verdict.ACCEPTED, score=1, max_score=1
    )
    return made


def marks(lines: list[changes.Line] | None) -> list[str]:
    return [f"{line.mark}{line.text}" for line in lines or []]


def test_a_difference_has_marks_and_the_lines_around() -> None:
    before = "\n".join("abcdefghij")
    shown = changes.difference(before, before.replace("e", "E").replace("j", "j\n"))
    assert marks(shown) == ["…", " b", " c", " d", "-e", "+E", " f", " g", " h", " i", " j", "+"]
    assert changes.difference(before, before) == []
    assert marks(changes.difference("a\nb", "a\nc")) == [" a", "-b", "+c"]


def test_texts_too_long_to_compare_are_said_to_be_so() -> None:
    most = "\n" * (changes.MAX_LINES - 1)
    assert changes.difference(most, most) == []
    assert changes.difference(most, most + "\n") is None


def test_texts_made_to_be_hard_to_compare_are_said_to_be_so() -> None:
    calls = count()
    old, new = ["a", "b"] * 300, ["a"] * 199
    with pytest.MonkeyPatch.context() as patch:
        step = difflib.SequenceMatcher.find_longest_match
        patch.setattr(
            difflib.SequenceMatcher,
            "find_longest_match",
            lambda *bounds: next(calls) + 1 and step(*bounds),
        )
        patch.setattr(changes, "COMPARE_S", 0.05)
        assert changes.difference("\n".join(old), "\n".join(new)) is None
    assert next(calls) < 199  # of its some hundred steps, each of milliseconds


def test_a_submission_is_compared_with_those_before_it(
    signed_in: Client, three: list[Submission]
) -> None:
    def shown(at: Submission) -> list[tuple[str, bool, list[str]]]:
        page = signed_in.get(reverse("submission-changes", args=[at.pk]))
        return [
            (each.since.source[-3:], each.was_accepted, marks(each.lines)[-3:])
            for each in page.context["changes"]
        ]

    accepted, later, last = three
    assert shown(last) == [
        ("c1\n", False, ["-c1", "+c2", " "]),
        ("c0\n", True, ["-c0", "+c2", " "]),
    ]
    assert shown(later) == [("c0\n", True, ["-c0", "+c1", " "])]
    assert shown(accepted) == []


def test_the_editors_text_is_compared_with_what_was_sent(
    signed_in: Client, learner: User, exercise: Exercise, three: list[Submission]
) -> None:
    services.save_draft(learner=learner, exercise=exercise, source="a\n<b>\nc2\n", revision=0)
    page = signed_in.get(reverse("changes", args=[exercise.slug]))
    html = page.content.decode()
    assert "<del>- b\n</del><ins>+ &lt;b&gt;\n</ins>" in html
    assert [each.since for each in page.context["changes"]] == [three[2], three[0]]
    page = signed_in.get(
        reverse("changes", args=[exercise.slug]), headers={"Accept-Language": "zh"}
    )
    assert "上次通过" in page.content.decode()


def test_others_code_is_compared_with_nothing(
    client: Client, make_learner: MakeLearner, exercise: Exercise, three: list[Submission]
) -> None:
    client.force_login(make_learner("other"))
    assert client.get(reverse("submission-changes", args=[three[2].pk])).status_code == 404
    assert client.get(reverse("changes", args=[exercise.slug])).context["changes"] == []
