"""Data across the boundary: bounded, and nothing but data.

A value is a msgpack body and the raw bytes of its tensors (``sandbox.stream`` frames them). In
the body every container is a msgpack array whose first item is its tag, so that a tuple
stays a tuple and a dict may have any hashable key. No pickle, no extension types, no classes but
namedtuples of checked names: whatever bytes the other side sends, ``decode`` returns plain data or
raises ``ProtocolError``. (Sealed values of timed calls are msgpack's own, with one extension that
holds such a body: ``sandbox.commitment``.) Here are its vocabulary and its bounds;
``sandbox.encoding`` writes it, ``sandbox.decoding`` reads it.

An instance of a subclass of plain data crosses as that data: a Counter as a dict, an IntEnum as an
int, a namedtuple as one of the same names. What its class overrides has no say in that.
"""

from __future__ import annotations

import keyword
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

MAX_BODY_BYTES = 16 << 20
MAX_ITEMS = 1_000_000
MAX_COLLISIONS = 64
MAX_BLOB_BYTES = 1 << 30
MAX_BLOBS = 8192
MAX_DEPTH = 64
MAX_REPLY_DEPTH, MAX_REPLY_ITEMS = 48, 900_000
"""What a reply may hold is less: whatever was accepted can then be an argument of the next request,
also within something else."""
MAX_INT_BYTES = 1 << 16
MAX_DIMENSIONS = 32
MAX_FIELDS = 64
MAX_NAMED = 64
"""So many kinds of namedtuples may be in one frame: each is a class that the receiver makes."""

LIST, TUPLE, DICT, SET, FROZENSET, COMPLEX, INT, STR = range(8)
TENSOR, ARRAY, SCALAR, DTYPE, HANDLE, REF, LAYER, NAMED = range(8, 16)

DTYPES: dict[str, torch.dtype] = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
        *(torch.uint16, torch.uint32, torch.uint64),
        *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
        *(torch.float8_e4m3fn, torch.float8_e5m2, torch.complex64, torch.complex128),
    )
}
_INTEGERS = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
ARRAY_DTYPES = _INTEGERS | {"bool", "float16", "float32", "float64", "complex64", "complex128"}


class ProtocolError(Exception):
    """The bytes are not a frame of this protocol, or break one of its bounds."""


class Unsendable(TypeError):
    """A value of ours can't cross the boundary.

    The text is ``reason: detail``. ``grading.messages`` has for each reason of this package what
    the learner reads.
    """

    def __init__(self, reason: str, detail: object = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail != "" else reason)


@dataclass(frozen=True, slots=True)
class Handle:
    """An object that stays on its side; the other side gets this description of it."""

    id: int
    kind: str
    type_name: str
    state: Any = None


@dataclass(frozen=True, slots=True)
class Ref:
    """An object of the receiving side, coming home; or by ``path`` a submodule of it."""

    id: int
    path: str = ""


@dataclass(frozen=True, slots=True)
class Layer:
    """A standard torch.nn layer by value: class name, constructor arguments, state."""

    name: str
    arguments: dict[str, Any]
    state: dict[str, Any]


Blob = bytes | memoryview | bytearray
Describe = Callable[[Any], Any]


def is_name(text: Any) -> bool:
    """Return whether a namedtuple, or a field of one, may be called ``text``."""
    # Python takes a name in normal form: two that differ before it might be one after it.
    return (
        type(text) is str
        and len(text) <= 100
        and text.isidentifier()
        and not text.startswith("_")
        and not keyword.iskeyword(text)
        and unicodedata.normalize("NFKC", text) == text
    )
