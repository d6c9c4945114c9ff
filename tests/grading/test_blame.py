"""A fault of the grader is never the learner's, and its author hears of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from curriculum.manifest import load_manifest
from grading.engine import Engine
from grading.grader_process import InfrastructureError
from grading.management.commands.grade import NOT_GRADED
from grading.proofs import Proof, Prover
from grading.sandboxes.base import SandboxUnavailable

pytestmark = pytest.mark.sandbox

RIGHT = "def f(x): return x\n"
FINE = "\ndef test_fine(submission):\n    assert submission.f(1) == 1\n"

BROKEN = {
    "a name": "def test_broken(submission):\n    assert submission.f(1) == nothing\n",
    "skips": "import pytest\ndef test_broken(submission): pytest.skip('not today')\n",
    "is skipped": "import pytest\n@pytest.mark.skip\ndef test_broken(submission): pass\n",
    "a fixture": "import pytest\n@pytest.fixture\ndef data(): return 1 / 0\n"
    "def test_broken(submission, data): pass\n",
    "what can't be passed": "def test_broken(submission): submission.f(object())\n",
    "what can't be used": "def test_broken(submission): submission.f(1).shape\n",
    "a right value that isn't finite": "from grading.checks import assert_close\n"
    "def test_broken(submission): assert_close(submission.f(1.0), float('nan'))\n",
}


@pytest.mark.parametrize("tests", ["hidden", "visible"])
@pytest.mark.parametrize("test", BROKEN.values(), ids=BROKEN)
def test_a_test_that_breaks_down_by_itself_is_an_internal_error(grade, made_up, test, tests):
    path = made_up(**{"hidden": FINE, tests: test + FINE})
    with pytest.raises(InfrastructureError, match="test_broken breaks down on the reference too"):
        grade(RIGHT, path, tests)


def test_so_is_a_timed_test_that_breaks_down_before_it_times(grade, made_up):
    path = made_up(
        "def test_broken(submission, speed):\n    nothing\n    speed.compare('f', int)\n"
    )
    with pytest.raises(InfrastructureError, match="breaks down on the reference too"):
        grade(RIGHT, path)


STUMBLES = """
def test_shape(submission):
    import torch
    assert submission.f(torch.ones(2)).shape == (2,)
"""


@pytest.mark.parametrize("tests", ["hidden", "visible"])
def test_a_test_that_stumbles_over_an_answer_is_a_wrong_answer(grade, made_up, tests):
    path = made_up(STUMBLES + FINE, STUMBLES + FINE)
    result = grade("def f(x): return 1\n", path, tests)
    assert result.verdict == "wrong_answer"
    assert "could not use your result" in result.outcomes["test_shape"].message["en"]
    assert result.outcomes["test_fine"].kind == "passed"


ECHOES = """
from grading.checks import assert_close
def test_linear(submission):
    assert_close(submission.f(2.0), 2 * submission.f(1.0))
"""


@pytest.mark.parametrize("tests", ["hidden", "visible"])
def test_nan_is_no_right_answer_where_the_right_one_is_made_of_answers(grade, made_up, tests):
    path = made_up(ECHOES + FINE, ECHOES + FINE)
    result = grade("def f(x): return x if type(x) is int else x * float('nan')\n", path, tests)
    assert result.verdict == "wrong_answer"
    assert "could not use your result" in result.outcomes["test_linear"].message["en"]
    assert result.outcomes["test_fine"].kind == "passed"


def test_visible_tests_have_no_reference_all_the_same(grade, made_up):
    path = made_up(FINE, "def test_peeps(submission, reference): pass\n")
    with pytest.raises(InfrastructureError, match="visible tests have no reference"):
        grade(RIGHT, path, "visible")


TWINS = """
class TestOne:
    def test_it(self, submission, rng):
        assert submission.f(1) == 1

class TestTwo:
    def test_it(self, submission, rng):
        assert submission.f(2) == 2
