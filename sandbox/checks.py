"""What the other side says of a module, checked: names, places and constants within bounds."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from sandbox.layout import MAX_TENSORS, is_constant, is_name
from sandbox.mirror import Mirror
from sandbox.wire import ProtocolError

MAX_LEVELS = 32
MAX_CONSTANTS = 64


def checked_constants(mirror: Mirror, constants: Any) -> dict[str, Any]:
    """Return the constants that a mirror may have as attributes.

    Raises:
        ProtocolError: they are no such thing.
    """
    if type(constants) is not dict or len(constants) > MAX_CONSTANTS:
        raise ProtocolError("malformed constants of a module")
    checked = dict(constants)
    own: dict[str, Any] = {}
    size, keys = checked.pop("_size", 0), checked.pop("_keys", ())
    if isinstance(mirror, nn.ParameterList):
        own["_size"] = index(size, MAX_TENSORS + 1)
    if isinstance(mirror, nn.ParameterDict):
        if type(keys) is not tuple or len(keys) > MAX_TENSORS:
            raise ProtocolError("malformed keys of a module")
        for key in keys:
            check_name(mirror, key)
        own["_keys"] = dict.fromkeys(keys)
    for name, value in checked.items():
        check_name(mirror, name)
        if name.startswith("_") or not is_constant(value):
            raise ProtocolError("a malformed constant of a module")
    return checked | own


def check_path(path: Any) -> None:
    """Refuse what is no path of a module's parts."""
    if type(path) is not str or path.count(".") >= MAX_LEVELS:
        raise ProtocolError("not a path")


def check_name(mirror: Mirror, name: Any) -> None:
    """Refuse a name that would hide what a mirror has itself."""
    if not is_name(name) or hasattr(type(mirror), name):
        raise ProtocolError("a name that a part of a module can't have")


def check_tensors(value: Any, gradient: Any) -> None:
    """Refuse what is neither a tensor nor None."""
    for tensor in (value, gradient):
        if tensor is not None and not isinstance(tensor, torch.Tensor):
            raise ProtocolError("not a tensor")


def index(number: Any, size: int) -> int:
    """Return ``number``, one of ``size`` from 0."""
    if type(number) is not int or not 0 <= number < size:
        raise ProtocolError("no such part of a module")
    return number
