"""Hostile frames against the wire: ``make fuzz`` (FRAMES=1000000), or ``--atheris`` for as long as
you like, with coverage as its guide.

Whatever bytes a sandbox sends, the trusted side may only get data or a ``ProtocolError`` (or see
the stream end), within bounded memory and time.
"""

from __future__ import annotations

import contextlib
import os
import random
import resource
import struct
import sys
import time
from types import FunctionType
from typing import Any, NamedTuple

import msgpack
import numpy as np
import torch

from sandbox import decoding, encoding, wire
from sandbox.errors import rebuild
from sandbox.stream import Disconnected, Stream

FRAMES = int(os.environ.get("FRAMES", "1000000"))
SEED = int(os.environ.get("SEED", "0")) or int.from_bytes(os.urandom(4), "little")
MAX_FRAME_S = 1.0
MAX_GROWTH_MIB = 512


class Pair(NamedTuple):
    """What has names of its own on the wire."""

    left: Any
    right: Any


_SAMPLES: tuple[Any, ...] = (
    [None, True, -1, 2**80, 1.5, "text", b"bytes", "\ud800"],
    {"a": (1, 2), ("b", 3): {4, 5}, 6: frozenset({7})},
    [complex(1, 2), torch.float16, np.float32(3)],
    [torch.ones(2, 3), torch.zeros(0, 2), torch.tensor([True, False]), torch.ones(2).bfloat16()],
    [np.arange(6).reshape(2, 3), np.array(1.0)],
    [Pair(1, "two"), Pair(2, (torch.ones(1), Pair(3, None)))],
    wire.Handle(3, "function", "function"),
    [wire.Ref(1), wire.Layer("Linear", {"in_features": 2}, {"weight": torch.ones(1, 2)})],
    ["!", ["ValueError", "text", [["submission.py", 3, "f", "line"]], ""], [], None],
)
_NUMBERS = (0, 1, 2, 7, 8, 14, 15, 127, 255, 2**16 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, -1)


def one_frame(data: bytes) -> None:
    """Receive ``data`` as the grader does: parse the frame, rebuild its values.

    Raises:
        Exception: the trusted side was surprised; that is a finding.
    """
    reader, writer = os.pipe()
    try:
        os.write(writer, data[:60_000])  # a pipe holds as much without a reader
        os.close(writer)
        writer = -1
        stream = Stream(reader, reader)
        stream.deadline = time.monotonic() + MAX_FRAME_S
        with contextlib.suppress(wire.ProtocolError, Disconnected):
            tree, blobs = stream.receive()
            is_message = type(tree) is list and tree and type(tree[0]) is str
            decoder = decoding.Decoder(blobs, lambda described: described)
            for part in tree[1:] if is_message else [tree]:  # as a peer reads a message
                with contextlib.suppress(wire.ProtocolError):
                    rebuild(decoder.decode(part))
    finally:
        os.close(reader)
        if writer >= 0:
            os.close(writer)


def sample_frames() -> list[bytes]:
    """Return well-formed frames to start from."""
    frames = []
    for value in _SAMPLES:
        encoder = encoding.Encoder(lambda described: described)
        body = msgpack.packb(["=", encoder.encode(value), None, [], None], use_bin_type=True)
        frames.append(_frame(body, [bytes(blob) for blob in encoder.blobs]))
    return frames


def _frame(body: bytes, blobs: list[bytes]) -> bytes:
    sizes = struct.pack(f"<{len(blobs)}Q", *map(len, blobs))
    return struct.pack("<II", len(body), len(blobs)) + sizes + body + b"".join(blobs)


def mutated(rng: random.Random, frames: list[bytes]) -> bytes:
    """Return a frame with a few bytes, numbers, lengths or a whole tree changed."""
    if rng.random() < 0.3:
        return _frame(msgpack.packb(_tree(rng, 0), use_bin_type=True), [rng.randbytes(8)] * 2)
    data = bytearray(rng.choice(frames))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data)) if data else 0
        match rng.randrange(5):
            case 0:
                data[at : at + 1] = rng.randbytes(1)
            case 1:
                del data[at : at + rng.randint(1, 8)]
            case 2:
                data[at:at] = rng.randbytes(rng.randint(1, 8))
            case 3:
                data[at : at + 4] = struct.pack("<i", _small(rng.choice(_NUMBERS)))
            case _:
                other = rng.choice(frames)
                data[at:] = other[rng.randrange(len(other)) :]
    return bytes(data)


def _small(number: int) -> int:
    return (number + 2**31) % 2**32 - 2**31


def _tree(rng: random.Random, depth: int) -> Any:
    """Return a random tree: mostly tagged lists, as the decoder expects them, and lies."""
    if depth > 6 or rng.random() < 0.3:
        names = ("float32", "Linear", "a b")
        leaves = (None, True, rng.choice(_NUMBERS), rng.random(), *names, b"\0" * 9)
        return rng.choice(leaves)
    items = [_tree(rng, depth + 1) for _ in range(rng.randrange(6))]
    return [rng.randrange(-1, 18), *items] if rng.random() < 0.9 else items


def main() -> None:
    """Throw ``FRAMES`` frames at the decoder and say how it went."""
    print(f"seed {SEED}", flush=True)
    rng, frames = random.Random(SEED), sample_frames()
    started, before, slowest = time.monotonic(), _resident_mib(), 0.0
    for number in range(FRAMES):
        data = mutated(rng, frames)
        begun = time.perf_counter()
        try:
            one_frame(data)
        except Exception as error:
            raise SystemExit(f"frame {number}: {error!r}\n{data.hex()}") from error
        slowest = max(slowest, time.perf_counter() - begun)
    growth = _resident_mib() - before
    print(
        f"{FRAMES:,} frames in {time.monotonic() - started:.0f} s: nothing but ProtocolError; "
        f"slowest {slowest * 1000:.1f} ms, memory grew by {growth:.0f} MiB"
    )
    if slowest > MAX_FRAME_S or growth > MAX_GROWTH_MIB:
        raise SystemExit("a frame took too long, or too much memory")


def _resident_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def explore() -> None:
    """Let atheris (``pip install atheris``) look for frames that surprise the decoder."""
    import atheris  # type: ignore[import-untyped]

    for owner in (decoding.Decoder, Stream):
        for name, function in list(vars(owner).items()):
            if isinstance(function, FunctionType):
                setattr(owner, name, atheris.instrument_func(function))
    atheris.Setup(sys.argv, one_frame)
    atheris.Fuzz()


if __name__ == "__main__":
    if "--atheris" in sys.argv:
        sys.argv.remove("--atheris")
        explore()
    else:
        main()
