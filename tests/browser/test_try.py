"""The box for the learner's own lines."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from curriculum.models import Exercise
from submissions import services
from submissions.models import Submission
from submissions.verdicts import Verdict
from tests.browser.conftest import Open
from tests.browser.test_pages import serious
from tests.browser.test_workbench import MINE, STARTER, editor, sent, write

LINES = "print(attention(q, k, v))"


def write_lines(page: Page) -> None:
    page.get_by_text("Try your own lines").click()
    page.get_by_label("Lines to try, Python").fill(LINES)


def run(submission: Submission, **cell: object) -> None:
    claim = services.claim(submission.latest_run.pk)
    assert claim is not None
    services.record_notebook(claim, [{"output": "", "result": "", "error": None} | cell])
    services.record_verdict(claim, verdict=Verdict.RAN, score=0, max_score=0)


@pytest.mark.parametrize("by", ["button", "keys"])
def test_lines_are_run_with_what_is_in_the_editor(
    open_page: Open, exercise: Exercise, learner: User, by: str
) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    write(page, MINE)
    write_lines(page)
    if by == "button":
        page.get_by_role("button", name="Try", exact=False).click()
    else:
        page.keyboard.press("Control+Enter")
    expect(page.locator("[data-run]")).to_be_visible()
    assert (sent().tests, sent().probe, sent().source) == ("try", LINES, STARTER + MINE)
    run(sent(), output="tensor([1.])\n")
    expect(page.get_by_label("What your lines printed")).to_have_text("tensor([1.])\n")
    expect(page.locator(".verdict strong")).to_have_text("Ran")
    assert editor(page) == STARTER + MINE
    assert Submission.objects.count() == 1
    assert serious(page) == []


def test_lines_are_still_there_after_a_reload(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    write_lines(page)
    page.reload()
    expect(page.get_by_label("Lines to try, Python")).to_have_value(LINES)


def test_without_lines_the_page_says_what_to_write(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    page.get_by_text("Try your own lines").click()
    page.locator("[data-action=try]").click()
    expect(page.get_by_role("alert").filter(has_text="lines that you want to try")).to_be_visible()
    assert not Submission.objects.exists()
