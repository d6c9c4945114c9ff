"""A mistake is named only where the outputs equal its outputs, and those of nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from grading.grader.likeness import shows
from grading.remote.trace import MAX_VALUES, Trace
from sandbox.errors import RemoteError

NAN = math.nan


def trace(*answers):
    made = Trace()
    for answer in answers:
        made.note("call", answer)
    return made


@pytest.mark.parametrize(
    ("mine", "mistaken", "right"),
    [
        (1.0, 1.0, 2.0),
        (3, 3, 4),
        ([1, 2], [1, 2], [1]),
        ("a", "a", "b"),
        (1e-4, 1e-4, 2e-4),
        (np.float32(1), np.float32(1), np.float32(2)),
        (torch.tensor([1.0, 5]), torch.tensor([1.0, 5]), torch.tensor([1.0, 4])),
        # computed in single precision throughout, where the right answer is a double
        (torch.tensor([1.00000006]).double(),) * 2 + (torch.tensor([1.0]).double(),),
        # NaN at a place, beside numbers
        (torch.tensor([1.0, NAN]), torch.tensor([1.0, NAN]), torch.tensor([1.0, 0])),
        # the graph is cut
        (torch.ones(2), torch.ones(2), torch.ones(2, requires_grad=True)),
        # one gradient of two is missing
        ([None, torch.ones(2)], [None, torch.ones(2)], [torch.ones(2), torch.ones(2)]),
        # accepted what must be refused
        (1.0, 1.0, RemoteError("ValueError", "", [], "")),
    ],
)
def test_what_equals_a_mistake_and_not_right_code_is_recognised(mine, mistaken, right):
    assert shows(trace(mine), trace(mistaken), trace(right))


@pytest.mark.parametrize(
    ("mine", "mistaken", "right"),
    [
        # two that overflow need not overflow for one reason
        (torch.full((3,), NAN), torch.full((3,), NAN), torch.ones(3)),
        (NAN, NAN, 1.0),
        (torch.full((3,), math.inf), torch.full((3,), math.inf), torch.ones(3)),
        # learning rates
        (1.00e-6, 1.05e-6, 2e-6),
        (torch.tensor([1.00e-6]), torch.tensor([1.05e-6]), torch.tensor([2e-6])),
        # as far from right code as from the mistake
        (1.00001, 1.00002, 1.0),
        # equal to right code but for rounding
        (torch.ones(2) + 1e-7, torch.ones(2) + 1e-7, torch.ones(2)),
        (1.0, 1.0, 1.0),
        (None, None, 1.0),
        ([], [], [1.0]),
        (torch.ones(2), torch.ones(3), torch.zeros(2)),
        (torch.ones(2), torch.ones(2).double(), torch.zeros(2)),
        (1, True, 2),
        (RemoteError("TypeError", "", [], ""), RemoteError("TypeError", "", [], ""), 1.0),
    ],
)
def test_what_could_be_something_else_is_not(mine, mistaken, right):
    assert not shows(trace(mine), trace(mistaken), trace(right))


def test_every_answer_counts_and_their_number():
    right = trace(1.0, 1.0)
    assert shows(trace(1.0, 2.0), trace(1.0, 2.0), right)
    assert not shows(trace(1.0, 2.0), trace(3.0, 2.0), right)
    assert not shows(trace(1.0, 2.0), trace(1.0, 2.0, 3.0), right)
    assert not shows(trace(), trace(), trace())


def test_a_trace_that_was_too_long_is_no_evidence():
    long = trace(*[torch.full((MAX_VALUES // 10,), 2.0)] * 11)
    assert not long.whole and len(long.entries) < 11
    assert not shows(long, long, trace(1.0))


ASKS = """
def generate(model, ids, stop=None):
    for _ in range(3):
        ids = ids + [model({fed})]
    return ids
