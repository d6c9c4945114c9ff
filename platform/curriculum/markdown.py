"""Statements: Markdown with formulas and highlighted code, to HTML that the page's CSP accepts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer, get_lexer_by_name
from pygments.util import ClassNotFound

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


def render_python(source: str, *, numbered: bool = False) -> str:
    """Return Python ``source`` as highlighted HTML, by classes alone."""
    html = str(highlight(source, PythonLexer(), _LINE_NUMBERED if numbered else _PLAIN))
    # Long lines scroll, by keyboard too.
    return html.replace('<div class="highlight">', '<div class="highlight" tabindex="0">', 1)


@lru_cache(maxsize=1)
def _renderer() -> MarkdownIt:
    renderer = MarkdownIt("commonmark", {"html": False, "highlight": _highlight})
    renderer.enable(["table", "strikethrough"])
    renderer.use(dollarmath_plugin, allow_space=False, double_inline=True)
    # Wide tables scroll by themselves, by keyboard too.
    renderer.add_render_rule("table_open", lambda *_: '<div class="table" tabindex="0"><table>')
    renderer.add_render_rule("table_close", lambda *_: "</table></div>")
    renderer.add_render_rule("softbreak", _softbreak)
    renderer.core.ruler.after("inline", "cells", _mend_cells)
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


def _highlight(code: str, language: str, _attributes: str) -> str:
    try:
        lexer = get_lexer_by_name(language or "text")
    except ClassNotFound:
        lexer = get_lexer_by_name("text")
    body = highlight(code, lexer, _BARE)
    return f'<pre class="highlight" tabindex="0"><code>{body}</code></pre>'
