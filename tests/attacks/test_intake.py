"""E21, L08: notebooks that are bombs are refused at once, before a worker sees them."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from curriculum.notebooks import NotebookError, read

AT_ONCE_S = 1.0
CELL = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "source": "x = 1"}


def _book(**more: Any) -> str:
    return json.dumps({"cells": [CELL], "metadata": {}, "nbformat": 4, "nbformat_minor": 5} | more)


BOMBS = {
    "nested lists": "[" * 500_000,
    "nested cells": '{"nbformat": 4, "cells": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "nested metadata": _book(metadata=0).replace(
        '"metadata": 0', '"metadata": ' + '{"a":' * 90_000
    ),
    "many digits": '{"nbformat": ' + "9" * 900_000 + ', "cells": []}',
    "a float of no size": '{"nbformat": 1e999999, "cells": []}',
    "not a number": '{"nbformat": NaN, "cells": []}',
    "many cells": _book(cells=[CELL] * 5_000),
    "a large cell": _book(cells=[CELL | {"source": "x" * 600_000}]),
    "a NUL": _book(cells=[CELL | {"source": "\0"}]),
    "half a surrogate pair": _book(cells=[CELL | {"source": "\ud800"}]),
    "cells that are texts": _book(cells=["x"] * 100),
    "no cells": _book(cells={}),
    "bytes that are no text": b"\xff\xfe" + bytes(1000),
    "far too large": b" " * (2 << 20),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_at_once(name: str) -> None:
    started = time.monotonic()
    with pytest.raises(NotebookError):
        read(BOMBS[name])
    assert time.monotonic() - started < AT_ONCE_S


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param([CELL | {"outputs": [{"data": {"text/html": "<script>"}}]}], id="outputs"),
        pytest.param([CELL | {"metadata": {"trusted": True, "x" * 9000: 1}}], id="metadata"),
        pytest.param([CELL | {"id": "<script>"}, CELL | {"id": "a" * 5000}], id="ids"),
        pytest.param([CELL | {"attachments": {"a.svg": {"image/svg+xml": "<svg>"}}}], id="files"),
    ],
)
def test_what_is_not_needed_is_dropped(cells: list[dict[str, Any]]) -> None:
    text = read(_book(cells=cells))
    assert not [word for word in ("<script>", "trusted", "<svg>", "x" * 9000) if word in text]
