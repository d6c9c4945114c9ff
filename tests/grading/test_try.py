"""Lines of the learner's, run beside their solution in a real sandbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from grading.engine import Engine, Job
from grading.report import Graded, NotebookRun

pytestmark = pytest.mark.sandbox

SOLUTION = "def add(a, b):\n    print('adding')\n    return a + b\n"

Try = Callable[..., tuple[dict[str, Any], Graded]]


@pytest.fixture
def attempt(engine: Engine) -> Try:
    """Try lines; return what came of them, and the verdict."""

    def run(probe: str, source: str = SOLUTION) -> tuple[dict[str, Any], Graded]:
        ran, verdict = engine.grade(Job("01-test/adder", "try", source, seed=1, probe=probe))
        assert isinstance(ran, NotebookRun) and isinstance(verdict, Graded)
        return ran.cells[0], verdict

    return run


def test_the_solution_is_in_scope_and_what_is_printed_is_shown(attempt: Try) -> None:
    cell, verdict = attempt("import torch\nprint(add(torch.ones(2), 1))\nadd(1, 2)")
    assert cell["output"] == "adding\ntensor([2., 2.])\nadding\n"
    assert cell["result"] == "3"
    assert (cell["error"], verdict.verdict, verdict.max_score) == (None, "ran", 0)


def test_a_failing_assertion_of_ones_own_is_shown_with_its_line(attempt: Try) -> None:
    cell, verdict = attempt("x = add(1, 1)\nassert x == 3, x")
    assert cell["error"]["en"] == (
        "Your code raised AssertionError: 2\n  line 2, try: assert x == 3, x"
    )
    assert verdict.verdict == "runtime_error"


@pytest.mark.parametrize("probe", ["def f(:", "add(1,"])
def test_lines_that_are_no_python_are_told_where(attempt: Try, probe: str) -> None:
    cell, verdict = attempt(probe)
    assert cell["error"]["en"].startswith("Syntax error in line 1")
    assert "(try" not in cell["error"]["en"]
    assert verdict.verdict == "syntax_error"


def test_a_solution_that_does_not_load_is_the_answer(engine: Engine) -> None:
    events = list(engine.grade(Job("01-test/adder", "try", "1/0", seed=1, probe="add(1, 2)")))
    assert [type(event) for event in events] == [Graded]
    assert events[0].verdict == "runtime_error"
    assert "ZeroDivisionError" in events[0].message["en"]


def test_lines_that_never_end_are_stopped(attempt: Try) -> None:
    cell, verdict = attempt("while True: pass")
    assert verdict.verdict == "time_limit"
    assert cell["error"]["en"].startswith("Stopped after")


def test_lines_may_use_a_solution_without_its_entry_points(attempt: Try) -> None:
    cell, _ = attempt("helper()", source="def helper():\n    return 'so far'\n")
    assert cell["result"] == "'so far'"
