"""Rows that are a property of the source: no clock that can be set, and no text on a command."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ZONES = ("platform/grading", "sandbox")
_STEPPED = re.compile(r"\btime\.time\(|datetime\.now\(|timezone\.now\(")
_SHELL = re.compile(r"shell=True|os\.system\(|os\.popen\(")


def _lines(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for zone in ZONES:
        for file in (ROOT / zone).rglob("*.py"):
            lines = file.read_text("utf-8").splitlines()
            found += [f"{file.relative_to(ROOT)}: {line}" for line in lines if pattern.search(line)]
    return found


def test_f09_deadlines_do_not_know_the_time_of_day() -> None:
    # The label tells staff when a container was started; nothing is decided by it.
    labels = [line for line in _lines(_STEPPED) if "STARTED: str(int(time.time()))" not in line]
    assert not [line for line in labels if "management/commands" not in line]


def test_h13_no_shell_is_given_a_text() -> None:
    assert not _lines(_SHELL)
