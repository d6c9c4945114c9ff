"""The wire: what goes in comes out, and hostile bytes only ever raise ProtocolError."""

from __future__ import annotations

import contextlib
import enum
import os
import struct
import time
from collections import Counter, OrderedDict, defaultdict, namedtuple
from typing import Any, NamedTuple

import msgpack
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import decoding, encoding, wire
from sandbox.stream import DeadlineExceeded, Disconnected, Stream

DTYPES = list(wire.DTYPES.values())


def refuse(value: Any) -> Any:
    raise wire.Unsendable(type(value).__name__)


def round_trip(value: Any) -> Any:
    encoder = encoding.Encoder(refuse)
    tree = decoding.unpack(msgpack.packb(encoder.encode(value)))
    blobs = [bytearray(blob) for blob in encoder.blobs]
    return decoding.Decoder(blobs, refuse).decode(tree)


def same(left: Any, right: Any) -> bool:
    if type(left) is not type(right):
        return False
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return same(list(left.items()), list(right.items()))
    return left == right or (left != left and right != right)


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats()
    | st.complex_numbers(allow_nan=False)
    | st.text(st.characters())
    | st.binary()
)
keys = st.integers() | st.text() | st.tuples(st.integers(), st.text())
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(keys, inner)
        | st.sets(keys)
        | st.frozensets(keys)
    ),
    max_leaves=20,
)


@given(values)
def test_data_comes_back_equal_and_of_the_same_types(value):
    assert same(round_trip(value), value)


@pytest.mark.parametrize("leaf", [2**100, "\ud800", 1j, torch.float32], ids=ascii)
@pytest.mark.parametrize("count", [220_000, 460_000])
def test_what_may_be_encoded_may_be_decoded(leaf, count):
    try:
        tree = encoding.Encoder(refuse, reply=True).encode([leaf] * count)
    except wire.Unsendable:
        return
    assert len(decoding.Decoder([], refuse, reply=True).decode(tree)) == count


@given(
    st.lists(st.sampled_from([wire.LIST, wire.TUPLE, wire.DICT, wire.FROZENSET]), max_size=70),
    st.sampled_from([0, 449_000, 890_000, 899_900, 900_100]),
    st.sampled_from([None, [wire.INT, b"\x01" * 9], [wire.NAMED, "A", "b c", 1, 2]]),
)
@settings(max_examples=20, deadline=None)
def test_what_was_accepted_as_a_reply_can_be_passed_back(tags, width, leaf):
    tree = leaf
    for tag in tags:
        tree = [tag, *([1] if tag == wire.DICT else []), tree]
    tree = [wire.LIST, tree, *[7] * width]
    try:
        value = decoding.Decoder([], refuse, reply=True).decode(tree)
    except wire.ProtocolError:
        return
    request = encoding.Encoder(refuse).encode([3, [{"within": [value]}], {"by name": 1}])
    assert decoding.Decoder([], refuse).decode(request)[1][0]["within"][0] == value


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)], ids=str)
def test_tensors_of_every_dtype_come_back(dtype, shape):
    tensor = (torch.arange(6).reshape(2, 3) % 2 if shape else torch.tensor(1)).to(dtype)
    tensor = tensor[: shape[0]] if shape else tensor
    back = round_trip(tensor)
    assert back.dtype == dtype and back.shape == tensor.shape
    assert bytes(back.reshape(-1).view(torch.uint8).tolist()) == bytes(
        tensor.reshape(-1).view(torch.uint8).tolist()
    )


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(12.0).reshape(3, 4).T,
        torch.arange(6.0)[::2],
        torch.ones(1).expand(5),
        torch.randn(3, dtype=torch.complex64).conj(),
    ],
    ids=["transposed", "strided", "expanded", "conjugated"],
)
def test_views_arrive_as_plain_dense_tensors(tensor):
    back = round_trip(tensor)
    assert torch.equal(back, tensor) and back.is_contiguous() and not back.is_conj()


@pytest.mark.parametrize("name", sorted(wire.ARRAY_DTYPES))
def test_arrays_of_every_dtype_come_back(name):
    array = np.array([[0, 1], [1, 0]]).astype(name)
    for value in (array, array[:, ::-1], array.astype(array.dtype.newbyteorder(">")), array[0, 1]):
        back = round_trip(value)
        assert np.array_equal(back, value) and back.dtype == name


@pytest.mark.parametrize(
    "value",
    [torch.ones(3, device="meta"), torch.eye(3).to_sparse(), np.array(["a"]), np.array([None])],
    ids=["meta", "sparse", "text array", "object array"],
)
def test_what_cannot_cross_is_refused_by_the_sender(value):
    with pytest.raises(wire.Unsendable):
        round_trip(value)


class Pair(NamedTuple):
    left: Any
    index: Any  # as a method of tuple is called


