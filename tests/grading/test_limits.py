"""Time limits: whose time counts, what is said, and how long anybody waits."""

from __future__ import annotations

import time

import pytest

from grading.remote import meter
from grading.remote.meter import Meter, RunTime, TimeLimit, TotalTimeLimit
from grading.sandboxes import processes
from grading.sandboxes.bubblewrap import BubblewrapSandbox


class Clock:
    """A host of which the sandbox gets the part ``share``, on a clock that is moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, share: float) -> None:
        self.now, self.share, self.computed = 1000.0, share, 0.0
        monkeypatch.setattr(meter, "time", self)

    def monotonic(self) -> float:
        return self.now

    def wait_for(self, one: Meter) -> float:
        """Ask and wait until the meter has had enough; return for how long."""
        began = self.now
        one.cpu_s = lambda: self.computed
        try:
            with one.asking(), one.waiting():
                while True:
                    seconds = one.patience()
                    self.now += seconds
                    self.computed += seconds * self.share
        except (TimeLimit, TotalTimeLimit):
            return self.now - began


@pytest.mark.parametrize(
    ("share", "waits"),
    [(1, 4), (0.5, 7.75), (0.3, 12.75), (0.1, 16), (0.01, 4), (0, 4), (2, 4)],
)
def test_code_that_gets_no_core_has_more_time_and_code_that_sleeps_has_not(
    monkeypatch, share, waits
):
    clock = Clock(monkeypatch, share)
    assert clock.wait_for(Meter(RunTime(100, 100), 4)) == pytest.approx(waits, rel=0.05)


def test_where_nobody_can_tell_what_was_computed_the_walls_clock_counts(monkeypatch):
    clock = Clock(monkeypatch, share=1)
    one = Meter(RunTime(100, 100), 4)
    clock.computed = None
    monkeypatch.setattr(clock, "share", 0)
    one.cpu_s = lambda: None
    with pytest.raises(TimeLimit), one.asking(), one.waiting():
        while clock.now < 1100:
            clock.now += one.patience()
    assert clock.now == pytest.approx(1004)


def test_only_a_single_call_that_takes_long_may_be_a_loop_that_never_ends(monkeypatch):
    clock = Clock(monkeypatch, share=1)
    one = Meter(RunTime(100, 100), 4)
    for seconds in (1.5, 1.5):
        with one.asking(), one.waiting():
            clock.now += seconds
    with pytest.raises(TimeLimit) as ended, one.asking(), one.waiting():
        clock.now += one.patience()
        one.patience()
    assert not ended.value.at_once
    one.allow(4)
    with pytest.raises(TimeLimit) as ended, one.asking(), one.waiting():
        while True:
            clock.now += one.patience()
    assert ended.value.at_once


@pytest.mark.parametrize(("ends_after", "error"), [(3, TotalTimeLimit), (5, TimeLimit)])
def test_the_runs_limit_blames_no_test_that_kept_to_its_own(monkeypatch, ends_after, error):
    clock = Clock(monkeypatch, share=0.2)
    one = Meter(RunTime(ends_after, ends_after), 4)
    one.cpu_s = lambda: clock.computed
    with pytest.raises(error), one.asking(), one.waiting():
        while True:
            clock.now += (seconds := one.patience())
            clock.computed += seconds * clock.share


def test_callbacks_count_for_the_run_alone(monkeypatch):
    clock = Clock(monkeypatch, share=1)
    one = Meter(RunTime(100, 100), 4)
    with pytest.raises(TotalTimeLimit), one.asking():
        for _ in range(50):
            with one.waiting():
                one.patience()
                clock.now += 0.01
            clock.now += 10  # a callback is served
    assert clock.now == pytest.approx(1100, abs=1)


@pytest.mark.parametrize(("share", "waits"), [(1, 100), (0.75, 133), (0.5, 200), (0.25, 200)])
def test_a_run_counts_all_but_what_a_busy_host_took(monkeypatch, share, waits):
    clock = Clock(monkeypatch, share)
    one = Meter(RunTime(100, 200), 1000)
    one.delayed_s = lambda: (clock.now - 1000) * (1 - share)
    assert clock.wait_for(one) == pytest.approx(waits, rel=0.05)


def test_what_the_host_took_stays_when_a_fresh_sandbox_begins_anew(monkeypatch):
    clock = Clock(monkeypatch, share=1)
    run = RunTime(10, 20)
    one = Meter(run, 100)
    for delays in (4.0, 1.0, 2.5):
        one.delayed_s = lambda delays=delays: delays
        with one.asking():
            run.look()
    assert run.delayed_s == 5.5
    clock.now += 15.4
    run.spent_s = 15.4
    assert not run.over
    run.spent_s = 15.6
    assert run.over


def test_a_host_took_only_what_others_had(monkeypatch):
    threads = {1: [(4.0, 0.0)], 2: [(1.0, 5.0), (0.5, 2.0)]}
    monkeypatch.setattr(processes, "_threads", threads.__getitem__)
    assert processes.delayed_s([1]) == 0
    assert processes.delayed_s([2]) == 4.5
    assert processes.delayed_s([1, 2]) == 0.5
    assert processes.delayed_s([]) == 0


@pytest.mark.sandbox
def test_whoever_sleeps_has_the_limit_and_no_more(grade, made_up):
    path = made_up(SIX, test_s=1.5, total_s=4)
    result = grade("import time\ndef f(x): time.sleep(1.3); return x\n", path)
    assert result.verdict == "time_limit"
    assert "longer than 4 s in all" in result.outcomes["test_6"].message["en"]
    assert result.graded.score in {2, 3}


OURS = """
import time

