"""Data across the boundary: bounded, and nothing but data.

A value is a msgpack body and the raw bytes of its tensors (``sandbox.stream`` frames them). In
the body every container is a msgpack array whose first item is its tag, so that a tuple
stays a tuple and a dict may have any hashable key. No pickle, no extension types, no classes but
namedtuples of checked names: whatever bytes the other side sends, ``decode`` returns plain data or
raises ``ProtocolError``.

An instance of a subclass of plain data crosses as that data: a Counter as a dict, an IntEnum as an
int, a namedtuple as one of the same names. What its class overrides has no say in that.
"""

from __future__ import annotations

import functools
import inspect
import keyword
import math
import unicodedata
from collections import Counter, OrderedDict, namedtuple
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np
import torch

MAX_BODY_BYTES = 16 << 20
MAX_ITEMS = 1_000_000
MAX_COLLISIONS = 64
MAX_BLOB_BYTES = 1 << 30
MAX_BLOBS = 8192
MAX_DEPTH = 64
MAX_INT_BYTES = 1 << 16
MAX_DIMENSIONS = 32
MAX_FIELDS = 64
MAX_NAMED = 64
"""So many kinds of namedtuples may be in one frame: each is a class that the receiver makes."""

LIST, TUPLE, DICT, SET, FROZENSET, COMPLEX, INT, STR = range(8)
TENSOR, ARRAY, SCALAR, DTYPE, HANDLE, REF, LAYER, NAMED = range(8, 16)

_DTYPES: dict[str, torch.dtype] = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
        *(torch.uint16, torch.uint32, torch.uint64),
        *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
        *(torch.float8_e4m3fn, torch.float8_e5m2, torch.complex64, torch.complex128),
    )
}
_INTEGERS = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
_ARRAY_DTYPES = _INTEGERS | {"bool", "float16", "float32", "float64", "complex64", "complex128"}


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
    """An object of the receiving side, coming home."""

    id: int


@dataclass(frozen=True, slots=True)
class Layer:
    """A standard torch.nn layer by value: class name, constructor arguments, state."""

    name: str
    arguments: dict[str, Any]
    state: dict[str, Any]


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


Blob = memoryview | bytearray
Describe = Callable[[Any], Any]


class Encoder:
    """Turns values into a msgpack tree, and tensors into blobs.

    ``describe`` is asked for a ``Handle``, ``Ref`` or ``Layer`` for every value that isn't data,
    and for those instances of subclasses of plain data of which ``is_object`` says so.
    ``gradients`` collects the tensors that require gradients, in order of appearance.
    """

    def __init__(
        self, describe: Describe, is_object: Callable[[Any], bool] = lambda value: False
    ) -> None:
        self.blobs: list[Blob] = []
        self.gradients: list[torch.Tensor] = []
        self._describe = describe
        self._is_object = is_object
        self._items_left = MAX_ITEMS
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
            return value if -(2**63) <= value < 2**63 else [INT, _int_bytes(value)]
        if kind is str:
            return _encode_str(value)
        if depth > MAX_DEPTH:
            raise Unsendable("nested too deeply", MAX_DEPTH)
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
            raise Unsendable("too many items", f"{MAX_ITEMS:,}")

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
            return [ARRAY, *self._encode_array(np.ndarray.view(value, np.ndarray))]
        if isinstance(value, np.generic) and not isinstance(value, str | bytes):
            return [SCALAR, *self._encode_array(np.asarray(value))]
        if kind is complex:
            return [COMPLEX, value.real, value.imag]
        if kind is torch.dtype:
            return [DTYPE, str(value).removeprefix("torch.")]
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
            return [REF, described.id]
        if isinstance(described, Layer):
            fields = (described.name, described.arguments, described.state)
            return [LAYER, *[self.encode(field, depth + 1) for field in fields]]
        state = self.encode(described.state, depth + 1)
        return [HANDLE, described.id, described.kind, described.type_name, state]

    def _encode_tensor(self, value: torch.Tensor) -> list[Any]:
        name = str(value.dtype).removeprefix("torch.")
        if name not in _DTYPES or value.layout is not torch.strided or value.is_meta:
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
        return [TENSOR, len(self.blobs) - 1, name, list(value.shape), flagged]

    def _encode_array(self, value: np.ndarray[Any, Any]) -> list[Any]:
        name = value.dtype.newbyteorder("=").name
        if name not in _ARRAY_DTYPES:
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
    if not all(map(_is_name, (kind.__name__, *fields))) or len(fields) > MAX_FIELDS:
        return None
    return kind.__name__, " ".join(fields)


