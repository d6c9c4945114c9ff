"""Real gradings: real sandboxes, a real forked grader, every verdict."""

from __future__ import annotations

import time

import pytest

from grading.engine import BUSY, Cancelled, Job
from grading.report import Finished
from grading.sandboxes.bubblewrap import BubblewrapSandbox

pytestmark = pytest.mark.sandbox

RIGHT = "def add(a, b): return a + b\n"


def test_a_right_solution_is_accepted_with_all_points(grade):
    result = grade(RIGHT)
    assert result.verdict == "accepted"
    assert (result.graded.score, result.graded.max_score) == (5, 5)
    assert result.graded.receipt["seed"] == 1
    assert result.outcomes["test_speed"].speed["limit"] == 1.5


@pytest.mark.parametrize(("base", "method"), [("nn.Module", "forward"), ("object", "__call__")])
def test_an_instance_may_be_what_is_tested_and_timed(grade, base, method):
    result = grade(f"""
from torch import nn
class Adder({base}):
    def {method}(self, a, b): return a + b
add = Adder()
""")
    assert (result.verdict, result.graded.score) == ("accepted", 5)


def test_visible_tests_run_alone(grade):
    result = grade(RIGHT, tests="visible")
    assert result.verdict == "accepted" and list(result.outcomes) == ["test_one_and_two"]


def test_a_known_mistake_is_recognised(grade):
    result = grade("def add(a, b): return a + (-1) * b\n")
    assert result.verdict == "wrong_answer"
    assert result.mistakes["test_adds"] == "subtracts"
    outcome = result.outcomes["test_adds"]
    assert outcome.hint == {"en": "Use +.", "zh": "用 +。"}
    assert "6 of 6 values are off" in outcome.message["en"]
    assert "6 个中有 6 个" in outcome.message["zh"]


def test_the_verdict_comes_before_its_explanation(grade):
    said = [type(event).__name__ for event in grade("def add(a, b): return a - b\n").events]
    assert said[-3:] == ["Graded", "Diagnosed", "Diagnosed"]


def test_speed_is_measured_last_and_only_where_all_else_is_right(grade):
    result = grade("def add(a, b): return a - b\n")
    assert list(result.outcomes)[-1] == "test_speed"
    speed = result.outcomes["test_speed"]
    assert (speed.kind, speed.points, speed.speed, speed.hint) == ("not_run", 0, None, None)
    assert "must pass first" in speed.message["en"] and "未测速" in speed.message["zh"]
    assert result.verdict == "wrong_answer"


def test_a_sandbox_that_died_says_nothing_of_speed_that_was_not_measured(grade):
    result = grade("import os\ndef add(a, b): os._exit(0)\n")
    assert result.outcomes["test_speed"].kind == "not_run"


def test_another_mistake_gets_no_wrong_hint(grade):
    result = grade("def add(a, b): return a * b\n")
    assert result.verdict == "wrong_answer" and result.mistakes == {}


def test_failing_only_a_stretch_test_is_partially_accepted(grade):
    result = grade("def add(a, b): return a + b if a.is_floating_point() else (a + b).float()\n")
    assert result.verdict == "partially_accepted"
    assert result.graded.score == 4


@pytest.mark.slow
def test_right_but_slow_is_too_slow_and_only_that(grade):
    result = grade("def add(a, b):\n    for _ in range(8): c = a + b\n    return c\n")
    assert result.verdict == "too_slow"
    assert result.outcomes["test_adds"].kind == "passed"
    assert result.outcomes["test_speed"].speed["low"] > 1.5


def test_on_a_machine_whose_clock_drifts_the_limit_is_doubled(engine):
    job = Job("01-test/adder", "hidden", RIGHT, seed=1, drifts=True)
    events = [event.outcome for event in engine.grade(job) if isinstance(event, Finished)]
    speed = next(outcome.speed for outcome in events if outcome.speed)
    assert speed["drifts"] and speed["limit"] == pytest.approx(3.0)


def test_memory_is_told_beside_speed(grade):
    needy = "def add(a, b):\n    c = a + b\n    return (c * 1 + c * 1) / 2\n"
    mine, theirs = grade(needy).outcomes["test_speed"].speed["memory"]
    matrix = 4 * 1000 * 1000
    assert matrix * 0.9 < theirs < matrix * 1.5
    assert mine > theirs + matrix * 0.9


