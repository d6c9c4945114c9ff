"""From values to a msgpack tree and blobs: the writing half of ``sandbox.wire``."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from sandbox.wire import (
    ARRAY,
    ARRAY_DTYPES,
    COMPLEX,
    DICT,
    DTYPE,
    DTYPES,
    FROZENSET,
    HANDLE,
    INT,
    LAYER,
    LIST,
    MAX_DEPTH,
    MAX_FIELDS,
    MAX_INT_BYTES,
    MAX_ITEMS,
    MAX_NAMED,
    MAX_REPLY_DEPTH,
    MAX_REPLY_ITEMS,
    NAMED,
    REF,
    SCALAR,
    SET,
    STR,
    TENSOR,
    TUPLE,
    Blob,
    Describe,
    Layer,
    Ref,
    Unsendable,
    is_name,
)


def refuse_unawaited(value: Any) -> None:
    """Refuse what an async function returns: it isn't what its author takes it for.

    Raises:
        Unsendable: it is a coroutine or an asynchronous generator.
    """
    if inspect.iscoroutine(value):
        value.close()  # else Python warns of it in the middle of what the learner printed
        raise Unsendable("coroutine", value.__qualname__)
    if inspect.isasyncgen(value):
        raise Unsendable("async generator", value.__qualname__)


class Encoder:
    """Turns values into a msgpack tree, and tensors into blobs.

    ``describe`` is asked for a ``Handle``, ``Ref`` or ``Layer`` for every value that isn't data,
    and for those instances of subclasses of plain data of which ``is_object`` says so.
    ``gradients`` collects the tensors that require gradients, in order of appearance.
    A ``reply`` has narrower bounds than a request.
    """

    def __init__(
        self,
        describe: Describe,
        is_object: Callable[[Any], bool] = lambda value: False,
        *,
        reply: bool = False,
    ) -> None:
        self.blobs: list[Blob] = []
        self.gradients: list[torch.Tensor] = []
        self._describe = describe
        self._is_object = is_object
        self._max_depth = MAX_REPLY_DEPTH if reply else MAX_DEPTH
        self._max_items = self._items_left = MAX_REPLY_ITEMS if reply else MAX_ITEMS
        self._named: set[tuple[str, str]] = set()
        self._keys = 0

    def encode(self, value: Any, depth: int = 0) -> Any:
        """Return the msgpack tree of ``value``.

        Raises:
            Unsendable: it is nested too deeply, or holds something that can't cross.
        """
        kind = type(value)
        if value is None or kind is bool or kind is float or kind is bytes:
            return value
        if kind is int:
            return value if -(2**63) <= value < 2**63 else self._tagged(INT, _int_bytes(value))
        if kind is str:
            return self._encode_str(value)
        if depth > self._max_depth:
            raise Unsendable("nested too deeply", self._max_depth)
        if kind is list or kind is tuple:
            self._count(len(value) + 1)
            tag = LIST if kind is list else TUPLE
            return [tag, *[self.encode(item, depth + 1) for item in value]]
        if kind in _HASHED:
            return self._encode_hashed(value, kind, depth)
        return self._encode_other(value, kind, depth)

    def _count(self, items: int) -> None:
        self._items_left -= items
        if self._items_left < 0:
            raise Unsendable("too many items", f"{self._max_items:,}")

    def _tagged(self, *tree: Any) -> list[Any]:
        """Return a leaf that is a list on the wire, whose items count as those of any other."""
        self._count(len(tree))
        return list(tree)

    def _encode_str(self, value: str) -> Any:
        try:
            value.encode()
        except UnicodeEncodeError:  # lone surrogates are legal in Python strings, not in msgpack
            return self._tagged(STR, value.encode("utf-8", "surrogatepass"))
        return value

    def _encode_hashed(self, value: Any, kind: type, depth: int) -> list[Any]:
        self._count(len(value) * (2 if kind is dict else 1) + 1)
        if kind is not dict:
            return [_HASHED[kind], *[self._encode_key(item, depth + 1) for item in value]]
        flat: list[Any] = [DICT]
        for key, item in value.items():
            flat += (self._encode_key(key, depth + 1), self.encode(item, depth + 1))
        return flat

    def _encode_key(self, value: Any, depth: int) -> Any:
        # A list, dict or set whose class made it hashable is none to the receiver.
        self._keys += 1
        tree = self.encode(value, depth)
        self._keys -= 1
        return tree

    def _encode_other(self, value: Any, kind: type, depth: int) -> Any:
        if isinstance(value, torch.Tensor):
            return self._encode_tensor(value)
        if issubclass(kind, np.ndarray) and not issubclass(kind, np.ma.MaskedArray):
            return self._tagged(ARRAY, *self._encode_array(np.ndarray.view(value, np.ndarray)))
        if isinstance(value, np.generic) and not isinstance(value, str | bytes):
            return self._tagged(SCALAR, *self._encode_array(np.asarray(value)))
        if kind is complex:
            return self._tagged(COMPLEX, value.real, value.imag)
        if kind is torch.dtype:
            return self._tagged(DTYPE, str(value).removeprefix("torch."))
        base = next((base for base in _PLAIN if issubclass(kind, base)), None)
        if base is None or self._is_object(value) or (self._keys and base.__hash__ is None):
            return self._encode_object(value, depth)
        if base is tuple and (names := _names(value, kind)) is not None:
            return self._encode_named(value, names, depth)
        return self.encode(_PLAIN[base](value), depth)

    def _encode_named(self, value: Any, names: tuple[str, str], depth: int) -> list[Any]:
        self._named.add(names)
        items = list(tuple.__iter__(value))
        self._count(len(items) + 3)
        if len(self._named) > MAX_NAMED:
            raise Unsendable("too many kinds of namedtuples", MAX_NAMED)
        return [NAMED, *names, *[self.encode(item, depth + 1) for item in items]]

    def _encode_object(self, value: Any, depth: int) -> list[Any]:
        described = self._describe(value)
        if isinstance(described, Ref):
            return self._tagged(REF, described.id, described.path)
        if isinstance(described, Layer):
            fields = (described.name, described.arguments, described.state)
            return self._tagged(LAYER, *[self.encode(field, depth + 1) for field in fields])
        state = self.encode(described.state, depth + 1)
        return self._tagged(HANDLE, described.id, described.kind, described.type_name, state)

    def _encode_tensor(self, value: torch.Tensor) -> list[Any]:
        name = str(value.dtype).removeprefix("torch.")
        if name not in DTYPES or value.layout is not torch.strided or value.is_meta:
            raise Unsendable("tensor", f"{name}, {value.layout}, {value.device.type}")
        flagged = bool(value.requires_grad)
        if flagged:
            self.gradients.append(value)
        flat = value.detach().resolve_conj().resolve_neg().cpu().contiguous().reshape(-1)
        if flat.numel():
            raw = flat.view(torch.uint8).numpy()
            self.blobs.append(memoryview(raw.data).cast("B"))
        else:
            self.blobs.append(bytearray())
        return self._tagged(TENSOR, len(self.blobs) - 1, name, list(value.shape), flagged)

    def _encode_array(self, value: np.ndarray[Any, Any]) -> list[Any]:
        name = value.dtype.newbyteorder("=").name
        if name not in ARRAY_DTYPES:
            raise Unsendable("NumPy array", value.dtype)
        flat = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("=")).reshape(-1)
        self.blobs.append(memoryview(flat.data).cast("B") if flat.size else bytearray())
        return [len(self.blobs) - 1, name, list(value.shape)]


_HASHED: dict[type, int] = {dict: DICT, set: SET, frozenset: FROZENSET}

# How to read what an instance of a subclass holds, past whatever its class overrides.
_PLAIN: dict[type, Callable[[Any], Any]] = {
    OrderedDict: lambda value: dict(OrderedDict.items(value)),  # has an order of its own
    dict: lambda value: dict(dict.items(value)),
    list: lambda value: list(list.__iter__(value)),
    tuple: lambda value: tuple(tuple.__iter__(value)),
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    int: int.__pos__,
    float: float.__pos__,
    complex: complex.__pos__,
}


def _names(value: Any, kind: type) -> tuple[str, str] | None:
    """Return the names of a namedtuple's class and fields, None when ``value`` is no such thing.

    What torch and the standard library return (``torch.return_types.max``) counts as one, too.
    """
    c_made = hasattr(kind, "n_sequence_fields")
    fields = getattr(kind, "__match_args__" if c_made else "_fields", None)
    if type(fields) is not tuple or len(fields) != tuple.__len__(value):
        return None
    if not all(map(is_name, (kind.__name__, *fields))) or len(fields) > MAX_FIELDS:
        return None
    return kind.__name__, " ".join(fields)


def _int_bytes(value: int) -> bytes:
    size = value.bit_length() // 8 + 1
    if size > MAX_INT_BYTES:
        raise Unsendable("integer too large", MAX_INT_BYTES)
    return value.to_bytes(size, "little", signed=True)