def _is_name(text: Any) -> bool:
    # Python takes a name in normal form: two that differ before it might be one after it.
    return (
        type(text) is str
        and len(text) <= 100
        and text.isidentifier()
        and not text.startswith("_")
        and not keyword.iskeyword(text)
        and unicodedata.normalize("NFKC", text) == text
    )


@functools.lru_cache(maxsize=256)
def _named_class(name: str, fields: str) -> Any:
    """Return a namedtuple class.

    Raises:
        ProtocolError: it would have names that no namedtuple has, or too many.
    """
    names = fields.split(" ") if fields else []
    if len(names) > MAX_FIELDS or len(set(names)) < len(names):
        raise ProtocolError("a namedtuple with too many fields, or two of one name")
    if not all(map(_is_name, (name, *names))):
        raise ProtocolError("a namedtuple with a name that is none")
    return namedtuple(name, names)


def _int_bytes(value: int) -> bytes:
    size = value.bit_length() // 8 + 1
    if size > MAX_INT_BYTES:
        raise Unsendable("integer too large", MAX_INT_BYTES)
    return value.to_bytes(size, "little", signed=True)


def _encode_str(value: str) -> Any:
    try:
        value.encode()
    except UnicodeEncodeError:  # lone surrogates are legal in Python strings, not in msgpack
        return [STR, value.encode("utf-8", "surrogatepass")]
    return value


class Decoder:
    """Rebuilds values from a msgpack tree and its blobs; trusts nothing.

    ``adopt`` turns a ``Handle``, ``Ref`` or ``Layer`` into the object to hand out. Tensors go to
    ``device``, if one is given.
    ``gradients`` collects the tensors that the sender marked as requiring gradients.
    """

    def __init__(
        self, blobs: Sequence[Blob], adopt: Describe, device: torch.device | None = None
    ) -> None:
        self._device = device
        self.gradients: list[torch.Tensor] = []
        self._blobs = blobs
        self._adopt = adopt
        self._items_left = MAX_ITEMS
        self._named_classes: set[Any] = set()

    def decode(self, tree: Any, depth: int = 0) -> Any:
        """Return the value that ``tree`` stands for.

        Raises:
            ProtocolError: the tree is malformed or breaks a bound.
        """
        if type(tree) is not list:
            return tree
        if depth > MAX_DEPTH + 2:
            raise ProtocolError("nested too deeply")
        if not tree or type(tree[0]) is not int or not 0 <= tree[0] < len(_DECODERS):
            raise ProtocolError("a container without a known tag")
        self._items_left -= len(tree)
        if self._items_left < 0:
            raise ProtocolError(f"more than {MAX_ITEMS:,} items")
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
        return dict(zip(_keys(values[::2]), values[1::2], strict=True))

    def _tensor(self, items: list[Any], depth: int) -> torch.Tensor:
        blob, name, shape, flagged = items
        dtype = _DTYPES[name]
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
        if name not in _ARRAY_DTYPES:
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
        return _DTYPES[name]

    def _handle(self, items: list[Any], depth: int) -> Any:
        number, kind, type_name, state = items
        if type(number) is not int or type(kind) is not str or type(type_name) is not str:
            raise ProtocolError("a malformed handle")
        return self._adopt(Handle(number, kind, type_name[:200], self.decode(state, depth)))

    def _ref(self, items: list[Any], depth: int) -> Any:
        (number,) = items
        if type(number) is not int:
            raise ProtocolError("a malformed reference")
        return self._adopt(Ref(number))

    def _layer(self, items: list[Any], depth: int) -> Any:
        name, arguments, state = self._items(items, depth)
        if type(name) is not str or type(arguments) is not dict or type(state) is not dict:
            raise ProtocolError("a malformed layer")
        return self._adopt(Layer(name, arguments, state))


_DECODERS: tuple[Callable[[Decoder, list[Any], int], Any], ...] = (
    lambda self, items, depth: self._items(items, depth),
    lambda self, items, depth: tuple(self._items(items, depth)),
    Decoder._dict,
    lambda self, items, depth: set(_keys(self._items(items, depth))),
    lambda self, items, depth: frozenset(_keys(self._items(items, depth))),
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


def _keys(keys: list[Any]) -> list[Any]:
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
