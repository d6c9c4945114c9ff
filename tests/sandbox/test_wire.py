"""The wire: what goes in comes out, and hostile bytes only ever raise ProtocolError."""

from __future__ import annotations

import contextlib
import os
import struct
import time
from typing import Any

import msgpack
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import wire
from sandbox.stream import DeadlineExceeded, Disconnected, Stream

DTYPES = list(wire._DTYPES.values())


def refuse(value: Any) -> Any:
    raise wire.Unsendable(type(value).__name__)


def round_trip(value: Any) -> Any:
    encoder = wire.Encoder(refuse)
    tree = wire.unpack(msgpack.packb(encoder.encode(value)))
    blobs = [bytearray(blob) for blob in encoder.blobs]
    return wire.Decoder(blobs, refuse).decode(tree)


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


@pytest.mark.parametrize("name", sorted(wire._ARRAY_DTYPES))
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
    ],
    ids=str,
)
def test_a_malformed_tree_is_a_protocol_error(tree):
    with pytest.raises(wire.ProtocolError):
        wire.Decoder([bytearray(4)], refuse).decode(tree)


def test_a_bool_tensor_holds_only_zeros_and_ones_whatever_was_sent():
    tensor = wire.Decoder([bytearray(b"\x02\xff\x00")], refuse).decode(
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
        wire.Decoder(blobs, lambda value: value).decode(tree)
    except (wire.ProtocolError, Disconnected, DeadlineExceeded):
        pass
    finally:
        stream.close()


trees = st.recursive(
    scalars.filter(lambda v: not isinstance(v, complex)) | st.integers(0, 16),
    lambda inner: st.lists(inner, max_size=6),
    max_leaves=30,
)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(trees, st.lists(st.binary(max_size=64), max_size=3))
def test_any_tree_decodes_or_is_a_protocol_error(tree, blobs):
    decoder = wire.Decoder([bytearray(blob) for blob in blobs], lambda value: value)
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
    encoder = wire.Encoder(refuse)
    tree = encoder.encode(tensor)
    sender = threading.Thread(target=stream.send, args=(tree, encoder.blobs))
    sender.start()
    got, blobs = stream.receive()
    sender.join()
    assert torch.equal(wire.Decoder(blobs, refuse).decode(got), tensor)
    stream.close()
