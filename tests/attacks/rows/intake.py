"""L: what is handed in as a notebook."""

from __future__ import annotations

import json
from typing import Any

from tests.attacks.rows.base import ACCEPTED, CHECKOUT, PROBE, RUNTIME, WRONG_ANSWER, Row

ANSWER = "def double(numbers):\n    return [2 * number for number in numbers]"
WRONG = "def double(numbers):\n    return numbers"
REFUSED = frozenset({"syntax_error"})


def cell(source: str, name: str = "answer", *tags: str, kind: str = "code") -> dict[str, Any]:
    """Return one cell."""
    made: dict[str, Any] = {"cell_type": kind, "id": name, "metadata": {"tags": list(tags)}}
    extra = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return made | extra | {"source": source}


def notebook(*cells: dict[str, Any]) -> str:
    """Return a notebook's text."""
    return json.dumps({"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


_MAGICS = ["%%bash\nls /", "!ls", "%load_ext x", "x = !ls", "get_ipython().system('ls')"]
_LAST_PRINT = "print('HELD a cell ran')\n"

ROWS = [
    Row(
        "L08-edited",
        "an edited check cell, which isn't graded",
        notebook(
            cell(WRONG, "answer", "answer"), cell("double = lambda n: [2 * x for x in n]", "check")
        ),
        WRONG_ANSWER,
        0,
    ),
    Row("L08-deleted", "a deleted answer cell", notebook(cell("x = 1", "other")), RUNTIME, 0),
    Row(
        "L08-doubled",
        "a doubled answer cell",
        notebook(cell(WRONG, "answer", "answer"), cell(WRONG, "answer", "answer")),
        WRONG_ANSWER,
        0,
    ),
    Row(
        "L08-tags",
        "tests among the cells, under the names of ours",
        notebook(
            cell(WRONG, "answer", "answer"),
            cell("def test_double(submission, rng): pass", "test_hidden", "grade"),
        ),
        WRONG_ANSWER,
        0,
    ),
    *(
        Row(
            f"L08-magic-{number}",
            f"a magic in a check cell: {line!r}",
            notebook(cell(ANSWER, "answer", "answer"), cell(line, "check")),
            ACCEPTED,
            1,
        )
        for number, line in enumerate(_MAGICS)
    ),
    Row(
        "L08-magic-answer",
        "a magic in the answer",
        notebook(cell("%%bash\nls\n" + ANSWER, "answer", "answer")),
        REFUSED,
        0,
    ),
    Row(
        "L08-cells",
        "cells that search, print controls, end the process and flood",
        notebook(
            cell(ANSWER, "answer", "answer"),
            cell(PROBE + f"forbid('walk', os.path.isdir({CHECKOUT!r}))\n" + _LAST_PRINT, "a"),
            cell("print('\\x1b[31m\\u202e\\x00' * 10000)\n'\\u202e' * 10000", "b"),
            cell("import os; os._exit(0)", "c"),
        ),
        ACCEPTED,
        1,
        shows=("HELD a cell ran",),
    ),
    Row(
        "L08-endless",
        "a cell that never ends",
        notebook(cell(ANSWER, "answer", "answer"), cell("while True: pass", "a")),
        ACCEPTED,
        1,
    ),
    Row(
        "L10",
        "the entry point defined several times, once with our names",
        "import sys\nsys.modules['submission'] = sys\n__name__ = 'test_hidden'\n" + WRONG,
        RUNTIME | REFUSED,
        0,
    ),
]
ROWS = [Row(**{**vars(row), "exercise": "book"}) for row in ROWS]
