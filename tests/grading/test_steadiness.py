"""When a measurement may be the machine's doing."""

from __future__ import annotations

from typing import Any

import pytest

from grading.steadiness import BAND, FAR, KEPT, KNOWN, SPREAD, ReferenceTimes


def speed(
    middle: float = 0.01, spread: float = 0.0, low: float = 1.6, kind: str = "ratio"
) -> dict[str, Any]:
    half = middle * spread / 2
    return {
        "kind": kind,
        "low": low,
        "limit": 1.5,
        "reference_s": [middle - half, middle, middle + half],
    }


def test_a_steady_measurement_is_not_doubted() -> None:
    assert not ReferenceTimes().doubts("t", speed(spread=SPREAD * 0.9))


def test_an_unsteady_one_is() -> None:
    assert ReferenceTimes().doubts("t", speed(spread=SPREAD * 1.1))


@pytest.mark.parametrize("factor", [1 + BAND * 1.1, 1 - BAND * 1.1])
def test_so_is_one_whose_reference_was_not_as_fast_as_usual(factor: float) -> None:
    usual = ReferenceTimes()
    for _ in range(KNOWN - 1):
        usual.doubts("t", speed())
    assert not usual.doubts("t", speed(0.01 * factor)), "too little is known yet"
    assert usual.doubts("t", speed(0.01 * factor))
    assert not usual.doubts("t", speed())
    assert not usual.doubts("another", speed(0.01 * factor))


def test_what_is_usual_changes_with_time() -> None:
    usual = ReferenceTimes()
    doubts = [usual.doubts("t", speed(middle)) for middle in [0.01] * KEPT + [0.02] * KEPT]
    assert doubts[KEPT] and not doubts[-1]


def test_what_is_far_too_slow_is_so_on_any_machine() -> None:
    assert not ReferenceTimes().doubts("t", speed(spread=1.0, low=FAR * 1.5 + 0.1))


def test_growth_is_a_matter_of_one_run() -> None:
    assert not ReferenceTimes().doubts("t", {"kind": "growth", "low": 1.5, "limit": 1.3})
