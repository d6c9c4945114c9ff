"""Each row of the corpus is a row here, or has a reason for not being one; never both."""

from __future__ import annotations

import re

import pytest

from tests.attacks import gvisor
from tests.attacks.absent import CANNOT_RUN_HERE, COVERED_ELSEWHERE, NOT_APPLICABLE, WITHIN_OTHERS
from tests.attacks.layers import LAYERS
from tests.attacks.layers.base import Layer
from tests.attacks.rows import ROWS

WEB = {"M06", "M09", "M19", "M21", "M25", "M26"}
"""Rows of the site that no test here or elsewhere is named for."""

_GAPS = {
    "A": {7, 8},
    "B": {14, 19, 24},
    "C": {4},
    "D": {3, 11, 18},
    "E": {5},
    "F": {4, 5},
    "G": {7},
    "I": {6},
    "J": {5, 18, 19, 21},
}
_LAST = dict(
    zip("ABCDEFGHIJKLM", (17, 25, 10, 26, 23, 10, 11, 19, 16, 25, 12, 12, 28), strict=True)
)


def _corpus() -> set[str]:
    return {
        f"{letter}{number:02}"
        for letter, last in _LAST.items()
        for number in range(1, last + 1)
        if number not in _GAPS.get(letter, set())
    }


def _written() -> set[str]:
    """Return the corpus' ids that rows are named for; "J07-J13" stands for a range."""
    found: set[str] = set()
    for row in ROWS:
        ids = re.findall(r"[A-L]\d\d", row.id.split("-S6")[0])
        found |= set(ids)
        if len(ids) == 2 and ids[0][0] == ids[1][0]:
            numbers = range(int(ids[0][1:]), int(ids[1][1:]) + 1)
            found |= {f"{ids[0][0]}{number:02}" for number in numbers}
    return found


def test_no_row_is_forgotten() -> None:
    told = {*NOT_APPLICABLE, *CANNOT_RUN_HERE, *COVERED_ELSEWHERE, *WITHIN_OTHERS, *WEB}
    assert sorted(_corpus() - _written() - told) == []


def test_no_row_is_both_there_and_absent() -> None:
    assert sorted(_written() & {*NOT_APPLICABLE, *CANNOT_RUN_HERE, *COVERED_ELSEWHERE}) == []


def test_only_rows_that_there_are_are_explained() -> None:
    assert sorted(gvisor.NOT_HELD.keys() - {row.id for row in ROWS}) == []


_ENOSYS = "BREACH calls: {'pidfd_getfd': (-1, 38)}"
_REFUSED = [
    f"S1 runtime_error instead of accepted: Your code raised RuntimeError: {_ENOSYS}",
    "S0 0 points instead of 8",
    _ENOSYS,
    "the attack did not get to say 'HELD kernel memory'",
]


def test_an_answer_of_another_kernel_explains_a_red_row() -> None:
    assert gvisor.explains("A13", _REFUSED) == gvisor.NOT_HELD["A13"][0]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("A13", "BREACH kernel memory: b'...'"),
        ("A13", "S0 8 points instead of 0"),
        ("A13", "S1 accepted instead of too_slow: []"),
        ("A13", "S2 left: a process"),
        ("A13", "S3 a canary is shown: CANARY-0"),
        ("C07", "S1 accepted instead of too_slow: []"),
    ],
)
def test_nothing_explains_what_was_gained(row: str, problem: str) -> None:
    assert gvisor.explains(row, [*(_REFUSED if row == "A13" else []), problem]) is None


@pytest.mark.parametrize(
    "layer", [each for each in LAYERS if each.edits], ids=lambda each: each.name
)
def test_an_edit_still_applies(layer: Layer) -> None:
    for file, text in layer.edited().items():
        compile(text, file, "exec")
