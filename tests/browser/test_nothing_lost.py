"""What goes wrong around the exercise page costs nobody a text, nor a wait without end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, Route, expect

from accounts.models import User
from curriculum.models import Exercise
from submissions import services
from submissions.models import Draft, Submission
from tests.browser.conftest import Open
from tests.browser.stagehand import FAILING, STARTER, Grader
from tests.browser.test_pages import serious
from tests.browser.test_workbench import MINE, editor, sent, write

SAVED = "[data-save-state]"
PANEL = "**/submissions/*-*/"


@contextmanager
def bad_gateway(page: Page, path: str) -> Iterator[list[Route]]:
    """Have a proxy in between answer for the site."""
    refused: list[Route] = []

    def refuse(route: Route) -> None:
        refused.append(route)
        route.fulfill(status=502, body="<h1>Bad gateway</h1>")

    page.route(path, refuse)
    yield refused
    page.unroute(path)


# The way back


def test_back_from_a_tab_keeps_the_editor_at_work(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    write(page, "# one\n")
    page.get_by_role("link", name="Submissions").click()
    expect(page.get_by_text("Nothing here yet.")).to_be_visible()
    page.go_back()
    expect(page.locator(".prose .katex").first).to_be_visible()
    assert editor(page) == f"{STARTER}# one\n"
    write(page, "# two\n")
    expect(page.locator(SAVED)).to_have_text("Saved")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-run]")).to_be_visible()
    page.go_forward()
    expect(page.locator(".history a")).to_have_count(1)
    page.reload()
    assert editor(page) == f"{STARTER}# one\n# two\n"
    page.go_back()
    expect(page.locator(".prose .katex").first).to_be_visible()
    assert editor(page) == f"{STARTER}# one\n# two\n"


def test_back_from_another_page_shows_what_was_saved_meanwhile(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    write(page, MINE)
    expect(page.locator(SAVED)).to_have_text("Saved")
    page.get_by_role("link", name="Course", exact=True).click()
    page.wait_for_url("**/")
    page.go_back()
    expect(page.locator(".cm-content")).to_contain_text(MINE.strip())
    write(page, "# more\n")
    expect(page.locator(SAVED)).to_have_text("Saved")
    assert Draft.objects.get().source == f"{STARTER}{MINE}# more\n"


def test_a_page_out_of_the_back_forward_cache_is_up_to_date(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    services.save_draft(learner=learner, exercise=exercise, source=MINE, revision=0)
    # Playwright turns that cache off, so what the browser would say is said for it.
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    expect(page.locator(".cm-content")).to_have_text(MINE.strip())


# A run that is watched


def test_a_run_whose_panel_could_not_be_fetched_once_still_ends(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    page.get_by_role("button", name="Submit").click()
    verdict = page.locator(".verdict strong")
    expect(verdict).to_have_text("Waiting")
    grader = Grader(sent(), FAILING)
    expect(verdict).to_have_text("Running")
    with bad_gateway(page, PANEL) as refused:
        for _ in FAILING:
            grader.finish_next()
        grader.judge()
        while not refused:
            page.wait_for_timeout(50)
        page.wait_for_timeout(500)
    expect(verdict).to_have_text("Wrong answer")


def test_a_run_ends_on_the_page_after_the_network_was_away(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    page.get_by_role("button", name="Submit").click()
    verdict = page.locator(".verdict strong")
    expect(verdict).to_have_text("Waiting")
    grader = Grader(sent(), FAILING)
    expect(verdict).to_have_text("Running")
    page.context.set_offline(True)
    for _ in FAILING:
        grader.finish_next()
    grader.judge()
    page.wait_for_timeout(2500)
    expect(verdict).to_have_text("Running")
    page.context.set_offline(False)
    expect(verdict).to_have_text("Wrong answer")


# Drafts


def test_both_of_two_versions_can_be_looked_at(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    here = open_page(exercise.get_absolute_url(), user=learner)
    services.save_draft(learner=learner, exercise=exercise, source="# there\n", revision=0)
    write(here, "# here\n")
    choice = here.get_by_role("alertdialog", name="Two versions of your code")
    expect(choice.locator("del")).to_have_text(
        ["- def attention(q, k, v):\n", "-     raise NotImplementedError\n", "- # here\n"]
    )
    expect(choice.locator("ins")).to_have_text("+ # there\n")
    write(here, "# more\n")
    expect(choice.locator("del")).to_have_count(4)
    expect(here.locator(SAVED)).to_have_text("Not saved: two versions")
    assert serious(here) == []
    here.reload()
    expect(choice.locator("del")).to_have_text("- # there\n")
    expect(choice.locator("ins")).to_have_count(4)
    choice.get_by_role("button", name="Take").click()
    expect(here.locator(SAVED)).to_have_text("Saved")
    assert Draft.objects.get().source == f"{STARTER}# here\n# more\n"


def test_what_is_typed_before_the_choice_is_kept_as_well(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    with bad_gateway(page, "**/draft/"):
        write(page, "# never sent\n")
        expect(page.locator(SAVED)).to_have_text("Kept on this device")
        services.save_draft(learner=learner, exercise=exercise, source="# there\n", revision=0)
        page.reload()
    choice = page.get_by_role("alertdialog")
    expect(page.locator(SAVED)).to_have_text("Not saved: two versions")
    expect(choice.locator("ins").last).to_have_text("+ # never sent\n")
    write(page, "# and this\n")
    page.reload()
    assert editor(page) == "# there\n# and this\n"
    expect(choice.locator("ins").last).to_have_text("+ # never sent\n")
    choice.get_by_role("button", name="Take").click()
    expect(page.locator(SAVED)).to_have_text("Saved")
    assert Draft.objects.get().source == f"{STARTER}# never sent\n"
    page.reload()
    expect(choice).to_be_hidden()


def test_what_was_typed_and_undone_does_not_come_back(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    with bad_gateway(page, "**/draft/"):
        write(page, "# undone\n")
        while not page.evaluate("JSON.stringify(localStorage).includes('undone')"):
            page.wait_for_timeout(50)
        page.keyboard.press("Control+z")
        page.reload()
    assert editor(page) == STARTER


def test_a_long_chinese_draft_reaches_the_server(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    text = "# " + "注意力机制" * 1600 + "\n"
    page = open_page(exercise.get_absolute_url(), user=learner)
    write(page, text)
    expect(page.locator(SAVED)).to_have_text("Saved")
    assert Draft.objects.get().source == STARTER + text


# Pressing twice


def test_a_double_click_sends_once(open_page: Open, exercise: Exercise, learner: User) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    page.get_by_role("button", name="Submit").dblclick(delay=20)
    expect(page.locator(".verdict")).to_be_visible()
    page.wait_for_timeout(500)
    assert Submission.objects.count() == 1


def test_a_press_while_one_is_on_its_way_sends_nothing(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    waiting: list[Route] = []
    page.route("**/submit/", lambda route: waiting.append(route))
    submit = page.get_by_role("button", name="Submit")
    submit.click()
    expect(submit).to_have_attribute("aria-disabled", "true")
    page.keyboard.press("Control+Enter")
    submit.click(force=True)
    page.wait_for_timeout(300)
    assert len(waiting) == 1
    waiting[0].abort()
    expect(page.get_by_role("alert")).to_contain_text("The server can’t be reached")
    expect(submit).to_have_attribute("aria-disabled", "false")
    page.unroute("**/submit/")
    submit.click()
    expect(page.locator(".verdict")).to_be_visible()
    assert Submission.objects.count() == 1
