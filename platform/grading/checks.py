"""Assertions whose failure tells the learner what is wrong, and never what the right values are."""

from __future__ import annotations

import cmath
import contextlib
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from curriculum.bilingual import Text
from grading.remote.proxies import Proxy
from grading.remote.trace import short

Label = str | Mapping[str, str] | None
_Tolerance = tuple[float | None, float | None]


class Compared(NamedTuple):
    """What a check held against what."""

    actual: Any
    expected: Any
    tolerance: _Tolerance
    label: Label


class CheckFailed(AssertionError):
    """A check failed; ``text`` may be shown to the learner.

    ``compared`` may be only where the right values aren't secret.
    """

    def __init__(self, text: Text) -> None:
        self.text = text
        self.compared: Compared | None = None
        super().__init__(text.en)


class WrongType(CheckFailed):
    """What came isn't even of the right type."""


# Relative and absolute tolerances by dtype: those of torch.testing.assert_close.
_TOLERANCES: dict[torch.dtype, tuple[float, float]] = {
    torch.float16: (1e-3, 1e-5),
    torch.bfloat16: (1.6e-2, 1e-5),
    torch.float32: (1.3e-6, 1e-5),
    torch.float64: (1e-7, 1e-7),
    torch.complex64: (1.3e-6, 1e-5),
    torch.complex128: (1e-7, 1e-7),
}


def require(condition: object, *, en: str, zh: str) -> None:
    """Fail with the author's own message unless ``condition`` is true."""
    with _check(None):
        if not condition:
            raise CheckFailed(Text(en, zh))


def assert_equal(
    actual: object, expected: object, label: Label = None, *, nonfinite: bool = False
) -> None:
    """Fail unless both are equal and of the same types, all the way down: ``True`` is not ``1``.

    Raises:
        CheckFailed: they differ.
        ValueError: ``expected`` has NaN or infinities, and the test doesn't say ``nonfinite``.
    """
    _must_be_finite(expected, nonfinite)
    with _check(Compared(actual, expected, (0.0, 0.0), label)):
        _same(actual, expected, _label(label))


def assert_close(
    actual: object,
    expected: object,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    label: Label = None,
    oracle: object = None,
    nonfinite: bool = False,
) -> None:
    """Fail unless ``actual`` has the type, shape and dtype of ``expected`` and nearly its values.

    Works on tensors, arrays, numbers and on lists, tuples and dicts of them. Without tolerances,
    those of ``torch.testing`` for the dtype hold. ``oracle`` is the same quantity computed in
    float64: when given, the learner also reads how far both are from it. With ``nonfinite``, NaN
    and infinities must be where ``expected`` has them; without, it may have none: a right value
    that is NaN was mostly computed from a submission's own, and anybody can answer NaN.

    Raises:
        CheckFailed: with shapes, dtypes, the largest error and its place, but no expected value.
        ValueError: ``expected`` has NaN or infinities, and the test doesn't say ``nonfinite``.
    """
    _must_be_finite(expected, nonfinite)
    with _check(Compared(actual, expected, (rtol, atol), label)):
        _close(actual, expected, (rtol, atol), _label(label), oracle)


def _must_be_finite(expected: object, nonfinite: bool) -> None:
    if not nonfinite and not _finite(expected):
        raise ValueError("what is expected has NaN or infinities: say nonfinite=True if it may")


def _finite(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_finite, value))
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    if isinstance(value, torch.Tensor | np.ndarray):
        return bool(torch.isfinite(torch.as_tensor(value)).all())
    return not isinstance(value, float | complex) or cmath.isfinite(value)


_noted: list[CheckFailed] | None = None


@contextlib.contextmanager
def noted() -> Iterator[list[CheckFailed]]:
    """Meanwhile a check that fails doesn't raise: it is added to the list, and the test goes on."""
    global _noted
    _noted = failures = list[CheckFailed]()
    try:
        yield failures
    finally:
        _noted = None


@contextlib.contextmanager
def _check(compared: Compared | None) -> Iterator[None]:
    try:
        yield
    except CheckFailed as failure:
        failure.compared = compared
        if _noted is None:
            raise
        _noted.append(failure)


def _label(label: Label) -> Text:
    if label is None:
        return Text("The result", "返回值")
    if isinstance(label, str):
        return Text(label, label)
    return Text(label["en"], label["zh"])


def _inside(name: Text, key: object) -> Text:
    return Text(f"{name.en}[{key!r}]", f"{name.zh}[{key!r}]")


_DERIVED = (dict, list, tuple, set, frozenset, float)


def _kind(value: object) -> str:
    """Return the type that counts: a namedtuple is a tuple, a ``numpy.float64`` a float."""
    if isinstance(value, torch.Tensor):
        return "torch.Tensor"
    if isinstance(value, np.ndarray):
        return "numpy.ndarray"
    return next((kind.__name__ for kind in _DERIVED if isinstance(value, kind)), _type_name(value))