def test_slow_test(submission):
    time.sleep(1.5)
    assert submission.f(1) == 1
    time.sleep(1.5)
    assert submission.f(2) == 2

def test_slow_callback(submission):
    def slow(*_):
        time.sleep(0.9)
    for _ in range(3):
        assert submission.f(slow) is slow
"""


@pytest.mark.sandbox
def test_the_graders_own_time_is_not_the_learners(grade, made_up):
    path = made_up(OURS, test_s=1)
    result = grade("def f(x):\n    if callable(x): x()\n    return x\n", path)
    assert result.verdict == "accepted"


MANY = """
def test_once(submission):
    assert submission.f(1) == 1

def test_many(submission):
    for _ in range(40):
        submission.f(0)
"""


@pytest.mark.sandbox
def test_many_calls_are_no_loop_that_never_ends(grade, made_up):
    path = made_up(MANY, test_s=1)
    result = grade("import time\ndef f(x):\n    time.sleep(0.05)\n    return x\n", path)
    assert result.outcomes["test_once"].kind == "passed"
    outcome = result.outcomes["test_many"]
    assert outcome.kind == "time_limit" and "calls of this test" in outcome.message["en"]


HANGS_AT_3 = "def f(x):\n    while x == 3: pass\n    return x\n"
SIX = "".join(
    f"def test_{n}(submission):\n    assert submission.f({n}) == {n}\n\n" for n in range(1, 7)
)


@pytest.mark.sandbox
def test_one_endless_loop_costs_no_other_tests_points(grade, made_up):
    path = made_up(SIX, test_s=3)
    result = grade(HANGS_AT_3, path)
    assert result.verdict == "time_limit"
    assert "never ends" in result.outcomes["test_3"].message["en"]
    assert result.graded.score == 5


@pytest.mark.sandbox
@pytest.mark.slow
@pytest.mark.parametrize("body", ["while True: pass", "__import__('time').sleep(99)"])
def test_who_never_answers_waits_once_for_the_whole_limit(grade, made_up, body):
    path = made_up(SIX, test_s=6)
    result = grade(f"def f(x):\n    {body}\n", path)
    first, *others = (outcome.seconds for outcome in result.outcomes.values())
    assert first > 5.9
    assert sum(others) < first
    assert "Not run" in result.outcomes["test_6"].message["en"]


@pytest.mark.sandbox
@pytest.mark.slow
@pytest.mark.parametrize(
    "source",
    {
        "loop": "def f(x):\n    while True: pass\n",
        "sleep": "def f(x): __import__('time').sleep(99)\n",
        "at import": "while True: pass\n",
        "fork": "import os\ndef f(x):\n    while True: os.fork()\n",
        "callbacks": "def f(x):\n    while callable(x): x()\n    return x\n",
    }.values(),
)
def test_run_answers_within_20_seconds(grade, made_up, source):
    slow = "def test_0(submission):\n    submission.f(lambda: __import__('time').sleep(0.5))\n\n"
    path = made_up(SIX, visible=slow + SIX, test_s=20, total_s=60)
    started = time.monotonic()
    result = grade(source, path, tests="visible")
    assert result.verdict in {"time_limit", "process_limit"}
    assert (
        time.monotonic()
        - started
        - sum(result.graded.timings[what] for what in ("sandboxes", "timing_core"))
        < 20
    )


@pytest.mark.sandbox
def test_what_the_runs_limit_cut_off_was_not_run(grade, made_up):
    path = made_up(SIX, test_s=3, total_s=1)
    result = grade("import time\ndef f(x):\n    time.sleep(0.9)\n    return x\n", path)
    cut = [outcome for outcome in result.outcomes.values() if outcome.kind != "passed"]
    assert 1 <= len(cut) < 6
    assert all("Not run" in outcome.message["en"] for outcome in cut)


@pytest.mark.sandbox
def test_no_verdict_waits_for_what_a_sandbox_leaves_behind(grade, made_up, monkeypatch):
    path = made_up(SIX)
    kill = BubblewrapSandbox.kill
    monkeypatch.setattr(BubblewrapSandbox, "kill", lambda self: (kill(self), time.sleep(9)))
    result = grade("import os\ndef f(x): os._exit(1)\n", path)
    assert result.verdict == "runtime_error"
    assert result.graded.timings["total"] - result.graded.timings["sandboxes"] < 40