"""


@pytest.mark.parametrize(("fed", "same"), [("ids", True), ("ids[-1:]", False)])
def test_what_was_asked_of_a_callback_belongs_to_the_trace(load, fed, same):
    def model(ids: list[int]) -> int:
        return 7

    traces = []
    for source in (ASKS.format(fed=fed), ASKS.format(fed="ids"), ASKS.format(fed="ids[:0]")):
        code = load(source)
        code.peer.begin_trace()
        code.generate(model, [1, 2])
        traces.append(code.peer.trace)
    assert shows(*traces) is same


@pytest.mark.parametrize(("factor", "mode", "same"), [(2, "eval", True), (2, "train", False)])
def test_what_was_done_to_a_module_belongs_to_the_trace(load, factor, mode, same):
    def scaled(factor: int, mode: str) -> Trace:
        code = load(f"def scale(m):\n    m.{mode}(); m.weight.data.mul_({factor})\n")
        model = torch.nn.BatchNorm1d(2)
        code.peer.begin_trace()
        code.scale(model)
        assert model.weight.tolist() == [factor, factor]
        return code.peer.trace

    assert shows(scaled(factor, mode), scaled(2, "eval"), scaled(1, "eval")) is same


# Graded for real

SOFTMAX = """
import torch
def add(x, b=None):
    {body}
"""
STABLE = SOFTMAX.format(body="e = (x.float() - x.float().amax()).exp(); return (e / e.sum()).to(x)")
UNSTABLE = SOFTMAX.format(body="e = x.float().exp(); return (e / e.sum()).to(x)")
HALF = SOFTMAX.format(body="s = x * x; e = (s - s.amax()).exp(); return e / e.sum()")

LARGE = """
import torch
from grading.checks import assert_close
def test_large(submission, reference, torch_rng):
    x = 300 + torch.rand(4, generator=torch_rng).half()
    assert_close(submission.add(x), reference.add(x))
def test_some_large(submission, reference, torch_rng):
    x = torch.tensor([[200.0, 3.0]] + [[1.0, 2.0]])
    assert_close(submission.add(x), reference.add(x))
"""


def test_nan_throughout_names_no_mistake(course):
    diagnose = course(LARGE, STABLE, no_maximum=UNSTABLE)
    assert diagnose(HALF).mistakes == {}


RATES = """
from grading.checks import assert_close
def test_rates(submission, reference, rng):
    peak = float(10 ** rng.uniform(-4, -3))
    for step in range(10):
        assert_close(submission.add(step, peak), reference.add(step, peak), rtol=1e-9, atol=1e-15)
def test_end(submission, reference):
    assert_close(submission.add(20, 1e-3), reference.add(20, 1e-3))
"""
RATE = "def add(step, peak):\n    return {}\n"
RIGHT = RATE.format("peak * max(1 - step / 20, 0.1)")
TO_ZERO = RATE.format("peak * max(1 - step / 10, 0.0)")
CUT_OFF = RATE.format("peak * max(1 - step / 10, 0.1)")
KNOWN = {"to_zero": TO_ZERO, "cut_off": CUT_OFF}


def test_one_early_call_decides_nothing(course):
    # Until the last call all of them give the same, and the first wrong one ends the test.
    diagnose = course(RATES.replace("range(10)", "range(11)"), RIGHT, **KNOWN)
    assert diagnose(TO_ZERO).mistakes == {"test_rates": "to_zero", "test_end": "to_zero"}
    assert diagnose(CUT_OFF).mistakes == {"test_rates": "cut_off"}
    assert diagnose(RATE.format("peak * max(1 - step / 10, 0.05)")).mistakes == {}


def test_mistakes_that_a_test_cannot_tell_apart_are_told_apart_by_others(course):
    diagnose = course(RATES, RIGHT, **KNOWN)
    assert diagnose(TO_ZERO).mistakes == {"test_rates": "to_zero", "test_end": "to_zero"}
    assert diagnose(CUT_OFF).mistakes == {"test_rates": "cut_off"}


def test_no_mistake_is_named_where_two_fit_and_say_different_things(course):
    tests = RATES.partition("def test_end")[0]
    assert course(tests, RIGHT, **KNOWN)(TO_ZERO).mistakes == {}
    assert course(tests, RIGHT, cut_off=CUT_OFF)(TO_ZERO).mistakes == {"test_rates": "cut_off"}


def test_right_code_that_fails_for_another_reason_is_not_told_of_a_mistake(course):
    tests = """
def test_type(submission, reference):
    assert submission.add(1, 2) == reference.add(1, 2) + (submission.add(0, 0) == 1)
    submission.add(2, 2)
    assert not hasattr(submission, "sub")
"""
    mistake = "def add(a, b): return a + b\ndef sub(a, b): return a - b\n"
    assert course(tests, "def add(a, b): return a + b\n", has_sub=mistake)(mistake).mistakes == {}
