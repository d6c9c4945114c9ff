"""Every row of the attack corpus against the whole engine, on every runtime."""

from __future__ import annotations

import os

import pytest

from tests.attacks import gvisor, oracle, record
from tests.attacks.harness import Harness
from tests.attacks.rows import ROWS
from tests.attacks.rows.base import Row


@pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in ROWS])
def test_a_row_holds(row: Row, runtime: Harness) -> None:
    if runtime.backend not in row.backends:
        pytest.skip(f"not with {runtime.backend}: {row.title}")
    problems = oracle.judge(runtime, row)
    record.rows.setdefault(runtime.backend, {})[row.id] = problems
    why = gvisor.explains(row.id, problems) if runtime.backend == "docker-runsc" else None
    if problems and why:
        pytest.xfail(f"{why}: {problems}")
    assert not problems


def test_every_row_has_a_name_of_its_own() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)


def test_nothing_is_left_in_this_process(runtime: Harness) -> None:
    def held() -> tuple[int, int]:
        runtime.wait_until_full()
        return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))

    runtime.grade("import os; os._exit(1)")
    before = held()
    for _ in range(5):
        runtime.grade("import os; os._exit(1)")
    assert held() == before
