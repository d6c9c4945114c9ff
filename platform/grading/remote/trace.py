"""What a test got from a submission, call by call: for messages, and to recognise mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from sandbox.errors import RemoteError

Trace = list[tuple[str, Any]]
"""Operation and answer of each call that a test made, in order."""

MAX_COPIED_VALUES = 1_000_000
_OPAQUE = object()


def summary(value: Any) -> str:
    """Describe a value in a few words: ``float32[2, 3]``, ``list of 4``, ``'abc'``."""
    if isinstance(value, torch.Tensor) or type(value).__module__ == "numpy":
        shape = list(getattr(value, "shape", ()))
        return f"{str(value.dtype).removeprefix('torch.')}{shape}"
    if isinstance(value, list | tuple | dict | set):
        return f"{type(value).__name__} of {len(value)}"
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def snapshot(value: Any) -> Any:
    """Return a copy of ``value`` that a test can't change later; objects become a placeholder."""
    if isinstance(value, torch.nn.Module):
        return _OPAQUE
    if isinstance(value, torch.Tensor):
        return value.detach().clone() if value.numel() <= MAX_COPIED_VALUES else _OPAQUE
    if isinstance(value, np.ndarray):
        return value.copy() if value.size <= MAX_COPIED_VALUES else _OPAQUE
    if isinstance(value, list | tuple):
        return type(value)(snapshot(item) for item in value)
    if isinstance(value, dict):
        return {key: snapshot(item) for key, item in value.items()}
    plain = (bool, int, float, complex, str, bytes, set, frozenset, np.generic, torch.dtype)
    return value if value is None or isinstance(value, plain) else _OPAQUE


def same_trace(left: Trace, right: Trace) -> bool:
    """Return whether two submissions answered alike, and with some data, not only objects."""
    if len(left) != len(right) or not left:
        return False
    alike = all(a[0] == b[0] and _alike(a[1], b[1]) for a, b in zip(left, right, strict=True))
    return alike and any(_has_data(answer) for _, answer in left)


def _has_data(answer: Any) -> bool:
    if isinstance(answer, list | tuple | dict):
        values = answer.values() if isinstance(answer, dict) else answer
        return any(_has_data(value) for value in values)
    return not (answer is None or answer is _OPAQUE or isinstance(answer, RemoteError))


def _alike(left: Any, right: Any) -> bool:
    if isinstance(left, RemoteError) and isinstance(right, RemoteError):
        return left.type_name == right.type_name
    if type(left) is not type(right):
        return False
    if isinstance(left, torch.Tensor):
        return _alike_tensors(left, right)
    if isinstance(left, np.ndarray):
        return _alike_tensors(torch.as_tensor(left), torch.as_tensor(right))
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(_alike, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_alike(left[key], right[key]) for key in left)
    if isinstance(left, float | complex):
        return bool(np.isclose(left, right, rtol=1e-4, atol=1e-6, equal_nan=True))
    return bool(left == right)


def _alike_tensors(left: torch.Tensor, right: torch.Tensor) -> bool:
    if left.shape != right.shape or left.dtype != right.dtype:
        return False
    if not (left.is_floating_point() or left.is_complex()):
        return torch.equal(left, right)
    wide = torch.complex128 if left.is_complex() else torch.float64
    tolerance = 1e-2 if left.dtype in (torch.float16, torch.bfloat16) else 1e-4
    return torch.allclose(
        left.to(wide), right.to(wide), rtol=tolerance, atol=tolerance * 1e-2, equal_nan=True
    )
