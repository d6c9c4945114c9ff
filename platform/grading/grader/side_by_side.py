"""What was expected and what came, as numbers beside each other, around the first difference."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

from grading.checks import Compared, tolerance_of
from grading.messages import clean
from grading.remote.trace import Call, short, summary

MAX_ROWS = 8
MAX_SMALL = 24
"""A tensor with no more values is shown as numbers, a larger one by its shape."""
MAX_TEXT = 120
MAX_CALL = 1200
MAX_DEPTH = 6


class Row(NamedTuple):
    """A place in what was compared, what should be there and what is, as texts."""

    place: str
    expected: str
    actual: str
    off: bool

    def document(self) -> dict[str, Any]:
        """Return it as data, fit to be shown."""
        texts = {"place": self.place, "expected": self.expected, "actual": self.actual}
        return {**{key: clean(text, MAX_TEXT) for key, text in texts.items()}, "off": self.off}


def details(compared: Compared | None, call: Call | None, *, values: bool) -> dict[str, Any]:
    """Return what a page shows of a failure beside the message: ``call`` and ``rows``.

    Without ``values`` no row is told, and of the call's arguments no more than their shapes.
    """
    shown: dict[str, Any] = {}
    if call is not None:
        shown["call"] = clean(written(call) if values else str(call), MAX_CALL)
    if values and compared is not None:
        shown["rows"] = [row.document() for row in rows(compared)]
    return shown


def written(call: Call) -> str:
    """Write a call as Python, small tensors as numbers and each on a line of its own."""
    given = [_argument(value) for value in call.args]
    given += [_argument(value, f"{name}=") for name, value in call.kwargs.items()]
    if not any(remark for _, remark in given):
        return f"{call.name}({', '.join(text for text, _ in given)})"
    lines = [f"    {text},{f'  # {remark}' if remark else ''}" for text, remark in given]
    return "\n".join([f"{call.name}(", *lines, ")"])


def _argument(value: Any, name: str = "") -> tuple[str, str]:
    """Return an argument's text and what is to be said beside it."""
    if isinstance(value, torch.Tensor | np.ndarray):
        shown = excerpt(value)
        return (name + shown, "" if shown == summary(value) else summary(value))
    return name + excerpt(value), ""


def excerpt(value: Any) -> str:
    """Write a value in at most ``MAX_TEXT`` characters."""
    text = _text(value, 0)
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _text(value: Any, depth: int) -> str:
    if (tensor := _tensor(value)) is not None:
        return _text(tensor.tolist(), depth) if tensor.numel() <= MAX_SMALL else summary(value)
    if isinstance(value, float | np.floating):
        return number(float(value))
    if isinstance(value, list | tuple) and depth < MAX_DEPTH:
        inner = ", ".join(_text(item, depth + 1) for item in value[:MAX_SMALL])
        inner += ", …" if len(value) > MAX_SMALL else ""
        return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
    if isinstance(value, dict) and depth < MAX_DEPTH:
        items = list(value.items())[:MAX_SMALL]
        inner = ", ".join(f"{short(key, 40)}: {_text(item, depth + 1)}" for key, item in items)
        return f"{{{inner}{', …' if len(value) > MAX_SMALL else ''}}}"
    if isinstance(value, list | tuple | dict):
        return summary(value)
    return short(value, MAX_TEXT)


def number(value: float, digits: int = 6) -> str:
    """Write a number with so many significant digits, and with a point where it is a float."""
    text = f"{value:.{digits}g}"
    return text if not math.isfinite(value) or set(text) & set(".e") else f"{text}.0"


def rows(compared: Compared) -> list[Row]:
    """Return the rows around the first difference, at most ``MAX_ROWS``."""
    return _rows(compared.actual, compared.expected, compared, "")[:MAX_ROWS]


def _rows(actual: Any, expected: Any, compared: Compared, place: str) -> list[Row]:
    left, right = _tensor(actual), _tensor(expected)
    if left is not None and right is not None:
        return _array_rows(left, right, compared, place)
    if isinstance(actual, dict) and isinstance(expected, dict):
        return _dict_rows(actual, expected, compared, place)
    kinds = list if isinstance(expected, list) else tuple
    if isinstance(actual, kinds) and isinstance(expected, kinds):
        return _sequence_rows(actual, expected, compared, place)
    if isinstance(actual, str) and isinstance(expected, str):
        return [Row(place, *_around_difference(expected, actual), True)]
    if isinstance(actual, float) and isinstance(expected, float | int):
        return [Row(place, *_numbers(expected, actual), True)]
    here = Row(place, excerpt(expected), excerpt(actual), True)
    if type(actual) is type(expected):
        return [here]
    kind = Row(f"type{place and f' {place}'}", _kind(expected), _kind(actual), True)
    return [kind, here]


def _tensor(value: Any) -> torch.Tensor | None:
    """Return a plain tensor of numbers if ``value`` is a tensor or an array of them."""
    if isinstance(value, torch.Tensor):
        return value.detach().to_dense().cpu()
    if isinstance(value, np.ndarray) and value.dtype.isnative and value.dtype.kind in "biufc":
        return torch.as_tensor(value) if value.dtype.itemsize <= 16 else None
    return None