class Spoilt:
    """What a class may override without a say in what crosses."""

    def __iter__(self):
        raise RuntimeError

    keys = items = values = __len__ = __str__ = __int__ = __float__ = __getitem__ = __iter__


def spoilt(base: type, *args: Any) -> Any:
    return type("Mine", (Spoilt, base), {"__hash__": object.__hash__})(*args)


class Level(enum.IntEnum):
    HIGH = 3


class Word(enum.StrEnum):
    YES = "yes"


def recent() -> OrderedDict[str, int]:
    made = OrderedDict(a=1, b=2)
    made.move_to_end("a")
    return made


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (OrderedDict(a=1), {"a": 1}),
        (recent(), {"b": 2, "a": 1}),
        (Counter("aab"), {"a": 2, "b": 1}),
        (defaultdict(list, {1: [2]}), {1: [2]}),
        (Level.HIGH, 3),
        ({Level.HIGH: Word.YES}, {3: "yes"}),
        (np.str_("text"), "text"),
        (np.bytes_(b"raw"), b"raw"),
        (torch.Size([2, 3]), (2, 3)),
        (spoilt(dict, {"a": 1}), {"a": 1}),
        (spoilt(list, [1, 2]), [1, 2]),
        (spoilt(tuple, [1, 2]), (1, 2)),
        (spoilt(set, [1]), {1}),
        (spoilt(frozenset, [1]), frozenset({1})),
        (spoilt(str, "text"), "text"),
        (spoilt(bytes, b"raw"), b"raw"),
        (spoilt(int, 7), 7),
        (spoilt(int, 2**80), 2**80),
        (spoilt(float, 1.5), 1.5),
        (spoilt(complex, 1j), 1j),
        (namedtuple("Odd", ["class", "a"], rename=True)(1, 2), (1, 2)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_instance_of_a_subclass_crosses_as_the_data_that_it_holds(value, plain):
    assert same(round_trip(value), plain)


def test_subclasses_of_arrays_cross_as_arrays_but_masks_are_not_lost():
    back = round_trip(np.arange(4.0).reshape(2, 2).view(np.matrix))
    assert type(back) is np.ndarray and back.tolist() == [[0, 1], [2, 3]]
    with pytest.raises(wire.Unsendable, match="MaskedArray"):
        round_trip(np.ma.masked_array([1, 2], [True, False]))


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        (Pair(1, "x"), ("left", "index")),
        (namedtuple("空", [])(), ()),
        (namedtuple("结果", ["权重", "序号"])(1, 2), ("权重", "序号")),
        (torch.max(torch.eye(2), 0), ("values", "indices")),
    ],
    ids=["NamedTuple", "empty", "Chinese", "of torch"],
)
def test_a_namedtuple_keeps_its_names(value, fields):
    back = round_trip(value)
    assert isinstance(back, tuple) and type(back)._fields == fields
    assert type(back).__name__ == type(value).__name__
    for name, item in zip(fields, value, strict=True):
        assert np.array_equal(getattr(back, name), item)


def test_namedtuples_of_one_kind_are_of_one_class():
    first, second = round_trip([Pair(1, 2), Pair(3, Pair(4, 5))])
    assert type(first) is type(second) is type(second.index)
    assert first == (1, 2) and first._replace(left=7) == (7, 2)


def test_more_kinds_of_namedtuples_than_the_receiver_takes_are_refused():
    kinds = [namedtuple(f"Kind{i}", "a")(i) for i in range(wire.MAX_NAMED + 1)]
    assert round_trip(kinds[1:]) == kinds[1:]
    with pytest.raises(wire.Unsendable, match="kinds of namedtuples"):
        round_trip(kinds)


def test_what_only_its_class_makes_hashable_is_no_key_to_the_receiver():
    for value in ({spoilt(list, [1])}, {spoilt(dict, {}): 1}, {(spoilt(set, [1]),): 1}):
        with pytest.raises(wire.Unsendable, match="Mine"):
            round_trip(value)


def test_a_subclass_is_an_object_when_the_sender_says_so():
    wanted = Counter("a")
    encoder = encoding.Encoder(lambda value: wire.Ref(7), lambda value: value is wanted)
    assert encoder.encode([wanted, Counter("a")]) == [
        wire.LIST,
        [wire.REF, 7, ""],
        [wire.DICT, "a", 1],
    ]


def test_a_value_that_contains_itself_is_refused():
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(wire.Unsendable, match="nested"):
        round_trip(loop)


