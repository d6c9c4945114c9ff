"""From a msgpack tree and blobs to values: the reading half of ``sandbox.wire``."""

from __future__ import annotations

import functools
import math
from collections import Counter, namedtuple
from collections.abc import Callable, Sequence
from typing import Any

import msgpack
import numpy as np
import torch

from sandbox.wire import (
    ARRAY_DTYPES,
    DTYPES,
    MAX_COLLISIONS,
    MAX_DEPTH,
    MAX_DIMENSIONS,
    MAX_FIELDS,
    MAX_INT_BYTES,
    MAX_ITEMS,
    MAX_NAMED,
    MAX_REPLY_DEPTH,
    MAX_REPLY_ITEMS,
    Blob,
    Describe,
    Handle,
    Layer,
    ProtocolError,
    Ref,
    is_name,
)


class Decoder:
    """Rebuilds values from a msgpack tree and its blobs; trusts nothing.

    ``adopt`` turns a ``Handle``, ``Ref`` or ``Layer`` into the object to hand out. Tensors go to
    ``device``, if one is given.
    ``gradients`` collects the tensors that the sender marked as requiring gradients.
    A ``reply`` has narrower bounds than a request.
    """

    def __init__(
        self,
        blobs: Sequence[Blob],
        adopt: Describe,
        device: torch.device | None = None,
        *,
        reply: bool = False,
    ) -> None:
        self._device = device
        self.gradients: list[torch.Tensor] = []
        self._blobs = blobs
        self._adopt = adopt
        self._max_depth = MAX_REPLY_DEPTH if reply else MAX_DEPTH
        self._max_items = self._items_left = MAX_REPLY_ITEMS if reply else MAX_ITEMS
        self._taken: set[int] = set()
        self._named_classes: set[Any] = set()

    def decode(self, tree: Any, depth: int = 0) -> Any:
        """Return the value that ``tree`` stands for.

        Raises:
            ProtocolError: the tree is malformed or breaks a bound.
        """
        if type(tree) is not list:
            return tree
        if depth > self._max_depth + 2:
            raise ProtocolError("nested too deeply")
        if not tree or type(tree[0]) is not int or not 0 <= tree[0] < len(_DECODERS):
            raise ProtocolError("a container without a known tag")
        self._items_left -= len(tree)
        if self._items_left < 0:
            raise ProtocolError(f"more than {self._max_items:,} items")
        try:
            return _DECODERS[tree[0]](self, tree[1:], depth + 1)
        except ProtocolError:
            raise
        except (ValueError, TypeError, KeyError, IndexError, OverflowError, RuntimeError) as error:
            raise ProtocolError(f"malformed value: {type(error).__name__}") from error

    def _items(self, items: list[Any], depth: int) -> list[Any]:
        return [self.decode(item, depth) for item in items]

    def _named(self, items: list[Any], depth: int) -> Any:
        name, fields, *values = items
        if type(name) is not str or type(fields) is not str:
            raise ProtocolError("a malformed namedtuple")
        self._named_classes.add((name, fields))
        if len(self._named_classes) > MAX_NAMED:
            raise ProtocolError(f"more than {MAX_NAMED} kinds of namedtuples")
        return _named_class(name, fields)(*self._items(values, depth))

    def _dict(self, items: list[Any], depth: int) -> dict[Any, Any]:
        values = self._items(items, depth)
        if len(values) % 2:
            raise ProtocolError("a dict with a key but no value")
        return dict(zip(checked_keys(values[::2]), values[1::2], strict=True))

    def _tensor(self, items: list[Any], depth: int) -> torch.Tensor:
        blob, name, shape, flagged = items
        dtype = DTYPES[name]
        raw = self._bytes(blob, shape, dtype.itemsize)
        if not len(raw):
            tensor = torch.empty(shape, dtype=dtype)
        elif dtype is torch.bool:  # a byte other than 0 and 1 in a bool tensor is undefined
            tensor = (torch.frombuffer(raw, dtype=torch.uint8) != 0).reshape(shape)
        else:
            tensor = torch.frombuffer(raw, dtype=dtype).reshape(shape)
        if self._device is not None:
            tensor = tensor.to(self._device)
        if flagged is True:
            if not (dtype.is_floating_point or dtype.is_complex):
                raise ProtocolError("gradients of a tensor that can't have any")
            self.gradients.append(tensor)
        elif flagged is not False:
            raise ProtocolError("a tensor's flag is no bool")
        return tensor

    def _array(self, items: list[Any], depth: int) -> np.ndarray[Any, Any]:
        blob, name, shape = items
        if name not in ARRAY_DTYPES:
            raise ProtocolError("unknown array dtype")
        dtype = np.dtype(name)
        raw = self._bytes(blob, shape, dtype.itemsize)
        if dtype == np.bool_:
            dtype = np.dtype(np.uint8)
        array: np.ndarray[Any, Any] = np.frombuffer(raw, dtype=dtype).reshape(shape)
        return array != 0 if name == "bool" else array

    def _scalar(self, items: list[Any], depth: int) -> Any:
        if items[2] != []:
            raise ProtocolError("a scalar with a shape")
        return self._array(items, depth)[()]

    def _bytes(self, blob: Any, shape: Any, itemsize: int) -> Blob:
        if type(blob) is not int or not 0 <= blob < len(self._blobs):
            raise ProtocolError("no such blob")
        if type(shape) is not list or len(shape) > MAX_DIMENSIONS:
            raise ProtocolError("a shape must be a short list")
        if not all(type(size) is int and 0 <= size < 2**40 for size in shape):
            raise ProtocolError("a size out of range")
        if math.prod(shape) * itemsize != len(self._blobs[blob]):
            raise ProtocolError("shape and bytes disagree")
        if blob in self._taken:  # a copy of it for each would cost what was never sent
            raise ProtocolError("bytes that two values refer to")
        self._taken.add(blob)
        return self._blobs[blob]

    def _complex(self, items: list[Any], depth: int) -> complex:
        real, imag = items
        return complex(real, imag)

    def _int(self, items: list[Any], depth: int) -> int:
        (raw,) = items
        if type(raw) is not bytes or len(raw) > MAX_INT_BYTES:
            raise ProtocolError("an integer out of bounds")
        return int.from_bytes(raw, "little", signed=True)

    def _str(self, items: list[Any], depth: int) -> str:
        (raw,) = items
        return str(raw, "utf-8", "surrogatepass")

    def _dtype(self, items: list[Any], depth: int) -> torch.dtype:
        (name,) = items
        return DTYPES[name]

    def _handle(self, items: list[Any], depth: int) -> Any:
        number, kind, type_name, state = items
        if type(number) is not int or type(kind) is not str or type(type_name) is not str:
            raise ProtocolError("a malformed handle")
        return self._adopt(Handle(number, kind, type_name[:200], self.decode(state, depth)))

    def _ref(self, items: list[Any], depth: int) -> Any:
        number, path = items
        if type(number) is not int or type(path) is not str:
            raise ProtocolError("a malformed reference")
        return self._adopt(Ref(number, path))

    def _layer(self, items: list[Any], depth: int) -> Any:
        name, arguments, state = self._items(items, depth)
        if type(name) is not str or type(arguments) is not dict or type(state) is not dict:
            raise ProtocolError("a malformed layer")
        return self._adopt(Layer(name, arguments, state))


