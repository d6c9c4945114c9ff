"""Notebooks in real sandboxes: the answer is graded, and the whole is run for its author to see."""

from __future__ import annotations

import json
import time

import pytest
from django.core.management import CommandError, call_command

from curriculum import notebooks
from grading.messages import clean
from grading.report import NotebookRun

pytestmark = pytest.mark.sandbox

EXERCISE = "01-test/adder-notebook"
RIGHT = "def add(a, b):\n    return a + b"


def notebook(*sources):
    """A notebook whose first cell is the answer."""
    cells = [
        {
            "cell_type": "code",
            "id": "add" if number == 0 else f"cell-{number}",
            "metadata": {"tags": ["answer"]} if number == 0 else {},
            "execution_count": None,
            "outputs": [],
            "source": source,
        }
        for number, source in enumerate(sources)
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture(scope="module", autouse=True)
def adder_notebook(adder):
    """The tiny exercise once more, as a notebook."""
    public, secret = (adder / half / "01-test" for half in ("exercises", "graders"))
    target = public / "adder-notebook"
    target.mkdir()
    toml = (public / "adder" / "exercise.toml").read_text()
    (target / "exercise.toml").write_text(toml.replace('"function"', '"notebook"'))
    (target / "test_visible.py").symlink_to(public / "adder" / "test_visible.py")
    (target / "starter.ipynb").write_text(notebook("def add(a, b):\n    ...", "add(1, 2)"))
    (secret / "adder-notebook").symlink_to(secret / "adder")


@pytest.fixture
def run(grade):
    """Grade the cells; return the result and what each cell put out."""

    def run_cells(*sources, tests="visible"):
        result = grade(notebooks.read(notebook(*sources)), EXERCISE, tests)
        [ran] = [event for event in result.events if isinstance(event, NotebookRun)]
        assert result.events.index(ran) == len(result.events) - 1  # after the verdict
        return result, ran.cells

    return run_cells


@pytest.mark.slow
def test_a_right_answer_is_accepted_by_the_hidden_tests(run):
    result, cells = run(RIGHT, "print('sum')\nadd(1, 2)", "x = add(3, 4)", "x", tests="hidden")
    assert result.verdict == "accepted" and result.graded.score == 5
    assert cells == [
        {"output": "", "result": "", "error": None},
        {"output": "sum\n", "result": "3", "error": None},
        {"output": "", "result": "", "error": None},
        {"output": "", "result": "7", "error": None},
    ]


def test_a_wrong_answer_is_wrong_and_its_notebook_runs(run):
    result, cells = run("def add(a, b):\n    return a - b", "add(1, 2)")
    assert result.verdict == "wrong_answer" and cells[1]["result"] == "-1"


def test_only_the_answer_is_graded(run):
    result, cells = run(RIGHT, "add = lambda a, b: 'tampered'", "add(1, 2)")
    assert result.verdict == "accepted" and cells[2]["result"] == "'tampered'"


def test_names_of_other_cells_are_not_there_when_the_answer_is_graded(run):
    result, cells = run("def add(a, b):\n    return zero + a + b", "zero = 0", "add(1, 2)")
    assert result.verdict == "runtime_error" and cells[2]["result"] == "3"


def test_a_cell_that_raises_ends_the_run_and_names_cell_and_line(run):
    result, cells = run(RIGHT, "def twice(x):\n    return x / 0", "1\ntwice(2)", "'never'")
    assert result.verdict == "accepted" and len(cells) == 3
    assert cells[2]["error"]["en"].splitlines() == [
        "Your code raised ZeroDivisionError: division by zero",
        "  line 2, cell 3: twice(2)",
        "  line 2, cell 2, twice: return x / 0",
    ]
    assert cells[2]["error"]["zh"].startswith("你的代码抛出了 ZeroDivisionError")


FATAL = {
    "a syntax error": ("x = (", "Syntax error in line 1, column 5: '(' was never closed"),
    "an endless loop": ("print('so far')\nwhile True: pass", "Stopped after 4 s"),
    "an exit": ("import os; os._exit(0)", "ended the Python process"),
    "sys.exit": ("import sys; sys.exit()", "SystemExit"),
    "too much memory": ("bytearray(10**10)", "256 MiB"),
    "a flood": ("while True: print('x' * 9999)", "printed far too much"),
    "writes to all descriptors": (
        "import os\nfor fd in range(3, 999):\n    try: os.write(fd, b'x' * 64)\n"
        "    except OSError: pass",
        "could not be understood",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("source", "reason"), FATAL.values(), ids=FATAL)
def test_whatever_another_cell_does_the_verdict_stands(run, source, reason):
    started = time.monotonic()
    result, cells = run(RIGHT, source, "'never'")
    assert result.verdict == "accepted"
    assert reason in cells[1]["error"]["en"] and cells[1]["error"]["zh"]
    assert len(cells) == 2 and time.monotonic() - started < 20


def test_an_answer_that_does_not_load_is_shown_where_it_fails(run):
    result, cells = run("def add(a, b:\n    return a", "add(1, 2)")
    assert result.verdict == "syntax_error"
    assert cells[0]["error"]["en"].startswith("Syntax error in line 1") and len(cells) == 1


def test_cells_for_ipython_are_passed_over(run):
    _, cells = run(RIGHT, "%matplotlib inline\nx = 1", "!pip install einops", "add(1, 2)")
    assert "line 1 is an IPython command" in cells[1]["error"]["en"]
    assert "!pip install einops" in cells[2]["error"]["zh"]
    assert cells[3] == {"output": "", "result": "3", "error": None}


def test_a_notebook_is_a_main_module_with_dataclasses_and_postponed_annotations(run):
    _, cells = run(
        RIGHT,
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass P:\n    x: int\nP(1)",
        "import typing\n__name__, typing.get_type_hints(P)",
    )
    assert cells[1]["result"] == "P(x=1)"
    assert cells[2]["result"] == "('__main__', {'x': <class 'int'>})"


def test_texts_are_clean_and_bounded(run):
    _, cells = run(
        RIGHT,
        "print('\\x1b[31mred\\x1b[0m <b> \\u202e')\nfor i in range(3): print(i, end='\\r')",
        "'x' * 10**6",
        "class Odd:\n    def __repr__(self): return '\\ud800'\nOdd()",
    )
    assert cells[1]["output"] == "red <b> \N{REPLACEMENT CHARACTER}\n2"
    assert len(cells[2]["result"]) <= 10_001
    assert cells[3]["result"] == "\N{REPLACEMENT CHARACTER}"


def test_a_cleaned_text_reads_as_on_a_terminal():
    assert clean("50 %\r100 %\r\n\x1b[1;32mdone\x1b[0m\x1b[K") == "100 %\ndone"


MARKDOWN = notebook(RIGHT, "1").replace('"cell_type": "code"', '"cell_type": "markdown"', 1)
MISSING = notebook("x = 1").replace('"add"', '"other"').replace("answer", "other")
REFUSED = {
    "missing": (MISSING, "runtime_error", "no cell defines add"),
    "Markdown": (notebooks.read(MARKDOWN), "runtime_error", "add is a Markdown cell now"),
    "magic": (notebook(RIGHT + "\n!ls"), "syntax_error", "IPython command: !ls"),
}


@pytest.mark.parametrize(("text", "verdict", "reason"), REFUSED.values(), ids=REFUSED)
def test_an_answer_that_cannot_be_read_is_told_in_words(grade, text, verdict, reason):
    result = grade(text, EXERCISE)
    assert result.verdict == verdict and reason in result.graded.message["en"]


def test_an_answer_in_a_copy_is_what_is_graded(run):
    result, cells = run("def add(a, b):\n    ...", "1", RIGHT, "add(1, 2)")
    assert result.verdict == "accepted" and cells[3]["result"] == "3"


def test_the_grade_command_refuses_what_is_no_notebook(tmp_path):
    file = tmp_path / "solution.ipynb"
    file.write_text(RIGHT)
    with pytest.raises(CommandError, match="not valid JSON"):
        call_command("grade", "adder-notebook", str(file))
