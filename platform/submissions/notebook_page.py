"""A learner's notebook, with what it put out when it ran, as one safe HTML page.

Not nbconvert, for three measured reasons: its sanitiser shows the tags of headings and paragraphs
as text, its Markdown parser takes quadratic time (60 KB of ``[`` held it for over 25 seconds), and
it brings sockets and an event loop into the web process. A notebook of ours has only text in it,
so the statements' own renderer, which never obeys HTML, does all that is needed. What it makes
goes through a sanitiser none the less.
"""

from __future__ import annotations

import html
import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import nh3

from curriculum.allowance import Allowance, TooCostly
from curriculum.markdown import render_learners_markdown, render_learners_python

RENDER_S = 0.5
"""For all cells together. Markdown and highlighting are slow on hostile text: where the time is
over, what is left is shown as it is."""

_TAGS = (nh3.ALLOWED_TAGS | {"main", "section"}) - {"area", "img", "map"}
_ATTRIBUTES = {"*": {"class", "tabindex"}, "a": {"href", "title"}}
_SCHEMES = {"http", "https", "mailto"}
_TITLE = {"en": "Notebook", "zh": "Notebook 运行结果"}
_GRADED = {"en": "This cell was graded.", "zh": "评测的是这个单元格。"}
_PLAIN_TEXT = {
    "en": "Too long to format: shown as it is.",
    "zh": "内容过长，未作排版，按原文显示。",
}
_NOT_RUN = {
    "en": "Not run: the notebook stopped above.",
    "zh": "未运行：Notebook 在上面停止了。",
}


def render(
    notebook_text: str,
    cells: Sequence[dict[str, Any]],
    stylesheet: str,
    language: str = "en",
    graded: Collection[int] = (),
) -> str:
    """Return a complete HTML document of a cleaned notebook.

    ``cells`` are those of a ``NotebookRun``, for the first code cells of the notebook; ``graded``
    are the numbers of those that were graded. Messages are in ``language``, "en" or "zh". Nothing
    active survives, nor anything that loads from elsewhere, but for ``stylesheet``, the address of
    dist/notebook.css.
    """
    body = nh3.clean(
        "\n".join(_cells(notebook_text, cells, language, graded)),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel="noopener noreferrer nofollow",
    )
    return (
        f'<!doctype html>\n<html lang="{"zh-Hans" if language == "zh" else "en"}">\n<head>\n'
        '<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_TITLE[language]}</title>\n"
        f'<link rel="stylesheet" href="{html.escape(stylesheet)}">\n'
        f'</head>\n<body>\n<main class="notebook">\n{body}\n</main>\n</body>\n</html>\n'
    )


def _cells(
    notebook_text: str, ran: Sequence[dict[str, Any]], language: str, graded: Collection[int]
) -> Iterator[str]:
    number, allowance = 0, Allowance(RENDER_S)
    for cell in json.loads(notebook_text)["cells"]:
        kind, source = cell["cell_type"], cell["source"]
        if kind != "code":
            yield f'<section class="prose">{_prose(kind, source, allowance, language)}</section>'
            continue
        number += 1
        answer = " cell--answer" if number in graded else ""
        yield f'<section class="cell{answer}"><p class="cell__number">[{number}]</p>'
        if source.strip():
            yield _code(source, allowance, language)
        if answer:
            yield _note(_GRADED[language])
        if number <= len(ran):
            yield from _outputs(ran[number - 1], language)
        elif number == len(ran) + 1 and ran:
            yield _note(_NOT_RUN[language])
        yield "</section>"


def _prose(kind: str, source: str, allowance: Allowance, language: str) -> str:
    if kind == "raw":
        return _plain(source, "cell__raw")
    try:
        return render_learners_markdown(source, allowance)
    except TooCostly:
        return _plain(source, "cell__raw") + _note(_PLAIN_TEXT[language])


def _code(source: str, allowance: Allowance, language: str) -> str:
    try:
        return render_learners_python(source, allowance)
    except TooCostly:
        return _plain(source, "highlight") + _note(_PLAIN_TEXT[language])


def _outputs(ran: dict[str, Any], language: str) -> Iterator[str]:
    if ran["output"]:
        yield _plain(ran["output"], "cell__output")
    if ran["result"]:
        yield _plain(ran["result"], "cell__output cell__result")
    if ran["error"]:
        yield _plain(ran["error"][language], "cell__output cell__error")


def _plain(text: str, classes: str) -> str:
    # Long lines scroll, by keyboard too. The line end is what HTML drops after the tag.
    return f'<pre class="{classes}" tabindex="0">\n{html.escape(text)}</pre>'


def _note(text: str) -> str:
    return f'<p class="cell__note">{text}</p>'