_DECODERS: tuple[Callable[[Decoder, list[Any], int], Any], ...] = (
    lambda self, items, depth: self._items(items, depth),
    lambda self, items, depth: tuple(self._items(items, depth)),
    Decoder._dict,
    lambda self, items, depth: set(checked_keys(self._items(items, depth))),
    lambda self, items, depth: frozenset(checked_keys(self._items(items, depth))),
    Decoder._complex,
    Decoder._int,
    Decoder._str,
    Decoder._tensor,
    Decoder._array,
    Decoder._scalar,
    Decoder._dtype,
    Decoder._handle,
    Decoder._ref,
    Decoder._layer,
    Decoder._named,
)


def checked_keys(keys: list[Any]) -> list[Any]:
    """Refuse keys that were chosen to collide: putting them into a table would take for ever."""
    if len(keys) > MAX_COLLISIONS:
        most = max(Counter(map(hash, keys)).values())
        if most > MAX_COLLISIONS:
            raise ProtocolError("too many keys with the same hash")
    return keys


def unpack(body: bytes | Blob) -> Any:
    """Parse a frame's body into a tree of None, bool, int, float, str, bytes and lists.

    Raises:
        ProtocolError: it isn't msgpack, or holds a map or an extension type.
    """
    try:
        return msgpack.unpackb(
            body,
            raw=False,
            use_list=True,
            max_array_len=MAX_ITEMS,
            max_map_len=0,
            max_ext_len=0,
            strict_map_key=True,
        )
    except Exception as error:
        raise ProtocolError(f"not a msgpack body: {type(error).__name__}") from error


@functools.lru_cache(maxsize=256)
def _named_class(name: str, fields: str) -> Any:
    """Return a namedtuple class.

    Raises:
        ProtocolError: it would have names that no namedtuple has, or too many.
    """
    names = fields.split(" ") if fields else []
    if len(names) > MAX_FIELDS or len(set(names)) < len(names):
        raise ProtocolError("a namedtuple with too many fields, or two of one name")
    if not all(map(is_name, (name, *names))):
        raise ProtocolError("a namedtuple with a name that is none")
    return namedtuple(name, names)