@pytest.mark.slow
@pytest.mark.parametrize("faster", [True, False])
def test_two_submissions_are_measured_against_each_other(engine, faster):
    again = "def add(a, b):\n    for _ in range(4): c = a + b\n    return c\n"
    first, second = (RIGHT, again) if faster else (again, RIGHT)
    for _ in range(DUELS):
        job = Job("01-test/adder", "hidden", first, seed=1, rival=second)
        events = [event.outcome for event in engine.grade(job) if isinstance(event, Finished)]
        speed = next(outcome.speed for outcome in events if outcome.speed)
        assert speed["limit"] == 1.0
        assert speed["value"] < 0.75 if faster else speed["value"] > 1.25
        if speed["high"] < 1 or speed["low"] > 1:
            break
    assert speed["high"] < 1 if faster else speed["low"] > 1


DUELS = 3
"""On a busy host a duel may end without a winner, but never with the wrong one."""
NESTED = """
import gc
def add(a, b): return a + b
agent = next(o for o in gc.get_objects() if type(o).__name__ == "Agent")
"""
RIVALS = {
    "wrong": "def add(a, b): return a * b",
    "ends": "import os; os._exit(0)",
    "no Python": "def",
    "without what is timed": "def add(a, b): return a + b\ndel add\ndef ad(): pass\n",
    "ends when only memory is asked": NESTED
    + "import os\nagent.operations['peak'] = lambda: os._exit(1)\n",
    "nests a thousand lists": NESTED
    + "import numpy, hashlib, struct\nraw = b'\\x91' * 1000 + b'\\x90'\n"
    + "agent.operations['reveal'] = lambda: [numpy.frombuffer(raw, numpy.uint8)]\n"
    + "agent.operations['timed'] = lambda key: "
    + "hashlib.sha256(struct.pack('<1Q', len(raw)) + raw).digest()\n",
}


@pytest.mark.parametrize("rival", RIVALS.values(), ids=RIVALS)
def test_a_wrong_rival_has_lost(engine, rival):
    job = Job("01-test/adder", "hidden", RIGHT, seed=1, rival=rival)
    events = [event.outcome for event in engine.grade(job) if isinstance(event, Finished)]
    speed = next(outcome.speed for outcome in events if outcome.speed)
    assert speed["forfeit"] == "second" and speed["high"] < 1


