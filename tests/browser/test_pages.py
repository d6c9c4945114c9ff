"""Every page in both themes, both languages and on a phone: nothing that axe calls serious."""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from accounts.models import User
from curriculum.models import Exercise
from tests.browser.conftest import Open
from tests.browser.stagehand import FAILING, graded

LOOKS = [
    ("en", "light", 1280),
    ("en", "dark", 375),
    ("zh", "dark", 1280),
    ("zh", "light", 375),
]


def serious(page: Page) -> list[tuple[str, Any]]:
    found = Axe().run(page).response["violations"]
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]


def fits(page: Page) -> bool:
    return bool(
        page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )
    )


@pytest.mark.parametrize(("language", "theme", "width"), LOOKS)
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/stages/03-llms/",
        "/exercises/",
        "/exercises/attention/",
        "/help/",
        "/accounts/login/",
        "/nowhere/",
    ],
)
def test_a_strangers_pages_are_accessible(
    open_page: Open, exercise: Exercise, path: str, language: str, theme: str, width: int
) -> None:
    page = open_page(path, language=language, theme=theme, width=width)
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans" if language == "zh" else "en")
    assert serious(page) == []
    assert fits(page)


@pytest.mark.parametrize(("language", "theme", "width"), LOOKS)
def test_a_learners_pages_are_accessible(
    open_page: Open, exercise: Exercise, learner: User, language: str, theme: str, width: int
) -> None:
    submission = graded(learner, exercise, FAILING)
    page = open_page("/", user=learner, language=language, theme=theme, width=width)
    for path in (
        "/",
        exercise.get_absolute_url(),
        f"{exercise.get_absolute_url()}submissions/",
        submission.get_absolute_url(),
        "/account/",
        "/submissions/",
        "/accounts/password/change/",
        "/accounts/email/",
    ):
        page.goto(path)
        assert serious(page) == [], path
        assert fits(page), path


def test_the_language_switch_keeps_the_page(open_page: Open, exercise: Exercise) -> None:
    page = open_page(exercise.get_absolute_url())
    expect(page.get_by_role("heading", level=1)).to_have_text("Attention")
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("注意力")
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Attention")


def test_the_theme_switch_is_remembered(open_page: Open, exercise: Exercise) -> None:
    page = open_page("/")
    button = page.get_by_role("button", name="Theme")
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    button.click()
    button.click()
    expect(button).to_have_accessible_name("Theme: dark")
    dark = page.evaluate(colour)
    assert dark != light
    page.reload()
    assert page.evaluate(colour) == dark


def test_what_is_too_wide_scrolls_by_keyboard_and_nothing_is_cut(
    open_page: Open, exercise: Exercise
) -> None:
    page = open_page(exercise.get_absolute_url(), width=320)
    wide = page.locator(".prose :is(.math.block, .table, .highlight)")
    expect(wide.nth(1)).to_have_attribute("tabindex", "0")
    expect(wide.nth(0)).not_to_have_attribute("tabindex", "0")
    for part in wide.all():
        assert part.evaluate("e => ['auto', 'scroll'].includes(getComputedStyle(e).overflowX)")
    code = page.locator(".prose td code").first
    assert code.evaluate("e => e.getClientRects().length") == 1
    assert fits(page)


def test_formulas_look_right_under_the_style_policy(open_page: Open, exercise: Exercise) -> None:
    page = open_page(exercise.get_absolute_url())
    root = page.locator(".katex .sqrt").first
    assert root.evaluate("e => e.querySelector('svg').getBoundingClientRect().height") > 15
    over, under = page.locator(".katex .mfrac").first.locator(".vlist > span > .mord").all()
    boxes = [part.bounding_box() for part in (over, under)]
    assert boxes[0] and boxes[1]
    assert abs(boxes[0]["y"] - boxes[1]["y"]) > 10
    brace = page.locator(".katex .mopen svg").first
    assert brace.evaluate("e => e.style.width") != ""


def test_formulas_and_code_are_rendered(open_page: Open, exercise: Exercise) -> None:
    page = open_page(exercise.get_absolute_url())
    expect(page.locator(".prose .katex")).to_have_count(3)
    expect(page.locator(".prose .katex math")).to_have_count(3)
    expect(page.locator(".prose pre.highlight .k").first).to_have_text("def")


def test_home_shows_progress_and_where_to_go_on(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    page = open_page("/", user=learner)
    expect(page.get_by_text("0 of 1 solved")).to_have_count(2)
    graded(learner, exercise, FAILING)
    page.reload()
    expect(page.get_by_text("Continue where you left off")).to_be_visible()
    page.get_by_role("link", name="Continue").click()
    page.wait_for_url(f"**{exercise.get_absolute_url()}")
    graded(learner, exercise, [])
    page.goto("/")
    expect(page.get_by_text("1 of 1 solved")).to_have_count(2)


def test_what_belongs_to_another_is_not_found(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    other = User.objects.create_user("wei", "wei@example.org", "a-long-password-1")
    submission = graded(other, exercise, FAILING)
    page = open_page(submission.get_absolute_url(), user=learner)
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing at this address")


def test_the_menu_opens_and_closes(open_page: Open, exercise: Exercise, learner: User) -> None:
    page = open_page("/", user=learner)
    menu = page.locator("summary").filter(has_text="mei")
    account = page.get_by_role("link", name="Your account")
    expect(account).to_be_hidden()
    menu.click()
    expect(account).to_be_visible()
    assert serious(page) == []
    page.keyboard.press("Escape")
    expect(account).to_be_hidden()
    expect(menu).to_be_focused()
    menu.click()
    page.get_by_role("heading", level=1).click()
    expect(account).to_be_hidden()
    menu.click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False])
def test_exercises_are_searched_with_and_without_scripts(
    open_page: Open, exercise: Exercise, javascript: bool
) -> None:
    page = open_page("/exercises/", javascript=javascript)
    row = page.get_by_role("link", name="Attention", exact=True)
    expect(row).to_be_visible()
    page.get_by_role("searchbox").fill("nothing like it")
    if not javascript:
        page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("No exercise has all of these words.")).to_be_visible()
    expect(page).to_have_url(re.compile(r"q=nothing"))
    page.get_by_role("link", name="Show all").click()
    expect(row).to_be_visible()


def test_on_a_phone_the_code_is_one_link_away(open_page: Open, exercise: Exercise) -> None:
    page = open_page(exercise.get_absolute_url(), width=375)
    link = page.get_by_role("link", name="To the code")
    expect(link).to_be_in_viewport()
    link.click()
    expect(page.locator("code-editor")).to_be_in_viewport()
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(link).to_be_hidden()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_page_scrolls_sideways_at_320_pixels(
    open_page: Open, exercise: Exercise, learner: User, language: str
) -> None:
    submission = graded(learner, exercise, FAILING)
    paths = [
        "/",
        "/stages/03-llms/",
        "/exercises/",
        "/help/",
        "/leaderboard/",
        "/nowhere/",
        exercise.get_absolute_url(),
        f"{exercise.get_absolute_url()}submissions/",
        f"{exercise.get_absolute_url()}leaderboard/",
    ]
    own = [submission.get_absolute_url(), "/account/", "/submissions/", "/accounts/email/"]
    entrances = ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"]
    for user, seen in (
        (None, paths + entrances),
        (learner, [*paths, *own]),
    ):
        page = open_page("/", user=user, language=language, width=320)
        for path in seen:
            page.goto(path)
            assert fits(page), path
