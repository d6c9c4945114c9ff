"""The editor and its frame: completion, search, wrapping, sizes, and a bar that stands still."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts.models import User
from curriculum.models import Exercise
from tests.browser.conftest import Open
from tests.browser.stagehand import FAILING, Grader
from tests.browser.test_workbench import editor, sent, write

STARTERS = sorted((Path(__file__).parents[2] / "exercises").glob("*/*/starter.py"))
LUMINANCE = """(element) => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map((c) => {
      c /= 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => getComputedStyle(node).backgroundColor;
  let behind = element;
  while (ground(behind) === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
  return [light(getComputedStyle(element).color), light(ground(behind))];
}"""


def top(found: Locator) -> float:
    box = found.bounding_box()
    assert box is not None
    return box["y"]


def contrast(found: Locator) -> float:
    low, high = sorted(found.evaluate(LUMINANCE))
    return float((high + 0.05) / (low + 0.05))


def complete(page: Page, text: str) -> list[str]:
    """Type ``text`` at the end and return what is offered."""
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type(text)
    page.keyboard.press("Control+Space")
    options = page.locator(".cm-tooltip-autocomplete li .cm-completionLabel")
    expect(options.first).to_be_visible()
    return options.all_inner_texts()


def scrolls_sideways(page: Page) -> bool:
    return bool(
        page.evaluate(
            "(s => s.scrollWidth > s.clientWidth)(document.querySelector('.cm-scroller'))"
        )
    )


def test_the_bar_stands_still_through_a_run(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    bar, verdict = page.locator(".actions-bar"), page.locator(".verdict")
    places = {top(bar)}
    page.get_by_role("button", name="Submit").click()
    expect(verdict).to_be_visible()
    outcomes = [each | {"name": f"{each['name']}_{i}"} for i in range(4) for each in FAILING]
    grader = Grader(sent(), outcomes)
    for _ in outcomes:
        places.add(top(bar))
        grader.finish_next()
    grader.judge()
    expect(verdict).to_contain_text("Wrong answer")
    places.add(top(bar))
    assert len(places) == 1
    box = verdict.bounding_box()
    drawer = page.locator(".drawer").bounding_box()
    assert box and drawer
    assert drawer["y"] <= box["y"] < box["y"] + box["height"] <= drawer["y"] + drawer["height"]


def test_the_height_of_the_results_is_set_and_remembered(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    handle = page.get_by_role("separator", name="Height of the results")
    bar = page.locator(".actions-bar")
    before = top(bar)
    handle.focus()
    page.keyboard.press("ArrowUp")
    assert top(bar) < before
    box = handle.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] - 96)
    page.mouse.up()
    dragged = top(bar)
    assert dragged == pytest.approx(box["y"] - 100 - 60, abs=45)
    page.reload()
    assert top(page.locator(".actions-bar")) == dragged


def test_lines_wrap_until_told_otherwise(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    write(page, "x = " + "1 + " * 60 + "1\n")
    wrap = page.get_by_role("button", name="Wrap lines")
    expect(wrap).to_have_attribute("aria-pressed", "true")
    assert not scrolls_sideways(page)
    wrap.click()
    assert scrolls_sideways(page)
    page.reload()
    expect(page.get_by_role("button", name="Wrap lines")).to_have_attribute("aria-pressed", "false")


def test_the_size_of_the_text_is_set_and_remembered(
    open_page: Open, exercise: Exercise, learner: User
) -> None:
    page = open_page(exercise.get_absolute_url(), user=learner)
    size = "getComputedStyle(document.querySelector('.cm-scroller')).fontSize"
    assert page.evaluate(size) == "14px"
    page.get_by_role("button", name="Larger text").click(click_count=2)
    assert page.evaluate(size) == "16px"
    page.get_by_role("button", name="Smaller text").click()
    page.reload()
    assert page.evaluate(size) == "15px"


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("\nimport torch\ntorch.softm", "softmax"),
        ("\nimport torch.nn.functional as F\nF.scaled_dot", "scaled_dot_product_attention"),
        ("\nfrom torch import nn\nnn.functional.cross_e", "cross_entropy"),
        ("\nimport numpy as np\nnp.eins", "einsum"),
        ("\nfrom torch.nn import Layer", "LayerNorm"),
        ("\nq.transp", "transpose"),
        ("\nisinst", "isinstance"),
        ("\nwhi", "while"),
        ("\nretu", "return"),
        ("\natten", "attention"),
        ("\nself.wide = 1\nself.wi", "wide"),
    ],
)
def test_names_are_completed(open_page: Open, exercise: Exercise, text: str, offered: str) -> None:
    page = open_page(exercise.get_absolute_url())
    assert offered in complete(page, text)


def test_a_completion_is_taken_by_tab(open_page: Open, exercise: Exercise) -> None:
    page = open_page(exercise.get_absolute_url())
    complete(page, "\nimport torch\ntorch.logsumex")
    page.wait_for_timeout(100)  # CodeMirror takes nothing that has only just appeared
    page.keyboard.press("Tab")
    assert editor(page).endswith("\ntorch.logsumexp")


def test_enter_after_a_whole_name_makes_a_line(open_page: Open, exercise: Exercise) -> None:
    page = open_page(exercise.get_absolute_url())
    assert "pass" in complete(page, "\nif 1:\npass")
    page.wait_for_timeout(100)
    page.keyboard.press("Enter")
    page.keyboard.type("x")
    assert editor(page).endswith("    pass\n    x")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_find_panel_and_completions_can_be_read(
    open_page: Open, exercise: Exercise, theme: str
) -> None:
    page = open_page(exercise.get_absolute_url(), theme=theme, language="zh")
    complete(page, "\nimport torch\ntorch.softm")
    for option in page.locator(".cm-tooltip-autocomplete li").all():
        assert contrast(option) > 4.5
    page.keyboard.press("Escape")
    page.keyboard.press("Control+f")
    panel = page.locator(".cm-search")
    expect(panel.get_by_role("button", name="全部替换")).to_be_visible()
    expect(panel.get_by_text("区分大小写")).to_be_visible()
    for part in panel.locator("input:not([type=checkbox]), button, label").all():
        assert contrast(part) > 4.5, part.evaluate("e => e.outerHTML")


def test_every_starter_fits_the_editor(open_page: Open, exercise: Exercise) -> None:
    version = exercise.current_version
    assert version is not None
    page = open_page(exercise.get_absolute_url(), width=1280)
    for starter in STARTERS:
        version.starter = starter.read_text(encoding="utf-8")
        version.save()
        page.reload()
        assert editor(page) == version.starter
        assert not scrolls_sideways(page), starter