VERDICTS = {
    "syntax": ("def add(a, b:\n    return a", "syntax_error", "line 1, column"),
    "nul": ("def add(a, b): return a + b\n\0", "syntax_error", ""),
    "missing entry": ("def ad(a, b): return a", "runtime_error", "Did you mean `ad`?"),
    "raises": ("def add(a, b):\n    return a / None\n", "runtime_error", "line 2, add: return a"),
    "import fails": ("import nothing_like_it\n", "runtime_error", "ModuleNotFoundError"),
    "returns nothing": ("def add(a, b): pass", "wrong_answer", "`add` returned None"),
    "returns a shape": ("def add(a, b): return (a + b)[:1]", "wrong_answer", "shape (1, 3)"),
    "returns nan": ("def add(a, b): return (a + b) * float('nan')", "wrong_answer", "NaN"),
    "loops for ever": ("def add(a, b):\n    while True: pass", "time_limit", "Stopped after 4 s"),
    "loops at import": ("while True: pass", "time_limit", "Stopped after 4 s"),
    "eats memory": (
        "def add(a, b):\n    x = []\n    while True: x.append(bytearray(b'x' * 10**7))",
        "memory_limit",
        "256 MiB",
    ),
    "10 GB": ("import torch\ndef add(a, b): return torch.ones(10**10)", "memory_limit", "256 MiB"),
    "forks": ("import os\ndef add(a, b):\n    while True: os.fork()", "process_limit", ""),
    "floods": ("def add(a, b):\n    while True: print('x' * 9999)", "output_limit", "printed"),
    "exits": ("import os\ndef add(a, b): os._exit(0)", "runtime_error", "ended the Python process"),
    "sys.exit": ("import sys\ndef add(a, b): sys.exit(0)", "runtime_error", "SystemExit"),
    "closes fds": ("import os\nos.closerange(0, 3)\n" + RIGHT, "accepted", ""),
    "closes all": ("import os\ndef add(a, b): os.closerange(0, 999)", "runtime_error", ""),
    "writes to fds": (
        "import os\ndef add(a, b):\n    for fd in range(3, 999):\n"
        "        try: os.write(fd, b'x' * 64)\n        except OSError: pass\n    return a + b",
        "protocol_error",
        "",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("source", "verdict", "message"), VERDICTS.values(), ids=VERDICTS)
def test_bad_input_gets_a_clear_verdict_and_the_next_is_graded_normally(
    grade, source, verdict, message, late_s=2
):
    started = time.monotonic()
    result = grade(source)
    seconds = time.monotonic() - started - result.graded.timings["sandboxes"]
    assert result.verdict == verdict
    shown = [result.graded.message] + [o.message for o in result.outcomes.values()]
    texts = [text for text in shown if text]
    assert not message or any(message in text["en"] for text in texts)
    assert all(text["zh"] for text in texts)
    assert seconds < 30 * BUSY + late_s  # the manifest's total_s on a busy host, and a little
    assert grade(RIGHT, tests="visible").verdict == "accepted"


IN_DOCKER = {
    "right": (RIGHT, "accepted", ""),
    **{
        name: VERDICTS[name]
        for name in (
            *("raises", "loops for ever", "eats memory", "10 GB", "forks", "floods", "exits"),
            *("closes all", "writes to fds"),
        )
    },
}


@pytest.mark.slow
@pytest.mark.docker
@pytest.mark.parametrize(("source", "verdict", "message"), IN_DOCKER.values(), ids=IN_DOCKER)
def test_containers_give_the_same_verdicts(grade_in_docker, source, verdict, message):
    test_bad_input_gets_a_clear_verdict_and_the_next_is_graded_normally(
        grade_in_docker,
        source,
        verdict,
        message,
        late_s=10,  # on two cores, containers that start beside it slow everything down
    )


@pytest.mark.docker
def test_the_receipt_names_the_image(grade_in_docker):
    receipt = grade_in_docker(RIGHT, tests="visible").graded.receipt["sandbox"]
    assert receipt["backend"] == "docker" and receipt["image"].startswith("sha256:")


def test_prints_are_shown_with_the_test_that_made_them(grade):
    result = grade("def add(a, b):\n    print('shape', tuple(a.shape))\n    return a + b\n")
    assert result.outcomes["test_adds"].output == "shape (2, 3)\n"


def test_the_remaining_tests_run_after_a_crash(grade):
    result = grade(
        "import os\ndef add(a, b):\n    if a.dim() == 1: os._exit(1)\n    return a + b\n"
    )
    kinds = {name: outcome.kind for name, outcome in result.outcomes.items()}
    assert kinds["test_adds_again"] == "runtime_error"
    assert kinds["test_adds"] == kinds["test_stretch"] == "passed"


def test_a_run_can_be_cancelled(engine):
    started = time.monotonic()
    job = Job("01-test/adder", "hidden", "while True: pass", seed=1)
    with pytest.raises(Cancelled):
        list(engine.grade(job, cancelled=lambda: time.monotonic() > started + 0.3))
    assert time.monotonic() - started < 2


def test_what_hangs_is_ended_before_the_run_is(engine):
    source = "def add(a, b):\n    while a.shape == (2, 3): pass\n    return a + b\n"
    living = {}
    for event in engine.grade(Job("01-test/adder", "hidden", source, seed=1)):
        (connection,) = engine._connections
        living[type(event).__name__] = {*connection.sandboxes}
        if isinstance(event, Finished):
            living[event.outcome.name] = {*connection.sandboxes}
    # The one that hung is gone; so are those that speed was measured in.
    assert living["test_adds"] == {0}
    assert living["test_adds_again"] == {1}
    assert living["Graded"] == {1}


@pytest.mark.parametrize("step", ["pin", "freeze", "thaw"])
def test_the_core_for_timing_is_given_back_whatever_fails_on_it(engine, grade, monkeypatch, step):
    def fail(*_):
        if engine._timing.locked():
            raise OSError(f"can't {step}")
        return done(*_)

    done = getattr(BubblewrapSandbox, step)
    with monkeypatch.context() as patch:
        patch.setattr(BubblewrapSandbox, step, fail)
        with pytest.raises(OSError, match=f"can't {step}"):
            grade(RIGHT)
    assert grade(RIGHT).verdict == "accepted"


def test_a_test_may_compare_twice(grade, adder):
    tests = adder / "graders/01-test/adder/test_hidden.py"
    before = tests.read_text("utf-8")
    compare = '    speed.compare("add", lambda: (draw(), draw()))\n'
    assert compare in before
    try:
        tests.write_text(before.replace(compare, 2 * compare), "utf-8")
        assert grade(RIGHT).verdict == "accepted"
    finally:
        tests.write_text(before, "utf-8")


def test_the_submission_sees_no_test_no_reference_and_no_seed(grade):
    result = grade("""
import os, sys, gc
found = []
for folder, _, files in os.walk("/"):
    if folder.startswith(("/proc", "/sys")): continue
    found += [f for f in files if f == "test_hidden.py" or "adder" in folder]
    if not folder.startswith("/opt"): found += [f for f in files if f.endswith(".py")]
words = [w for w in ("subtracts", "test_adds", "torch_rng") if any(
    w in str(v) for v in list(os.environ.items()) + sys.argv + list(sys.modules))]
print(found, words)
def add(a, b): return a + b
""")
    assert result.verdict == "accepted"
    assert result.outcomes["test_adds"].output == "[] []\n"