@pytest.mark.parametrize(
    "tree",
    [
        [],
        [99],
        [True],
        ["x"],
        [wire.DICT, 1],
        [wire.DICT, [wire.LIST], 1],
        [wire.SET, [wire.LIST]],
        [wire.TENSOR, 0, "float32", [2], False],
        [wire.TENSOR, 0, "float32", [-1], False],
        [wire.TENSOR, 0, "float32", [2**62, 0], False],
        [wire.TENSOR, 1, "float32", [1], False],
        [wire.TENSOR, -1, "float32", [1], False],
        [wire.TENSOR, 0, "nonsense", [1], False],
        [wire.TENSOR, 0, "float32", [1], 7],
        [wire.TENSOR, 0, "int32", [1], True],
        [wire.TENSOR, 0, "float32", [1.0], False],
        [wire.TENSOR, 0],
        [wire.ARRAY, 0, "object", [1]],
        [wire.INT, b"x" * (wire.MAX_INT_BYTES + 1)],
        [wire.STR, b"\xff"],
        [wire.COMPLEX, "a", 1],
        [wire.HANDLE, "1", "function", "f", None],
        [wire.REF, None],
        [wire.LAYER, 1, 2, 3],
        [wire.DTYPE, []],
        [wire.NAMED],
        [wire.NAMED, "Pair"],
        [wire.NAMED, "Pair", "a b", 1],
        [wire.NAMED, "Pair", "a a", 1, 2],
        [wire.NAMED, "Pair", "a  b", 1, 2, 3],
        [wire.NAMED, "Pair", "_a", 1],
        [wire.NAMED, "Pair", "__class__", 1],
        [wire.NAMED, "Pair", "class", 1],
        [wire.NAMED, "Pair", "a=print()", 1],
        [wire.NAMED, "Pair", "ﬁ", 1],
        [wire.NAMED, "Pair", "a" * 101, 1],
        [wire.NAMED, "Pa ir", "a", 1],
        [wire.NAMED, [wire.LIST], "a", 1],
        [wire.NAMED, "Pair", 3, 1],
        [wire.NAMED, "Pair", " ".join(f"f{i}" for i in range(65)), *range(65)],
        [wire.LIST, *[[wire.NAMED, f"K{i}", ""] for i in range(65)]],
    ],
    ids=lambda tree: str(tree)[:60],
)
def test_a_malformed_tree_is_a_protocol_error(tree):
    with pytest.raises(wire.ProtocolError):
        decoding.Decoder([bytearray(4)], refuse).decode(tree)


def test_a_bool_tensor_holds_only_zeros_and_ones_whatever_was_sent():
    tensor = decoding.Decoder([bytearray(b"\x02\xff\x00")], refuse).decode(
        [wire.TENSOR, 0, "bool", [3], False]
    )
    assert tensor.view(torch.uint8).tolist() == [1, 1, 0]


@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_a_frame_or_a_protocol_error(data):
    reader, writer = os.pipe()
    stream = Stream(reader, os.dup(writer))
    os.write(writer, data)
    os.close(writer)
    stream.deadline = time.monotonic()
    try:
        tree, blobs = stream.receive()
        decoding.Decoder(blobs, lambda value: value).decode(tree)
    except (wire.ProtocolError, Disconnected, DeadlineExceeded):
        pass
    finally:
        stream.close()


trees = st.recursive(
    scalars.filter(lambda v: not isinstance(v, complex))
    | st.integers(0, 17)
    | st.sampled_from(["Pair", "a b"]),
    lambda inner: st.lists(inner, max_size=6),
    max_leaves=30,
)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(trees, st.lists(st.binary(max_size=64), max_size=3))
def test_any_tree_decodes_or_is_a_protocol_error(tree, blobs):
    decoder = decoding.Decoder([bytearray(blob) for blob in blobs], lambda value: value)
    with contextlib.suppress(wire.ProtocolError):
        decoder.decode(tree)


def test_a_lying_header_costs_no_memory():
    reader, writer = os.pipe()
    stream = Stream(reader, os.dup(writer))
    os.write(writer, struct.pack("<II", 0, 1) + struct.pack("<Q", wire.MAX_BLOB_BYTES) + b"x")
    os.close(writer)
    with pytest.raises((Disconnected, wire.ProtocolError)):
        stream.receive()
    stream.close()


def test_a_large_tensor_crosses_a_pipe_unchanged():
    import threading

    reader, writer = os.pipe()
    stream = Stream(reader, writer)
    tensor = torch.randn(1_000_000)
    encoder = encoding.Encoder(refuse)
    tree = encoder.encode(tensor)
    sender = threading.Thread(target=stream.send, args=(tree, encoder.blobs))
    sender.start()
    got, blobs = stream.receive()
    sender.join()
    assert torch.equal(decoding.Decoder(blobs, refuse).decode(got), tensor)
    stream.close()


def test_bytes_belong_to_one_value() -> None:
    tree = [wire.LIST, [wire.TENSOR, 0, "bool", [4], False], [wire.TENSOR, 0, "bool", [4], False]]
    with pytest.raises(wire.ProtocolError, match="two values"):
        decoding.Decoder([bytearray(4)], refuse).decode(tree)