def _type_name(value: object) -> str:
    if isinstance(value, Proxy):
        return value._type_name
    numpy = isinstance(value, np.generic) and not isinstance(value, np.bool_)
    return f"numpy.{type(value).__name__}" if numpy else type(value).__name__


def _same_type(actual: object, expected: object, name: Text) -> None:
    if _kind(actual) != _kind(expected):
        found = _type_name(actual) if isinstance(actual, tuple) else _kind(actual)
        raise WrongType(
            Text(
                f"{name.en} is of type {found}; it should be {_kind(expected)}.",
                f"{name.zh}的类型是 {found}，应为 {_kind(expected)}。",
            )
        )


def _same_length(actual: Any, expected: Any, name: Text) -> None:
    if len(actual) != len(expected):
        raise CheckFailed(
            Text(
                f"{name.en} has {len(actual)} items; it should have {len(expected)}.",
                f"{name.zh}有 {len(actual)} 项，应有 {len(expected)} 项。",
            )
        )


def _same_keys(actual: Any, expected: Any, name: Text) -> None:
    if missing := [key for key in expected if key not in actual]:
        raise CheckFailed(
            Text(f"{name.en} lacks the key {missing[0]!r}.", f"{name.zh}缺少键 {missing[0]!r}。")
        )
    if extra := [key for key in actual if key not in expected]:
        raise CheckFailed(
            Text(
                f"{name.en} has the key {short(extra[0], 80)}, which should not be there.",
                f"{name.zh}多了键 {short(extra[0], 80)}。",
            )
        )


def _same_layout(actual: torch.Tensor, expected: torch.Tensor, name: Text) -> None:
    if actual.shape != expected.shape:
        shapes = (tuple(actual.shape), tuple(expected.shape))
        raise CheckFailed(
            Text(
                f"{name.en} has shape {shapes[0]}; it should have shape {shapes[1]}.",
                f"{name.zh}的形状是 {shapes[0]}，应为 {shapes[1]}。",
            )
        )
    if actual.dtype != expected.dtype:
        raise CheckFailed(
            Text(
                f"{name.en} has dtype {actual.dtype}; it should have dtype {expected.dtype}.",
                f"{name.zh}的 dtype 是 {actual.dtype}，应为 {expected.dtype}。",
            )
        )


def _same(actual: Any, expected: Any, name: Text) -> None:
    _same_type(actual, expected, name)
    if isinstance(expected, list | tuple):
        _same_length(actual, expected, name)
        for index, (left, right) in enumerate(zip(actual, expected, strict=True)):
            _same(left, right, _inside(name, index))
    elif isinstance(expected, dict):
        _same_keys(actual, expected, name)
        for key, right in expected.items():
            _same(actual[key], right, _inside(name, key))
    elif isinstance(expected, torch.Tensor):
        _same_layout(actual, expected, name)
        _values(actual, expected, (0.0, 0.0), name, None)
    elif isinstance(expected, np.ndarray):
        _same(torch.as_tensor(actual), torch.as_tensor(expected), name)
    elif isinstance(expected, set | frozenset):
        if _typed(actual) != _typed(expected):
            raise _not_right(actual, name)
    elif actual != expected and not (expected != expected and actual != actual):
        raise _not_right(actual, name)


def _typed(value: Any) -> set[tuple[str, Any]] | None:
    """Return a set's items with their types; nothing of what only calls itself a set."""
    if not isinstance(value, set | frozenset):
        return None
    return {(_kind(each), each) for each in value}


def _not_right(actual: Any, name: Text) -> CheckFailed:
    return CheckFailed(
        Text(
            f"{name.en} is not right: it is {short(actual, 80)}.",
            f"{name.zh}不正确：它是 {short(actual, 80)}。",
        )
    )


def _close(actual: Any, expected: Any, tol: _Tolerance, name: Text, oracle: Any) -> None:
    if isinstance(expected, float) and type(actual) is int:
        actual = float(actual)  # an exact integer is a fine float
    _same_type(actual, expected, name)
    if isinstance(expected, list | tuple):
        _same_length(actual, expected, name)
        for index, (left, right) in enumerate(zip(actual, expected, strict=True)):
            truth = None if oracle is None else oracle[index]
            _close(left, right, tol, _inside(name, index), truth)
    elif isinstance(expected, dict):
        _same_keys(actual, expected, name)
        for key, right in expected.items():
            truth = None if oracle is None else oracle[key]
            _close(actual[key], right, tol, _inside(name, key), truth)
    elif isinstance(expected, torch.Tensor):
        _same_layout(actual, expected, name)
        _values(actual, expected, tolerance_of(expected.dtype, tol), name, oracle)
    elif isinstance(expected, np.ndarray):
        _close(torch.as_tensor(actual), torch.as_tensor(expected), tol, name, oracle)
    elif isinstance(expected, float | complex):
        _numbers(actual, expected, tolerance_of(torch.float64, tol), name)
    else:
        _same(actual, expected, name)


