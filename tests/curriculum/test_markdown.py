"""Statements: what Markdown may do, and what it may not."""

from __future__ import annotations

import pytest
from pygments.lexer import RegexLexer

from curriculum import markdown
from curriculum.allowance import Allowance, TooCostly
from curriculum.markdown import (
    render_learners_markdown,
    render_learners_python,
    render_markdown,
    render_numbered,
)
from curriculum.templatetags.course import numbered_python

PLENTY = 60.0
"""Seconds that no text takes; with none left, every text takes too long."""


def test_formulas_keep_their_tex_for_the_browser() -> None:
    html = render_markdown(r"Scale by $\sqrt{d_k}$ and $a < b$.")
    assert r'<span class="math inline">\sqrt{d_k}</span>' in html
    assert '<span class="math inline">a &lt; b</span>' in html


def test_display_formulas_over_several_lines() -> None:
    html = render_markdown("$$\ny = x \\\\\nz = 1\n$$\n")
    assert '<div class="math block">' in html
    assert "y = x" in html


def test_money_is_not_a_formula() -> None:
    assert "math" not in render_markdown("It costs $ 5, or $ 6 with tax.")


def test_raw_html_is_shown_and_not_obeyed() -> None:
    html = render_markdown('<script>alert(1)</script> <img src=x onerror="alert(1)">')
    assert "<script" not in html
    assert "<img" not in html


def test_script_links_are_not_made() -> None:
    assert "href" not in render_markdown("[click](javascript:alert(1))")


def test_code_is_highlighted_by_classes_alone() -> None:
    html = render_markdown("```python\ndef f(x):\n    return x\n```\n")
    assert '<span class="k">def</span>' in html
    assert "style=" not in html


def test_code_in_an_unknown_language_is_plain_and_escaped() -> None:
    assert "a &lt; b" in render_markdown("```klingon\na < b\n```\n")


def test_wide_tables_can_be_scrolled_by_keyboard() -> None:
    html = render_markdown("| a | b |\n| - | - |\n| 1 | 2 |\n")
    assert html.startswith('<div class="table" tabindex="0"><table>')
    assert html.rstrip().endswith("</table></div>")


def test_a_learners_code_is_escaped() -> None:
    source = 'x = "</pre><script>alert(1)</script>"'
    html = render_learners_python(source, Allowance(PLENTY), numbered=True)
    assert "<script" not in html
    assert '<span class="linenos">1</span>' in html


def test_cells_are_aligned_by_classes_alone() -> None:
    html = render_markdown("| a | b |\n| :-: | --: |\n| 1 | 2 |\n")
    assert '<th class="align-center">a</th>' in html
    assert '<td class="align-right">2</td>' in html
    assert "style=" not in html


def test_a_heading_of_nothing_is_no_heading() -> None:
    html = render_markdown("| a | |\n| - | - |\n| 1 | |\n")
    assert html.count("<th") - html.count("<thead") == 1
    assert "<td></td>\n</tr>\n</thead>" in html


def test_lines_of_chinese_join_without_a_space() -> None:
    assert "形状、最大误差" in render_markdown("形状、\n最大误差")
    assert "用 torch\n的函数" in render_markdown("用 torch\n的函数")
    assert "one\ntwo" in render_markdown("one\ntwo")


def test_a_fence_chooses_no_lexer_beyond_a_short_list(monkeypatch: pytest.MonkeyPatch) -> None:
    used = set[str]()
    get = RegexLexer.get_tokens_unprocessed

    def note(lexer: RegexLexer, *given: object) -> object:
        used.add(lexer.name)
        return get(lexer, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(RegexLexer, "get_tokens_unprocessed", note)
    for language in ("gnuplot", "perl", "console", "html+php", "Bash", "json extra", ""):
        render_markdown(f"```{language}\nplot 1\n```\n")
    assert used <= {"Bash", "JSON"} and "Bash" in used


COSTLY = {
    "long": "a " * 5001,
    "a table of many cells": "|".join("a" * 500) + "\n" + "|".join("-" * 500) + "\n|" * 100,
}


@pytest.mark.parametrize("text", COSTLY.values(), ids=COSTLY)
def test_a_learners_text_that_would_grow_too_much_is_refused(text: str) -> None:
    with pytest.raises(TooCostly):
        render_learners_markdown(text, Allowance(PLENTY))


@pytest.mark.parametrize("text", ["a", "| a |\n| - |", "[" * 9, "```python\nx\n```", "> - a"])
def test_a_learners_text_is_rendered_only_while_there_is_time(text: str) -> None:
    assert render_learners_markdown(text, Allowance(PLENTY)) == render_markdown(text)
    with pytest.raises(TooCostly):
        render_learners_markdown(text, Allowance(-1))


def test_a_parser_that_takes_long_is_stopped_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of these grows with the square of its length, in steps that do not."""
    now = iter(range(10**6))
    monkeypatch.setattr("curriculum.allowance.time.thread_time", lambda: next(now))
    for text in ("![" * 4000, "```yaml\n" + "&" * 9000):
        with pytest.raises(TooCostly):
            render_learners_markdown(text, Allowance(500))
    with pytest.raises(TooCostly):
        render_learners_python("x" + " \n" * 4000, Allowance(500))


def test_code_that_is_not_highlighted_is_shown_with_its_numbers_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for source in ("\n\nx = '<b>'\n", "\n\nx = '<b>'\n" + "#" * markdown.MAX_PYTHON_CHARS):
        html = str(numbered_python(source))
        assert '<span class="linenos">3</span>' in html.replace(" 3<", "3<").replace("> ", ">")
        assert "&lt;b&gt;" in html and 'name="line-3"' in html
        assert ("without colours" in html) == (len(source) > markdown.MAX_PYTHON_CHARS)
    assert "linenos" not in render_numbered("\n" * 10_000)
    assert "&lt;b&gt;" in render_numbered("\n" * 10_000 + "<b>")
