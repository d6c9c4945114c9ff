"""Checks tell what is wrong in both languages, and never the right value."""

from __future__ import annotations

import ast
from collections import OrderedDict
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from grading import messages
from grading.checks import CheckFailed, assert_close, assert_equal, require
from grading.messages import clean
from grading.remote.proxies import Proxy
from sandbox.wire import Handle


class Pair(NamedTuple):
    left: Any
    right: Any


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        (1.0, 1.0 + 1e-9),
        (3, 3.0),
        (NAN, NAN),
        (torch.ones(2), torch.ones(2) + 1e-7),
        (torch.tensor([NAN, INF, -INF]), torch.tensor([NAN, INF, -INF])),
        ([1.0, {"a": np.ones(2)}], [1.0, {"a": np.ones(2)}]),
        (torch.empty(0, 3), torch.empty(0, 3)),
        (Pair(1.0, torch.ones(2)), (1.0, torch.ones(2))),
        ((1.0, torch.ones(2)), Pair(1.0, torch.ones(2))),
        ({"a": 1.0}, OrderedDict(a=1.0)),
        (np.float64(1), 1.0),
    ],
)
def test_what_is_close_passes(actual, expected):
    assert_close(actual, expected, nonfinite=True)


@pytest.mark.parametrize(
    "expected",
    [NAN, -INF, [1.0, (NAN,)], {"a": torch.tensor([1.0, INF])}, np.array([NAN]), complex(0, INF)],
)
def test_nothing_is_right_that_is_not_finite_unless_the_test_says_so(expected):
    for check in (assert_close, assert_equal):
        with pytest.raises(ValueError, match="nonfinite"):
            check(expected, expected)
        check(expected, expected, nonfinite=True)


@pytest.mark.parametrize(
    ("actual", "expected", "says"),
    [
        (None, torch.ones(2), "is of type NoneType"),
        (torch.ones(1), torch.ones(2), "has shape (1,); it should have shape (2,)"),
        (torch.ones(2).double(), torch.ones(2), "has dtype torch.float64"),
        (torch.full((2,), NAN), torch.ones(2), "has NaN at index (0,)"),
        (torch.ones(2), torch.tensor([1.0, INF]), "should have inf at index (1,)"),
        (torch.tensor([-INF]), torch.tensor([INF]), "infinity of the wrong sign"),
        (torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.5]), "1 of 2 values are off, by up to 0.5"),
        (torch.tensor([1]), torch.tensor([2]), "1 of 1 values are wrong"),
        ([1.0], [1.0, 2.0], "has 1 items; it should have 2"),
        ({"a": 1}, {"b": 1}, "lacks the key 'b'"),
        ({"b": 1, "c": 2}, {"b": 1}, "has the key 'c'"),
        (1.0, 2.0, "it is 1.0, off by 1 (allowed: 1e-07 + 1e-07·|value|)"),
        (True, 1.0, "is of type bool"),
        ([10**5000], [2], "it is int too large to print"),
        (np.ones(2), torch.ones(2), "is of type numpy.ndarray"),
        (Pair(1.0, 2.0), [1.0, 2.0], "is of type Pair; it should be list"),
        (np.int64(1), 1, "is of type numpy.int64; it should be int"),
        (Proxy(None, Handle(1, "iterator", "generator")), [1], "is of type generator"),
    ],
)
def test_what_is_not_close_fails_in_words(actual, expected, says):
    with pytest.raises(CheckFailed) as caught:
        assert_close(actual, expected, nonfinite=True)
    assert says in caught.value.text.en
    assert caught.value.text.zh != caught.value.text.en


def test_nothing_broadcasts_and_an_empty_result_is_no_match():
    for wrong in (torch.ones(()), torch.ones(0), torch.ones(3, 1)):
        with pytest.raises(CheckFailed):
            assert_close(wrong, torch.ones(3))


def test_the_expected_value_is_never_told():
    with pytest.raises(CheckFailed) as caught:
        assert_close(torch.tensor([0.0]), torch.tensor([123.456]), oracle=torch.tensor([123.456]))
    assert "123.456" not in caught.value.text.en.replace("up to 123", "")
    with pytest.raises(CheckFailed) as caught:
        assert_equal("mine", "secret")
    assert "secret" not in caught.value.text.en


@pytest.mark.parametrize(
    ("actual", "expected"), [(True, 1), (1, 1.0), ((1,), [1]), ("a", b"a"), ({1.0}, {1})]
)
def test_equal_means_of_the_same_type(actual, expected):
    with pytest.raises(CheckFailed):
        assert_equal(actual, expected)


def test_require_says_what_the_author_wrote():
    require(True, en="-", zh="-")
    with pytest.raises(CheckFailed, match="too many"):
        require([], en="too many", zh="太多")


def test_text_that_is_shown_is_clean_and_capped():
    assert clean("a\x1b[31m\u202eb\ud800\x07\n") == "a\ufffdb\ufffd\ufffd\n"
    assert len(clean("x" * 10_000)) == 4001


def reasons() -> list[str]:
    """What the sandbox's code gives as reasons why a value can't cross."""
    found = set()
    for path in Path("sandbox").rglob("*.py"):
        module = import_module(".".join(path.with_suffix("").parts))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Unsendable":
                reason = node.args[0]
                named = isinstance(reason, ast.Name)
                found.add(getattr(module, reason.id) if named else ast.literal_eval(reason))
    return sorted(found)


@pytest.mark.parametrize("reason", reasons())
def test_every_reason_why_a_value_cannot_be_read_is_told_in_both_languages(reason):
    text = messages.unsendable(f"{reason}: Detail")
    assert reason not in text.zh and "Detail" in text.zh and "Detail" in text.en
    assert text.en.endswith(".") and text.zh.endswith("。")
