"""K1 to K4: a suite whose controls fail proves nothing."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.conftest import WORKERS_CANARY
from tests.attacks.harness import CONTROL, Harness
from tests.attacks.oracle import control
from tests.attacks.rows.base import WRONG
from tests.attacks.rows.resources import BUSY
from tests.attacks.rows.speed import SLOW

BAND = 2.0
"""What the ratio of a solution against itself may be, at most, on a noisy host."""


def _ratio(seen) -> float:
    return next(
        e.outcome.speed["value"]
        for e in seen.events
        if getattr(e, "outcome", None) and e.outcome.speed
    )


def test_k1_a_right_solution_is_accepted(runtime: Harness) -> None:
    assert control(runtime.grade(CONTROL["victim"])) == []


def test_k2_a_wrong_solution_gets_nothing(runtime: Harness) -> None:
    (graded,) = runtime.grade(WRONG).verdicts
    assert (graded.verdict, graded.score) == ("wrong_answer", 0)


def test_k3_a_slow_solution_fails_for_its_speed_alone(runtime: Harness) -> None:
    (graded,) = runtime.grade(SLOW, "sprint").verdicts
    assert (graded.verdict, graded.score) == ("too_slow", 1)


def test_k4_the_reference_is_as_fast_as_itself(runtime: Harness) -> None:
    seen = [runtime.grade(CONTROL["sprint"], "sprint") for _ in range(3)]
    assert {each.verdicts[0].verdict for each in seen} == {"accepted"}
    assert 1 / BAND < statistics.median(map(_ratio, seen)) < BAND


def test_s4_a_neighbour_that_hogs_changes_nobodys_speed(runtime: Harness) -> None:
    import threading

    hog = threading.Thread(target=runtime.grade, args=(BUSY,))
    hog.start()
    seen = runtime.grade(CONTROL["sprint"], "sprint")
    hog.join()
    assert not seen.fault
    assert seen.verdicts[0].verdict == "accepted"
    assert 1 / BAND < _ratio(seen) < BAND


def test_waiting_for_a_sandbox_is_not_the_learners_time(
    runtime: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E23: when all slots are taken, whoever waits must get the usual verdict."""
    honest = runtime.pool.take

    def take_late(*arguments: Any, **options: Any) -> Any:
        time.sleep(7)  # the exercise allows 6 s in all
        return honest(*arguments, **options)

    monkeypatch.setattr(runtime.pool, "take", take_late)
    assert control(runtime.grade(CONTROL["victim"])) == []


def test_graders_know_no_secret_of_the_worker(runtime: Harness) -> None:
    runtime.grade(CONTROL["victim"])
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command, environ = (
                (process / "cmdline").read_bytes(),
                (process / "environ").read_bytes(),
            )
        except OSError:
            continue
        if b"zygote" in command and WORKERS_CANARY.encode() in environ:
            found.append(command)
    assert not found
