"""A failure is shown as numbers: what was expected, what came, and the call; all of it bounded."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import NamedTuple

import numpy as np
import pytest
import torch

from grading.checks import Compared
from grading.grader.likeness import distance
from grading.grader.side_by_side import MAX_CALL, MAX_ROWS, MAX_TEXT, details, rows, written
from grading.remote.trace import Call


def shown(actual, expected, rtol=None, atol=None):
    return [tuple(row) for row in rows(Compared(actual, expected, (rtol, atol), None))]


@pytest.mark.parametrize(
    ("actual", "expected", "wanted"),
    [
        (torch.tensor([[15.0]]), torch.tensor([[13.30243]]), [("[0, 0]", "13.3024", "15.0", True)]),
        (3.0, 2, [("", "2.0", "3.0", True)]),
        (0.1, 0.1 + 1e-9, [("", "0.100000001", "0.1", True)]),
        (math.nan, 1.0, [("", "1.0", "nan", True)]),
        ([1, 2], [1, 3], [("[0]", "1", "1", False), ("[1]", "3", "2", True)]),
        ([1], [1, 2], [("len", "2", "1", True), ("", "[1, 2]", "[1]", True)]),
        ({"a": [1.0]}, {"a": [2.0]}, [("['a'][0]", "2.0", "1.0", True)]),
        ({"b": 1}, {"a": 1}, [("keys", "['a']", "['b']", True)]),
        (torch.ones(1), torch.ones(2), [("shape", "[2]", "[1]", True)]),
        (torch.ones(1).double(), torch.ones(1), [("dtype", "float32", "float64", True)]),
        (np.ones(1), np.zeros(1), [("[0]", "0.0", "1.0", True)]),
        (True, 1, [("type", "int", "bool", True), ("", "1", "True", True)]),
        ("ab", "ac", [("", "'ac'", "'ab'", True)]),
        ([1.0, torch.ones(1)], [1.0, torch.zeros(1)], [("[1][0]", "0.0", "1.0", True)]),
        ([10**5000], [1], [("[0]", "1", "int too large to print", True)]),
    ],
)
def test_the_first_difference_is_shown_with_what_is_beside_it(actual, expected, wanted):
    assert shown(actual, expected) == wanted


def test_of_a_large_tensor_some_values_around_the_first_difference_are_shown():
    expected = torch.arange(1000.0).reshape(10, 100)
    actual = expected.clone()
    actual[5, 50] += 1
    found = shown(actual, expected)
    assert len(found) == MAX_ROWS
    assert [place for place, _, _, off in found if off] == ["[5, 50]"]


def test_what_is_within_the_tolerance_is_not_marked():
    found = shown(torch.tensor([1.0, 1.01, 2.0]), torch.ones(3), atol=0.1)
    assert [off for *_, off in found] == [False, False, True]


def test_everything_is_bounded_and_clean():
    nasty = "\x1b[31m\u202e" + "x" * 10_000
    call = Call("f", ([nasty] * 1000, {nasty: [[[[[[[[[nasty]]]]]]]]]}), {"k": nasty}, None)
    found = details(Compared(nasty, "y", (0, 0), None), call, values=True)
    assert len(found["call"]) <= MAX_CALL + 1
    texts = [row[key] for row in found["rows"] for key in ("place", "expected", "actual")]
    assert all(len(text) <= MAX_TEXT + 1 for text in texts)
    assert "\x1b" not in str(found) and "\u202e" not in str(found)


def test_a_call_is_written_as_python_with_small_tensors_as_numbers():
    call = Call("f", (torch.tensor([[1.0, 0.5]]), torch.ones(100), 3), {"p": 0.1}, None)
    assert written(call) == (
        "f(\n    [[1.0, 0.5]],  # float32[1, 2]\n    float32[100],\n    3,\n    p=0.1,\n)"
    )
    assert written(Call("lr_at", (3, 5, 0.001), {}, None)) == "lr_at(3, 5, 0.001)"


def test_without_values_neither_rows_nor_numbers_of_tensors_are_told():
    compared = Compared(torch.ones(1), torch.tensor([123.456]), (None, None), None)
    call = Call("f", (torch.tensor([123.456]),), {}, torch.ones(1))
    assert details(compared, call, values=False) == {"call": "f(float32[1]) → float32[1]"}
    assert "123.456" in str(details(compared, call, values=True))


class Pair(NamedTuple):
    left: object
    right: object


ODD = [
    *(None, True, 1, 1.5, math.nan, math.inf, 1j, "a", b"b", [], [1, [2]], (1,), {}, {1: 2}, {3}),
    *([1.0, None], [math.nan], {"a": {"b": []}}, Pair(1, [2.0]), OrderedDict(a=1), range(3)),
    *(torch.tensor(1), torch.empty(0), torch.ones(2, requires_grad=True), torch.tensor([True])),
    *(torch.ones(2, dtype=torch.bfloat16), torch.tensor([1j]), torch.tensor([math.inf, math.nan])),
    *(torch.ones(2, dtype=torch.uint8), torch.float32, torch.Size([2]), torch.nn.Linear(1, 1)),
    *(np.float32(1), np.ones(2, np.float16), np.array(["a"]), np.array([None]), np.ones(0)),
    *(np.ones(2, np.uint16), np.array("2026", "datetime64"), torch.ones(2).to_sparse(), object()),
]


@pytest.mark.parametrize("actual", ODD, ids=repr)
def test_nothing_that_can_be_compared_breaks_the_comparison(actual):
    for expected in ODD:
        distance(actual, expected)
        details(Compared(actual, expected, (None, None), None), None, values=True)
    details(None, Call("f", (actual,), {"k": actual}, actual), values=True)
    details(None, Call("f", (actual,), {"k": actual}, actual), values=False)