"""


def test_two_classes_may_have_tests_of_one_name(grade, made_up):
    path = made_up(TWINS)
    result = grade("def f(x): return 1\n", path)
    kinds = {name: outcome.kind for name, outcome in result.outcomes.items()}
    assert kinds == {"TestOne::test_it": "passed", "TestTwo::test_it": "wrong_answer"}


def problems(engine: Engine, made_up: Callable[..., None], hidden: str) -> list[str]:
    """Return what a proof with one seed says of an exercise with these tests."""
    path = made_up(hidden)
    prover = Prover(engine, settings.EXERCISES_DIR, settings.GRADERS_DIR, 1)
    manifest = load_manifest(settings.EXERCISES_DIR / path / "exercise.toml")
    proof = Proof(path)
    return [*prover._reference(manifest, proof), *proof.problems]


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ('@pytest.mark.parametrize("x", [1], ids=["x" * 300])', "200 characters"),
        ('@pytest.mark.title(en="Only", zh=" ")', "lacks a language"),
        ("@pytest.mark.points(-1)", "-1.0 points"),
        ('@pytest.mark.points(float("nan"))', "nan points"),
    ],
)
def test_a_proof_tells_what_the_database_would_refuse(engine, made_up, head, told):
    argument = ", x" if "parametrize" in head else ""
    test = f"import pytest\n{head}\ndef test_it(submission{argument}):\n    submission.f(1)\n"
    assert any(told in problem for problem in problems(engine, made_up, test + FINE))


def test_a_proof_tells_of_a_test_that_breaks_down(engine, made_up):
    path = made_up(BROKEN["a name"] + FINE)
    prover = Prover(engine, settings.EXERCISES_DIR, settings.GRADERS_DIR, 1)
    manifest = load_manifest(settings.EXERCISES_DIR / path / "exercise.toml")
    proof = prover.prove(manifest)
    assert any("NameError" in problem for problem in proof.problems)


# The exit status of manage.py grade


def test_what_could_not_be_graded_is_not_rejected(made_up, tmp_path, monkeypatch):
    made_up(FINE)
    file = tmp_path / "mine.py"
    file.write_text(RIGHT)

    def unable(**_: object) -> Engine:
        raise SandboxUnavailable("no sandbox here")

    monkeypatch.setattr("grading.management.commands.grade.make_engine", unable)
    for arguments in (
        ("made-up", str(file)),
        ("nothing-like-it", str(file)),
        ("made-up", "/nowhere"),
    ):
        with pytest.raises(CommandError) as ended:
            call_command("grade", *arguments)
        assert ended.value.returncode == NOT_GRADED


def test_wrong_usage_has_the_same_status():
    ended = subprocess.run(
        [sys.executable, "manage.py", "grade"], cwd=settings.ROOT, capture_output=True, check=False
    )
    assert ended.returncode == NOT_GRADED


LOOPS = """
def test_each(submission):
    for number in range(submission.f(2)):
        assert number >= 0
"""


@pytest.mark.slow
def test_a_test_that_would_check_an_answer_for_hours_is_the_learners_affair(grade, made_up):
    path = made_up(LOOPS + FINE)
    result = grade("def f(x): return 10**12 if x == 2 else x\n", path)
    assert result.verdict == "wrong_answer"
    assert "takes far too long to check" in result.outcomes["test_each"].message["en"]
    assert result.outcomes["test_fine"].kind == "passed"


@pytest.mark.slow
def test_one_that_never_ends_by_itself_is_not(grade, made_up):
    path = made_up("def test_broken(submission):\n    while True: pass\n")
    with pytest.raises(InfrastructureError, match="breaks down on the reference too"):
        grade(RIGHT, path)


PASSES = """
def test_told(submission):
    kept = []
    submission.f(kept.append)
    assert kept
"""


@pytest.mark.slow
def test_what_is_passed_to_callbacks_has_a_bound_of_its_own(grade, made_up):
    path = made_up(PASSES)
    result = grade(
        "def f(x):\n    for number in range(10**6): x('a' * 15_000_000 + str(number))\n", path
    )
    assert result.verdict == "memory_limit"
    assert "more than 256 MiB" in result.outcomes["test_told"].message["en"]


POISON = """
import gc, os
def f(x):
    {busy}
    return x

def die(*_):
    agent.stream.send(["@"], [])
    agent.stream.receive()
    os._exit(1)

agent = next(o for o in gc.get_objects() if type(o).__name__ == "Agent")
agent.operations["restart"] = die
"""
TIMED = """
def test_speed(submission, speed):
    import torch
    speed.compare("f", lambda: (torch.ones(9),), limit=1.01)
"""


def test_who_sabotages_a_fresh_process_blames_nobody_else(grade, made_up):
    path = made_up(TIMED)
    busy = "import time; end = time.time() + 0.002\n    while time.time() < end: pass"
    result = grade(POISON.format(busy=busy), path)
    assert result.verdict not in {"accepted", "partially_accepted"}
