"""Sealed values and their encipherment: what a timed call gets and gives."""

from __future__ import annotations

import contextlib
from collections import OrderedDict, namedtuple
from typing import Any

import msgpack
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sandbox import cipher, commitment
from sandbox.wire import MAX_COLLISIONS, ProtocolError, Unsendable

Point = namedtuple("Point", "x y")
VALUES: list[Any] = [
    None,
    (1, [2.5, "三", b"x"], True),
    [["word"] * 40] * 250,
    {"a": {1: (2,)}, (1, "b"): [None]},
    {1, 2},
    frozenset({"a"}),
    10**400,
    "\ud800",
    1j,
    Point(1, [2]),
    OrderedDict(b=1, a=2),
    np.float32(1.5),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    body, blobs = commitment.seal(value)
    found = commitment.unseal(body, blobs)
    assert found == value
    if type(value) not in (Point, OrderedDict):
        assert type(found) is type(value)


def test_tensors_and_arrays_come_back() -> None:
    value = [torch.arange(6).reshape(2, 3), {"a": np.ones(3, np.float16)}, torch.ones(2).bfloat16()]
    body, blobs = commitment.seal(value)
    found = commitment.unseal(body, [bytearray(blob) for blob in blobs])
    assert torch.equal(found[0], value[0]) and torch.equal(found[2], value[2])
    assert np.array_equal(found[1]["a"], value[1]["a"])


@pytest.mark.parametrize("value", [object(), [lambda: 1], {"a": iter([])}])
def test_what_is_no_data_is_refused(value: Any) -> None:
    with pytest.raises(Unsendable):
        commitment.seal(value)


def test_what_contains_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(Unsendable):
        commitment.seal(endless)


def test_keys_that_were_chosen_to_collide_are_refused() -> None:
    modulus = 2**61 - 1
    few = {number * modulus: 0 for number in (1, 2, 3)}
    assert commitment.unseal(*commitment.seal(few)) == few
    pairs = b"".join(msgpack.packb(number * modulus) + b"\0" for number in (1, 2, 3, 4)) * 20
    assert MAX_COLLISIONS < 80
    with pytest.raises(ProtocolError, match="same hash"):
        commitment.unseal(b"\xde" + (80).to_bytes(2, "big") + pairs, [])


def test_bytes_belong_to_one_value() -> None:
    body, blobs = commitment.seal([torch.ones(4)])
    twice = b"\x92" + body[1:] * 2
    with pytest.raises(ProtocolError):
        commitment.unseal(twice, blobs)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_protocol_error(data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        commitment.unseal(data, [bytearray(8)])


@given(st.lists(st.binary(max_size=100), min_size=1))
def test_who_has_the_key_reads_what_was_written(parts: list[bytes]) -> None:
    key, plain = cipher.new_key(), [bytearray(part) for part in parts]
    written = cipher.apply(key, plain, cipher.buffers(plain))
    assert [bytes(p) for p in cipher.apply(key, written, cipher.buffers(written))] == parts


def test_without_the_key_nothing_is_to_be_read() -> None:
    plain = [bytearray(1000)]
    first, second = (cipher.apply(cipher.new_key(), plain, cipher.buffers(plain)) for _ in "12")
    assert bytes(first[0]) != bytes(second[0]) and bytes(first[0]).count(0) < 20
