"""Statements: what Markdown may do, and what it may not."""

from __future__ import annotations

from curriculum.markdown import render_markdown, render_python


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
    html = render_python('x = "</pre><script>alert(1)</script>"', numbered=True)
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
