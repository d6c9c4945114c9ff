"""Statements: Markdown with formulas and highlighted code, to HTML that the page's CSP accepts.

A learner's texts go the same way with an ``Allowance``, which the parsers ask as they go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from html import escape
from typing import Any

import pygments
from markdown_it import MarkdownIt
from markdown_it.ruler import StateBase
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

from curriculum.allowance import Allowance, TooCostly

# Of a learner's text; between two questions to the allowance no parser takes longer than some
# hundredths of a second for so much.
MAX_MARKDOWN_CHARS = 10_000
MAX_MARKDOWN_TOKENS = 10_000
MAX_PYTHON_CHARS = 40_000
MAX_NUMBERED_LINES = 5_000

# Any other lexer would be a stranger's choice: some take seconds for a few lines.
_LEXERS = {
    "python": "python",
    "py": "python",
    "python3": "python",
    "pycon": "pycon",
    "bash": "bash",
    "sh": "bash",
    "shell": "bash",
    "json": "json",
    "toml": "toml",
    "yaml": "yaml",
    "yml": "yaml",
    "diff": "diff",
}
_LINE_NUMBERED = HtmlFormatter(cssclass="highlight", linenos="inline", lineanchors="line")
_PLAIN = HtmlFormatter(cssclass="highlight")
# Ideographs, and the punctuation of their script.
_HAN = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef“”]")
_BARE = HtmlFormatter(nowrap=True)


@lru_cache(maxsize=512)
def render_markdown(text: str) -> str:
    """Return ``text`` as HTML; raw HTML in it is shown, not obeyed.

    Formulas become ``<span class="math inline">`` and ``<div class="math block">`` that hold the
    TeX source, which the browser replaces by KaTeX's output.
    """
    return str(_renderer().render(text))


def render_learners_markdown(text: str, allowance: Allowance) -> str:
    """Return a learner's ``text`` as ``render_markdown`` does.

    Raises:
        TooCostly: it is too long, or takes too much time.
    """
    if len(text) > MAX_MARKDOWN_CHARS:
        raise TooCostly
    return str(_renderer().render(text, {"allowance": allowance}))


def render_python(source: str) -> str:
    """Return Python ``source`` as highlighted HTML, by classes alone."""
    return _scrollable(_highlighted(source, "python", _PLAIN))


def render_learners_python(source: str, allowance: Allowance, *, numbered: bool = False) -> str:
    """Return a learner's ``source`` as ``render_python`` does, if so wished with line numbers.

    Raises:
        TooCostly: it is too long, or takes too much time.
    """
    if len(source) > MAX_PYTHON_CHARS:
        raise TooCostly
    formatter = _LINE_NUMBERED if numbered else _PLAIN
    return _scrollable(_highlighted(source, "python", formatter, allowance))


def render_numbered(text: str) -> str:
    """Return ``text`` as it is; with line numbers, unless there are far too many lines."""
    if text.count("\n") > MAX_NUMBERED_LINES:
        return f'<div class="highlight" tabindex="0"><pre>\n{escape(text)}</pre></div>'
    return _scrollable(_highlighted(text, "text", _LINE_NUMBERED))


def _scrollable(html: str) -> str:
    # Long lines scroll, by keyboard too.
    return html.replace('<div class="highlight">', '<div class="highlight" tabindex="0">', 1)


@lru_cache(maxsize=1)
def _renderer() -> MarkdownIt:
    renderer = MarkdownIt("commonmark", {"html": False})
    renderer.enable(["table", "strikethrough"])
    renderer.use(dollarmath_plugin, allow_space=False, double_inline=True)
    # Wide tables scroll by themselves, by keyboard too.
    renderer.add_render_rule("table_open", lambda *_: '<div class="table" tabindex="0"><table>')
    renderer.add_render_rule("table_close", lambda *_: "</table></div>")
    renderer.add_render_rule("softbreak", _softbreak)
    renderer.add_render_rule("fence", _fence)
    renderer.core.ruler.after("inline", "cells", _mend_cells)
    renderer.core.ruler.before("inline", "count", _count_tokens)
    renderer.block.ruler.before("table", "allowance", _ask_allowance)
    renderer.inline.ruler.before("text", "allowance", _ask_allowance)
    return renderer


def _softbreak(_renderer: object, tokens: Sequence[Token], position: int, *_: object) -> str:
    """A line's end is a space, but not between Chinese characters or their punctuation."""
    before, after = tokens[position - 1].content, tokens[position + 1].content
    joined = _HAN.match(before[-1:]) and _HAN.match(after[:1])
    return "" if joined else "\n"


def _mend_cells(state: StateCore) -> None:
    """Align by classes, since the page's CSP blocks styles; a heading of nothing is no heading."""
    for position, token in enumerate(state.tokens):
        if token.type not in {"th_open", "td_open"}:
            continue
        style = str(token.attrs.pop("style", ""))
        if style:
            token.attrSet("class", style.replace("text-align:", "align-"))
        content, close = state.tokens[position + 1 : position + 3]
        if not content.content:
            token.tag = close.tag = "td"


def _ask_allowance(state: StateBase, *_: object) -> bool:
    """Stand before all rules that may begin something, and begin nothing."""
    allowance: Allowance | None = state.env.get("allowance")
    if allowance:
        allowance.check()
    return False


def _count_tokens(state: StateCore) -> None:
    """A few lines can make a table of 65,536 cells."""
    if "allowance" in state.env and len(state.tokens) > MAX_MARKDOWN_TOKENS:
        raise TooCostly


def _fence(
    _renderer: object, tokens: Sequence[Token], position: int, _options: object, env: Any
) -> str:
    token = tokens[position]
    language = (token.info.split() or [""])[0].lower()
    lexer = _LEXERS.get(language, "text")
    body = _highlighted(token.content, lexer, _BARE, env.get("allowance"))
    return f'<pre class="highlight" tabindex="0"><code>{body}</code></pre>\n'


def _highlighted(
    code: str, lexer: str, formatter: HtmlFormatter[str], allowance: Allowance | None = None
) -> str:
    # Empty lines at the beginning count: messages name lines by number.
    tokens = get_lexer_by_name(lexer, stripnl=False).get_tokens(code)
    return str(pygments.format(_checked(tokens, allowance), formatter))


def _checked(tokens: Iterator[Any], allowance: Allowance | None) -> Iterator[Any]:
    for token in tokens:
        if allowance:
            allowance.check()
        yield token
