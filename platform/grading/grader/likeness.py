"""Whether a submission answered as a known mistake does, and not as right code does."""

from __future__ import annotations

import math
from itertools import zip_longest
from typing import Any

import numpy as np
import torch

from grading.remote.trace import OPAQUE, Trace
from sandbox.errors import RemoteError

TOLERANCE = 1e-4
"""How far, as a share of its size, a number may be from another and count as the same."""
HALF_TOLERANCE = 1e-2
"""The same for half precision."""
FLATNESS = 1e-2
"""A number's size is its own and this share of the largest beside it."""
TINY = 1e-8
"""The size of zero."""
CLEARLY = 10.0
"""How many times farther from right code than from the mistake a submission must be."""

_ROUNDING = {torch.float16: 1e-3, torch.bfloat16: 8e-3, torch.float64: 1e-14}
_ROUNDING_FLOAT32 = 1e-6
"""What right code may be off by, as a share of the largest number, because it computes in another
order. A submission that is off by less doesn't differ from right code."""


def shows(mine: Trace, mistaken: Trace, right: Trace) -> bool:
    """Return whether ``mine`` equals ``mistaken`` throughout and differs from ``right``.

    It must be clearly nearer to the mistake, and differ in finite numbers or other data:
    that both have NaN where right code has none may have two reasons. A NaN beside finite numbers
    of the same tensor is data, for it lies at a place.
    """
    if not (mine.whole and mistaken.whole and right.whole):
        return False
    if len(mine.entries) != len(mistaken.entries):
        return False
    pairs = zip(mine.entries, mistaken.entries, strict=True)
    off = max((_entry_distance(*pair) for pair in pairs), default=math.inf)
    if off > 1:
        return False
    apart = zip_longest(mine.entries, right.entries)
    return max(_evidence(*pair) for pair in apart) > CLEARLY * off


Entry = tuple[str, Any]


def _entry_distance(left: Entry, right: Entry) -> float:
    return distance(left[1], right[1]) if left[0] == right[0] else math.inf


def _evidence(mine: Entry | None, right: Entry | None) -> float:
    if mine is None:
        return 0.0
    if right is None or mine[0] != right[0]:
        return math.inf if _has_data(mine[1]) else 0.0
    return evidence(mine[1], right[1])


def distance(left: Any, right: Any) -> float:
    """Return how far two values are apart: at most 1 where they count as the same.

    What isn't a number is the same, or infinitely far. So are two NaN.
    """
    if isinstance(left, RemoteError) and isinstance(right, RemoteError):
        return 0.0 if left.type_name == right.type_name else math.inf
    if type(left) is not type(right):
        return math.inf
    if isinstance(left, torch.Tensor | np.ndarray):
        if left.shape != right.shape or left.dtype != right.dtype:
            return math.inf
        if isinstance(left, np.ndarray) and not _is_numeric(left):
            return 0.0 if np.array_equal(left, right) else math.inf
        return _tensor_distance(torch.as_tensor(left), torch.as_tensor(right))
    if isinstance(left, list | tuple | dict):
        pairs = _pairs(left, right)
        return math.inf if pairs is None else max((distance(*pair) for pair in pairs), default=0.0)
    if isinstance(left, float | complex | np.inexact):
        return _number_distance(complex(left), complex(right))
    return 0.0 if left == right else math.inf


def _is_numeric(array: np.ndarray[Any, Any]) -> bool:
    return array.dtype.kind in "biufc"


def evidence(mine: Any, right: Any) -> float:
    """Return how far ``mine`` is from ``right``, but for rounding and NaN."""
    if not _has_data(mine):
        return 0.0
    pairs = _pairs(mine, right) if isinstance(mine, list | tuple | dict) else None
    if pairs is not None and type(mine) is type(right):
        if any(part is None and _has_data(due) for part, due in pairs):
            return math.inf  # one of several is missing: a gradient, for example
        return max((evidence(*pair) for pair in pairs), default=0.0)
    found = distance(mine, right)
    return found if math.isinf(found) or not _is_rounding(mine, right) else 0.0


def _pairs(left: Any, right: Any) -> list[tuple[Any, Any]] | None:
    """Return what stands at the same places of two containers, or None if their places differ."""
    if type(left) is not type(right) or len(left) != len(right):
        return None
    if isinstance(left, dict):
        return [(left[key], right[key]) for key in left] if left.keys() == right.keys() else None
    return list(zip(left, right, strict=True))


def _has_data(value: Any) -> bool:
    """Return whether there is anything in ``value`` that could be evidence."""
    if isinstance(value, list | tuple | dict):
        return any(map(_has_data, value.values() if isinstance(value, dict) else value))
    if isinstance(value, torch.Tensor | np.ndarray):
        return bool(torch.isfinite(torch.as_tensor(value)).any())
    if isinstance(value, float | complex | np.inexact):
        return bool(np.isfinite(value))
    return not (value is None or value is OPAQUE or isinstance(value, RemoteError))


def _number_distance(left: complex, right: complex) -> float:
    if left == right or (left != left and right != right):
        return 0.0
    size = max(abs(left), abs(right)) + TINY
    return abs(left - right) / size / TOLERANCE if math.isfinite(size) else math.inf


def _tensor_distance(left: torch.Tensor, right: torch.Tensor) -> float:
    if (left.requires_grad, left.layout) != (right.requires_grad, right.layout):
        return math.inf
    left, right = left.detach().to_dense(), right.detach().to_dense()
    if not (left.is_floating_point() or left.is_complex()):
        return 0.0 if torch.equal(left, right) else math.inf
    half = left.dtype in (torch.float16, torch.bfloat16)
    left, right = _wide(left), _wide(right)
    finite = torch.isfinite(left)
    if not torch.equal(finite, torch.isfinite(right)):
        return math.inf
    if not torch.equal(left[~finite].nan_to_num(), right[~finite].nan_to_num()):
        return math.inf
    left, right = left[finite], right[finite]
    if left.numel() == 0:
        return 0.0
    size = torch.maximum(left.abs(), right.abs())
    share = (left - right).abs() / (size + FLATNESS * size.max() + TINY)
    return float(share.max()) / (HALF_TOLERANCE if half else TOLERANCE)


def _is_rounding(left: Any, right: Any) -> bool:
    """Return whether two values of one layout differ by no more than the order of operations."""
    if not isinstance(left, torch.Tensor | np.ndarray | float | complex | np.inexact):
        return False
    one, other = torch.as_tensor(left), torch.as_tensor(right)
    if isinstance(left, float | complex):
        one, other = _wide(one), _wide(other)
    if not (one.is_floating_point() or one.is_complex()):
        return False
    share = _ROUNDING.get(one.dtype, _ROUNDING_FLOAT32)
    one, other = _wide(one), _wide(other)
    finite = torch.isfinite(one)
    gap, size = (one - other)[finite].abs(), torch.maximum(one.abs(), other.abs())[finite]
    return bool(gap.max() <= share * size.max())


def _wide(tensor: torch.Tensor) -> torch.Tensor:
    wide = torch.complex128 if tensor.is_complex() else torch.float64
    return tensor.detach().cpu().to(wide)
