"""The editor's list of names is that of the installed packages."""

from __future__ import annotations

import json

import pytest

from tools import completions


@pytest.mark.slow
def test_the_list_is_up_to_date() -> None:
    kept = json.loads(completions.FILE.read_text(encoding="utf-8"))
    assert {path: kept[path] for path in completions.PACKAGES} == {
        path: completions.names(path) for path in completions.PACKAGES
    }
    assert kept.keys() == {*completions.PACKAGES, *completions.LIBRARY}