def _kind(value: Any) -> str:
    return "torch.Tensor" if isinstance(value, torch.Tensor) else type(value).__name__


def _around_difference(left: str, right: str) -> tuple[str, str]:
    """Return both texts in quotes, long ones from a little before they differ."""
    same = next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), None)
    start = (min(len(left), len(right)) if same is None else same) - 20
    if start <= 0 or max(len(left), len(right)) <= MAX_TEXT - 20:
        return excerpt(left), excerpt(right)
    return f"…{excerpt(left[start:])}", f"…{excerpt(right[start:])}"


def _numbers(left: complex, right: complex) -> tuple[str, str]:
    """Write two numbers, with more digits if they would look the same."""
    for digits in (6, 9, 17):
        texts = [
            f"{x:.{digits}g}" if isinstance(x, complex) else number(x, digits)
            for x in (left, right)
        ]
        if texts[0] != texts[1]:
            break
    return texts[0], texts[1]


def _dict_rows(actual: Any, expected: Any, compared: Compared, place: str) -> list[Row]:
    if actual.keys() != expected.keys():
        return [Row(f"keys {place}".strip(), excerpt(list(expected)), excerpt(list(actual)), True)]
    inside = ((f"{place}[{short(key, 40)}]", actual[key], expected[key]) for key in expected)
    return _first_difference(inside, compared)


def _sequence_rows(actual: Any, expected: Any, compared: Compared, place: str) -> list[Row]:
    here = Row(place, excerpt(expected), excerpt(actual), True)
    if len(actual) != len(expected):
        lengths = Row(f"len {place}".strip(), str(len(expected)), str(len(actual)), True)
        return [lengths, here]
    scalars = (int, float, complex, str, type(None))
    if not all(isinstance(item, scalars) for item in (*actual, *expected)):
        inside = enumerate(zip(actual, expected, strict=True))
        return _first_difference(((f"{place}[{i}]", *pair) for i, pair in inside), compared)
    off = [_differs(*pair, compared) for pair in zip(actual, expected, strict=True)]
    return [
        Row(f"{place}[{i}]", *_pair(expected[i], actual[i]), off[i])
        for i in _window(off.index(True) if True in off else 0, len(off))
    ]


def _pair(expected: Any, actual: Any) -> tuple[str, str]:
    if isinstance(expected, float) and isinstance(actual, float):
        return _numbers(expected, actual)
    return excerpt(expected), excerpt(actual)


def _first_difference(inside: Iterator[tuple[str, Any, Any]], compared: Compared) -> list[Row]:
    """Return the rows of the first of ``place, actual, expected`` that differ."""
    for place, actual, expected in inside:
        found = _rows(actual, expected, compared, place)
        if _differs(actual, expected, compared) and any(row.off for row in found):
            return found
    return []


def _differs(actual: Any, expected: Any, compared: Compared) -> bool:
    left, right = _tensor(actual), _tensor(expected)
    if left is not None and right is not None:
        alike = left.shape == right.shape and left.dtype == right.dtype
        return not alike or bool(_off(left, right, compared).any())
    if isinstance(actual, float) and isinstance(expected, float):
        left, right = (torch.tensor(x, dtype=torch.float64) for x in (actual, expected))
        return bool(_off(left, right, compared))
    if isinstance(expected, list | tuple | dict):
        return True  # what is in them is looked at
    return type(actual) is not type(expected) or bool(actual != expected)


def _off(actual: torch.Tensor, expected: torch.Tensor, compared: Compared) -> torch.Tensor:
    """Return where two tensors of one shape differ by more than the tolerance."""
    rtol, atol = tolerance_of(expected.dtype, compared.tolerance)
    if not (expected.is_floating_point() or expected.is_complex()):
        return actual != expected
    wide = torch.complex128 if expected.is_complex() else torch.float64
    close = torch.isclose(
        actual.detach().to(wide), expected.detach().to(wide), rtol, atol, equal_nan=True
    )
    return ~close


def _window(first: int, count: int) -> range:
    start = max(0, min(first - 2, count - MAX_ROWS))
    return range(start, min(count, start + MAX_ROWS))


def _array_rows(
    actual: torch.Tensor, expected: torch.Tensor, compared: Compared, place: str
) -> list[Row]:
    if actual.shape != expected.shape or actual.dtype != expected.dtype:
        what = "shape" if actual.shape != expected.shape else "dtype"
        texts = [
            str(list(t.shape)) if what == "shape" else str(t.dtype).removeprefix("torch.")
            for t in (expected, actual)
        ]
        return [Row(f"{what} {place}".strip(), texts[0], texts[1], True)]
    off = _off(actual, expected, compared).reshape(-1)
    if off.numel() == 0 or not bool(off.any()):
        return []
    left, right = actual.detach().reshape(-1), expected.detach().reshape(-1)
    return [
        Row(
            place + _index(i, actual.shape),
            *_pair(right[i].item(), left[i].item()),
            bool(off[i]),
        )
        for i in _window(int(off.nonzero()[0]), off.numel())
    ]


def _index(flat: int, shape: torch.Size) -> str:
    if not shape:
        return ""
    return str([int(i) for i in np.unravel_index(flat, tuple(shape))])
