"""The exercise page: writing, keeping, running, and watching the results arrive."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, Route, expect

from accounts.models import User
from curriculum.models import Exercise
from submissions import services
from submissions.models import Draft, Submission
from tests.browser.conftest import Open
from tests.browser.stagehand import (
    FAILING,
    PASSED,
    QUIZ_WRONG,
    STARTER,
    WRONG,
    Grader,
    graded,
    make_quiz,
)
from tests.browser.test_pages import serious

MINE = "# mine\n"


def write(page: Page, text: str) -> None:
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.insert_text(text)


def editor(page: Page) -> str:
    return str(page.locator("textarea[name=source]").input_value())


def sent() -> Submission:
    return Submission.objects.latest("submitted_at")


@pytest.mark.parametrize(
    ("keys", "tests"), [("Control+Enter", "visible"), ("Control+Shift+Enter", "hidden")]
)
def test_both_shortcuts_work_in_the_editor_and_outside(
    open_page: Open, exercise: Exercise, learner: User, keys: str, tests: str
) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    write(page, MINE)
    page.keyboard.press(keys)
    expect(page.locator("[data-run]")).to_be_visible()
    assert (sent().tests, sent().source) == (tests, STARTER + MINE)
    first = sent()
    write(page, "# again\n")
    page.locator("h1").click()
    page.keyboard.press(keys)
    expect(page.locator(f"#run-{first.pk}")).to_have_count(0)
    assert Submission.objects.filter(tests=tests).count() == 2


def test_rows_appear_one_by_one_and_the_page_comes_to_rest(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    page.get_by_role("button", name="Submit").click()
    verdict = page.locator(".verdict strong")
    expect(verdict).to_have_text("Waiting")
    grader = Grader(sent(), FAILING)
    expect(verdict).to_have_text("Running")
    rows = page.locator(".test")
    for number in range(1, 4):
        grader.finish_next()
        expect(rows).to_have_count(number)
        expect(verdict).to_have_text("Running")
    grader.diagnose(str(WRONG["name"]))
    grader.judge()
    expect(verdict).to_have_text("Wrong answer")
    expect(page.locator(".run-head")).to_contain_text("1 of 3 tests pass 0 of 10 points")
    expect(page.locator(".verdict")).to_contain_text(
        "We know this mistake You did not divide by √d_k."
    )
    wrong, slow, passed = (rows.nth(n) for n in range(3))
    expect(wrong.locator("details").first).to_have_attribute("open", "")
    expect(wrong).to_contain_text("The largest error is 0.41.")
    expect(wrong.locator(".compared tbody tr").first).to_have_text("[0, 0]13.302413.7101 (differs)")
    expect(wrong.get_by_text("Look at the scores.")).to_be_hidden()
    wrong.get_by_text("Hint").click()
    expect(wrong.get_by_text("Look at the scores.")).to_be_visible()
    slow.locator("summary").click()
    expect(slow).to_contain_text(
        "1.93× the reference's time, 99 % interval 1.88 to 1.99, limit 1.50: too slow"
    )
    expect(passed).to_be_hidden()
    page.get_by_text("1 passed").click()
    expect(passed.locator(".status")).to_have_text("Passed")
    passed.locator("summary").click()
    expect(passed.locator("pre")).to_have_text("shape (2, 3)")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2500)
    assert asked == []


def test_what_is_open_stays_open_while_rows_arrive(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    page.get_by_role("button", name="Submit").click()
    expect(page.locator(".verdict")).to_be_visible()
    grader = Grader(sent(), [PASSED, WRONG])
    grader.finish_next()
    page.get_by_text("1 passed").click()
    page.locator(".test summary").click()
    grader.finish_next()
    expect(page.locator(".test")).to_have_count(2)
    expect(page.locator(".passed")).to_have_attribute("open", "")
    expect(page.locator(".passed .test details")).to_have_attribute("open", "")


def test_a_run_can_be_cancelled(open_page: Open, exercise: Exercise, learner: User) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    page.get_by_role("button", name="Run").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".verdict strong")).to_have_text("Cancelled")


def test_results_of_older_code_say_so(open_page: Open, exercise: Exercise, learner: User) -> None:
    graded(learner, exercise, FAILING)
    page = open_page(exercise.get_absolute_url(), user=learner)
    badge = page.get_by_text("These results are from older code")
    expect(badge).to_be_hidden()
    write(page, "x")
    expect(badge).to_be_visible()
    page.keyboard.press("Control+z")
    expect(badge).to_be_hidden()


def test_a_closed_tab_loses_nothing(open_page: Open, exercise: Exercise, learner: User) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    write(page, MINE)
    page.close(run_before_unload=True)
    again = open_page(exercise.get_absolute_url(), context=page.context)
    expect(again.locator(".cm-content")).to_contain_text(MINE.strip())


def test_a_draft_reaches_other_devices(open_page: Open, exercise: Exercise, learner: User) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    write(page, MINE)
    expect(page.locator("[data-save-state]")).to_have_text("Saving …")
    expect(page.locator("[data-save-state]")).to_have_text("Saved")
    elsewhere = open_page(exercise.get_absolute_url(), user=learner)
    assert editor(elsewhere) == STARTER + MINE


@pytest.mark.parametrize(("button", "wins"), [("Keep", "# here"), ("Take", "# there")])
def test_two_devices_are_offered_the_choice(
    open_page: Open, exercise: Exercise, learner: User, button: str, wins: str
) -> None:
    here = open_page(exercise.get_absolute_url(), user=learner)
    there = open_page(exercise.get_absolute_url(), user=learner)
    write(there, "# there")
    expect(there.locator("[data-save-state]")).to_have_text("Saved")
    write(here, "# here")
    choice = here.get_by_role("alertdialog", name="Two versions of your code")
    choice.get_by_role("button", name=button).click()
    expect(here.locator("[data-save-state]")).to_have_text("Saved")
    assert wins in editor(here)
    assert Draft.objects.get().source == editor(here)


def test_a_guests_text_is_still_there_after_signing_in(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    page = open_page(exercise.get_absolute_url())
    write(page, MINE)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("Sign in to run your code")
    page.get_by_role("link", name="Sign in to run your code").click()
    page.locator("main input[name=login]").fill(learner.username)
    page.locator("main input[name=password]").fill("a-long-password-1")
    page.locator("main").get_by_role("button").click()
    page.wait_for_url(f"**{exercise.get_absolute_url()}")
    expect(page.locator(".cm-content")).to_contain_text(MINE.strip())


def test_a_fault_of_the_server_loses_nothing(
    open_page: Open, exercise: Exercise, learner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("as if the database had gone")

    page = open_page(exercise.get_absolute_url(), user=learner)
    write(page, MINE)
    with monkeypatch.context() as patch:
        patch.setattr(services, "submit", broken)
        page.get_by_role("button", name="Submit").click()
        expect(page.get_by_role("alert")).to_contain_text("Something broke on our side")
    assert editor(page) == STARTER + MINE
    page.get_by_role("button", name="Submit").click()
    expect(page.locator(".verdict")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_reset_can_be_undone(open_page: Open, exercise: Exercise, learner: User) -> None:
    services.save_draft(learner=learner, exercise=exercise, source=MINE, revision=0)
    page = open_page(exercise.get_absolute_url(), user=learner)
    page.get_by_role("button", name="Reset to starter").click()
    assert editor(page) == STARTER
    page.get_by_role("button", name="Undo").click()
    assert editor(page) == MINE


def test_an_old_submission_can_be_restored(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    submission = graded(learner, exercise, FAILING)
    services.save_draft(learner=learner, exercise=exercise, source=MINE, revision=0)
    page = open_page(exercise.get_absolute_url(), user=learner)
    page.get_by_role("link", name="Submissions").click()
    page.locator(".history a").click()
    page.wait_for_url(f"**{submission.get_absolute_url()}")
    page.get_by_role("button", name="Restore into the editor").click()
    page.wait_for_url(f"**{exercise.get_absolute_url()}")
    assert editor(page) == STARTER


def test_tabs_keep_the_editor(open_page: Open, exercise: Exercise, learner: User) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    write(page, MINE)
    page.get_by_role("link", name="Submissions").click()
    expect(page.get_by_text("Nothing here yet.")).to_be_visible()
    assert editor(page) == STARTER + MINE
    page.get_by_role("link", name="Statement").click()
    expect(page.locator(".prose .katex")).to_have_count(3)


def test_everything_can_be_reached_by_keyboard(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    reached = []
    for _ in range(40):
        reached.append(
            page.evaluate("document.activeElement.className || document.activeElement.localName")
        )
        if "cm-content" in reached[-1]:
            page.keyboard.press("Escape")
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.action === 'submit'"):
            break
    names = " ".join(reached)
    for each in ("brand", "tool", "split-handle", "cm-content"):
        assert each in names
    expect(page.get_by_role("button", name="Submit")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_be_visible()


def test_the_splitter_moves_by_keyboard_and_remembers(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    handle = page.get_by_role("separator", name="Width of the statement")
    before = page.locator(".reading").bounding_box()
    handle.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    expect(handle).to_have_attribute("aria-valuenow", "52")
    after = page.locator(".reading").bounding_box()
    assert before and after and after["width"] > before["width"] + 80
    page.reload()
    expect(handle).to_have_attribute("aria-valuenow", "52")


def test_a_quiz_tells_of_each_choice(open_page: Open, learner: User) -> None:
    page = open_page(make_quiz().get_absolute_url(), user=learner)
    page.get_by_role("radio").first.check()
    page.get_by_role("button", name="Check my answers").click()
    expect(page.locator(".verdict strong")).to_have_text("Waiting")
    assert json.loads(sent().source) == {"cost": ["linear"]}
    grader = Grader(sent(), [QUIZ_WRONG])
    grader.finish_next()
    grader.judge()
    expect(page.locator(".choice-feedback")).to_contain_text("Each query looks at")
    expect(page.locator(".choice-feedback .katex")).to_have_count(1)
    expect(page.get_by_role("radio").first).to_be_checked()
    assert serious(page) == []


def test_it_works_without_scripts(open_page: Open, exercise: Exercise, learner: User) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner, javascript=False)
    page.locator("textarea[name=source]").fill(STARTER + MINE)
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url(re.compile(r"/submissions/[0-9a-f-]{36}/$"))
    expect(page.locator(".verdict strong")).to_have_text("Waiting")
    assert sent().source == STARTER + MINE


def test_a_refused_text_stays_in_the_page_without_scripts(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner, javascript=False)
    huge = "# " + "x" * 300_000
    page.locator("textarea[name=source]").evaluate("(field, text) => { field.value = text }", huge)
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert editor(page) == huge
    assert not Submission.objects.exists()


def test_the_line_that_failed_is_marked_and_can_be_gone_to(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    trace = "Your code raised NotImplementedError\n  line 2, attention: raise NotImplementedError"
    page = open_page(exercise.get_absolute_url(), user=learner)
    page.get_by_role("button", name="Submit").click()
    expect(page.locator(".verdict")).to_be_visible()
    crashed = WRONG | {"kind": "runtime_error", "message": {"en": trace, "zh": trace}}
    grader = Grader(sent(), [crashed])
    grader.finish_next()
    grader.judge()
    marked = page.locator(".cm-line.cm-failedLine")
    expect(marked).to_have_text("    raise NotImplementedError")
    expect(page.locator(".cm-gutterElement.cm-failedLine")).to_have_text("2")
    page.get_by_role("link", name="line 2").click()
    page.keyboard.insert_text("# here")
    assert editor(page) == STARTER.replace("    raise", "# here    raise")
    expect(marked).to_have_count(0)
    page.get_by_role("link", name="line 2").click()
    expect(page.locator(".cm-content")).not_to_be_focused()
    page.locator(".cm-content").focus()
    page.keyboard.press("Control+z")
    expect(marked).to_have_count(1)
    page.reload()
    expect(marked).to_have_count(1)
    assert serious(page) == []
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".verdict strong")).to_have_text("Waiting")
    expect(marked).to_have_count(0)


def test_what_changed_since_a_run_is_shown_beside_the_editor(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    graded(learner, exercise, FAILING)
    page = open_page(exercise.get_absolute_url(), user=learner)
    write(page, MINE)
    page.get_by_role("link", name="What changed").click()
    expect(page.locator("#pane .diff ins")).to_have_text("+ # mine\n")
    assert editor(page) == STARTER + MINE
    assert serious(page) == []
    page.go_back()
    expect(page.locator(".prose .katex").first).to_be_visible()
    page.goto(sent().get_absolute_url())
    page.get_by_role("link", name="What changed").click()
    expect(page.get_by_text("There is no earlier submission")).to_be_visible()
    assert serious(page) == []


def test_an_answer_that_comes_after_the_last_one_shows_nothing_twice(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    page.get_by_role("button", name="Submit").click()
    panel = page.locator("[data-run]")
    expect(panel).to_be_visible()
    submission = sent()
    grader = Grader(submission, [PASSED])
    grader.finish_next()
    held: list[Route] = []
    page.route(f"**{submission.get_absolute_url()}", lambda route: held.append(route))
    grader.judge()
    panel.dispatch_event("submission-changed")
    panel.dispatch_event("submission-changed")
    while not held:
        page.wait_for_timeout(20)
    for route in held:
        route.continue_()
    page.unroute(f"**{submission.get_absolute_url()}")
    expect(page.locator(".verdict strong")).to_have_text("Accepted")
    page.wait_for_timeout(500)
    expect(panel).to_have_count(1)
