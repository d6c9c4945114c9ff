"""Quizzes and notebooks: what was chosen stays, and one press sends once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from submissions.models import Submission
from tests.browser.conftest import Open
from tests.browser.stagehand import (
    QUIZ_SECOND,
    QUIZ_WRONG,
    Grader,
    make_notebook,
    make_quiz,
    notebook_of,
)
from tests.browser.test_pages import serious
from tests.browser.test_workbench import sent


def answer(page: Page) -> None:
    page.locator("input[value=linear]").check()
    page.locator("input[value=heads]").check()
    page.locator("input[value=wheels]").check()


def chosen(page: Page) -> list[str]:
    return page.locator("input:checked").evaluate_all("all => all.map((input) => input.value)")


ANSWERS = ["linear", "heads", "wheels"]


# Quizzes


def test_answers_outlive_a_reload_and_a_switch_of_language(open_page: Open, learner: User) -> None:
    page = open_page(make_quiz(QUIZ_SECOND).get_absolute_url(), user=learner)
    answer(page)
    page.reload()
    assert chosen(page) == ANSWERS
    page.get_by_role("button", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    assert chosen(page) == ANSWERS


def test_a_guests_answers_are_still_there_after_signing_in(open_page: Open, learner: User) -> None:
    quiz = make_quiz(QUIZ_SECOND)
    page = open_page(quiz.get_absolute_url())
    answer(page)
    page.get_by_role("button", name="Check my answers").click()
    expect(page.get_by_role("alert")).to_contain_text("Sign in to have your answers checked")
    page.get_by_role("link", name="Sign in to have them checked").click()
    page.locator("main input[name=login]").fill(learner.username)
    page.locator("main input[name=password]").fill("a-long-password-1")
    page.locator("main").get_by_role("button").click()
    page.wait_for_url(f"**{quiz.get_absolute_url()}")
    assert chosen(page) == ANSWERS


@pytest.mark.parametrize("javascript", [True, False])
def test_a_quiz_with_open_questions_is_not_graded(
    open_page: Open, learner: User, javascript: bool
) -> None:
    quiz = make_quiz(QUIZ_SECOND)
    page = open_page(quiz.get_absolute_url(), user=learner, javascript=javascript)
    page.get_by_role("button", name="Check my answers").click()
    refusal = page.get_by_role("alert")
    expect(refusal).to_contain_text("Questions 1, 2 have no answer yet")
    page.locator("input[value=norms]").check()
    page.get_by_role("button", name="Check my answers").click()
    expect(refusal).to_contain_text("Question 1 has no answer yet")
    assert chosen(page) == ["norms"]
    assert not Submission.objects.exists()
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("注意力")


def test_an_old_quiz_shows_questions_choices_and_feedback(open_page: Open, learner: User) -> None:
    page = open_page(make_quiz(QUIZ_SECOND).get_absolute_url(), user=learner)
    answer(page)
    page.get_by_role("button", name="Check my answers").click()
    expect(page.locator(".verdict")).to_be_visible()
    second = QUIZ_WRONG | {"name": "parts", "title": {"en": "Question 2", "zh": "第 2 题"}}
    grader = Grader(sent(), [QUIZ_WRONG, second])
    grader.finish_next()
    grader.finish_next()
    grader.judge()
    expect(page.locator(".choice-feedback")).to_have_count(2)
    page.locator("input[value=square]").check()
    expect(page.locator(".choice-feedback").first).to_be_hidden()
    expect(page.locator(".choice-feedback").last).to_be_visible()
    page.goto(sent().get_absolute_url())
    answers = page.get_by_role("region", name="Your answers")
    expect(answers.get_by_role("group")).to_have_count(2)
    assert chosen(page) == ANSWERS
    expect(answers.locator("input:enabled")).to_have_count(0)
    expect(answers.locator(".choice-feedback")).to_have_count(2)
    assert serious(page) == []


def test_a_quiz_is_sent_once(open_page: Open, learner: User) -> None:
    page = open_page(make_quiz(QUIZ_SECOND).get_absolute_url(), user=learner)
    answer(page)
    button = page.get_by_role("button", name="Check my answers")
    page.route("**/submit/", lambda route: route.abort())
    button.click()
    expect(page.get_by_role("alert")).to_contain_text("The server can’t be reached")
    assert chosen(page) == ANSWERS
    page.unroute("**/submit/")
    button.dblclick(delay=20)
    expect(page.locator(".verdict")).to_be_visible()
    page.wait_for_timeout(300)
    assert json.loads(Submission.objects.get().source)["cost"] == ["linear"]


# Notebooks


def choose(page: Page, path: Path, source: str) -> None:
    path.write_text(source, encoding="utf-8")
    page.locator("input[type=file]").set_input_files(path)


def test_a_notebook_is_chosen_once_for_run_and_submit(
    open_page: Open, learner: User, tmp_path: Path
) -> None:
    page = open_page(make_notebook().get_absolute_url(), user=learner)
    choose(page, tmp_path / "mine.ipynb", notebook_of("x = 1\n"))
    page.get_by_role("button", name="Run").dblclick(delay=20)
    expect(page.locator(".verdict")).to_be_visible()
    page.get_by_role("button", name="Submit").click()
    expect(page.locator(f"#run-{sent().pk}")).to_be_visible()
    page.wait_for_timeout(300)
    assert sorted(Submission.objects.values_list("tests", flat=True)) == ["hidden", "visible"]
    page.reload()
    expect(page.get_by_text("Without a new file, the notebook of")).to_be_visible()
    Grader(sent(), []).judge()
    page.get_by_role("button", name="Submit").click()
    expect(page.locator(".verdict strong")).to_have_text("Waiting")
    assert Submission.objects.count() == 3
    assert all("x = 1" in source for source in Submission.objects.values_list("source", flat=True))


@pytest.mark.parametrize("javascript", [True, False])
def test_a_refused_notebook_leaves_a_page_for_the_other_language(
    open_page: Open, learner: User, tmp_path: Path, javascript: bool
) -> None:
    page = open_page(make_notebook().get_absolute_url(), user=learner, javascript=javascript)
    choose(page, tmp_path / "broken.ipynb", "no JSON")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("alert")).to_contain_text("JSON")
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("注意力")


def test_a_file_that_the_browser_no_longer_reads_must_be_chosen_again(
    open_page: Open, learner: User, tmp_path: Path
) -> None:
    page = open_page(make_notebook().get_absolute_url(), user=learner)
    path = tmp_path / "mine.ipynb"
    choose(page, path, notebook_of("x = 1\n"))
    path.unlink()
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("alert")).to_contain_text("The file has changed since you chose it")
    choose(page, path, notebook_of("x = 22\n"))
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".verdict")).to_be_visible()
    assert "x = 22" in sent().source