def tolerance_of(dtype: torch.dtype, tol: _Tolerance) -> tuple[float, float]:
    rtol, atol = _TOLERANCES.get(dtype, (0.0, 0.0))
    return (rtol if tol[0] is None else tol[0], atol if tol[1] is None else tol[1])


def _numbers(actual: Any, expected: Any, tol: tuple[float, float], name: Text) -> None:
    if actual == expected or (expected != expected and actual != actual):
        return
    error = abs(actual - expected)
    if not math.isfinite(error) or error > tol[1] + tol[0] * abs(expected):
        allowed = _allowed(tol)
        raise CheckFailed(
            Text(
                f"{name.en} is not right: it is {actual!r}, off by {error:.3g}{allowed.en}.",
                f"{name.zh}不正确：它是 {actual!r}，误差为 {error:.3g}{allowed.zh}。",
            )
        )


def _values(
    actual: torch.Tensor, expected: torch.Tensor, tol: tuple[float, float], name: Text, oracle: Any
) -> None:
    if expected.numel() == 0:
        return
    wide = torch.complex128 if expected.is_complex() else torch.float64
    exact = not (expected.is_floating_point() or expected.is_complex())
    left, right = actual.detach(), expected.detach()
    if not exact:
        left, right = left.to(wide), right.to(wide)
        _same_nonfinite(left, right, name)
    wrong = left != right
    if not exact:
        finite = torch.isfinite(right)
        difference = torch.where(finite, (left - right).abs(), torch.zeros((), dtype=torch.float64))
        bound = tol[1] + tol[0] * torch.where(finite, right.abs(), torch.zeros_like(right.abs()))
        wrong = difference > bound
    if not bool(wrong.any()):
        return
    place = tuple(int(i) for i in wrong.nonzero()[0])
    share = (
        f"{int(wrong.sum())} of {wrong.numel()}",
        f"{wrong.numel()} 个中有 {int(wrong.sum())} 个",
    )
    if exact:
        raise CheckFailed(
            Text(
                f"{name.en}: {share[0]} values are wrong, the first at index {place}.",
                f"{name.zh}：{share[1]}值不正确，首个位于下标 {place}。",
            )
        )
    worst = float(difference.max())
    opinion, allowed = _opinion(left, right, oracle), _allowed(tol)
    raise CheckFailed(
        Text(
            f"{name.en}: {share[0]} values are off, by up to {worst:.3g}{allowed.en}, "
            f"first at index {place}.{opinion.en}",
            f"{name.zh}：{share[1]}值有偏差，最大误差 {worst:.3g}{allowed.zh}，"
            f"首个位于下标 {place}。{opinion.zh}",
        )
    )


def _allowed(tol: tuple[float, float]) -> Text:
    return Text(
        f" (allowed: {tol[1]:.1g} + {tol[0]:.1g}·|value|)",
        f"（允许 {tol[1]:.1g} + {tol[0]:.1g}·|值|）",
    )


def _same_nonfinite(left: torch.Tensor, right: torch.Tensor, name: Text) -> None:
    for test, word in ((torch.isnan, "NaN"), (torch.isinf, "inf")):
        differ = test(left) != test(right)
        if bool(differ.any()):
            place = tuple(int(i) for i in differ.nonzero()[0])
            there = bool(test(left)[place])
            raise CheckFailed(
                Text(
                    f"{name.en} {'has' if there else 'should have'} {word} at index {place}"
                    f"{', where a finite number belongs' if there else ''}.",
                    f"{name.zh}在下标 {place} 处{'出现了' if there else '应为'} {word}"
                    f"{'，那里应是有限的数' if there else ''}。",
                )
            )
    if not left.is_complex():
        signs = torch.isinf(right) & (left != right)
        if bool(signs.any()):
            place = tuple(int(i) for i in signs.nonzero()[0])
            raise CheckFailed(
                Text(
                    f"{name.en} has an infinity of the wrong sign at index {place}.",
                    f"{name.zh}在下标 {place} 处无穷大的符号不对。",
                )
            )


def _opinion(left: torch.Tensor, right: torch.Tensor, oracle: Any) -> Text:
    """Say how far both are from the float64 truth, so that rounding isn't taken for a mistake."""
    if oracle is None:
        return Text("", "")
    truth = torch.as_tensor(oracle).detach().to(left.dtype)
    ours, theirs = float((right - truth).abs().max()), float((left - truth).abs().max())
    return Text(
        f" Against a float64 computation your largest error is {theirs:.3g}; {ours:.3g} is usual.",
        f"与 float64 计算相比，你的最大误差为 {theirs:.3g}，通常为 {ours:.3g}。",
    )
