"""A result that is promised before it is shown.

The reply that stops the clock is a digest of all bytes of the result, so they must have been
computed by then; the bytes follow afterwards, when nobody is timed, and are held against it.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import Any

import msgpack

from sandbox.decoding import Decoder, unpack
from sandbox.encoding import Encoder, refuse_unawaited
from sandbox.wire import Blob, ProtocolError, Unsendable


def seal(value: Any) -> tuple[bytes, list[Blob]]:
    """Return the bytes of ``value``: its body, and a blob for each tensor.

    Raises:
        Unsendable: it isn't data alone.
    """
    encoder = Encoder(_refuse)
    return msgpack.packb(encoder.encode(value), use_bin_type=True), encoder.blobs


def digest(body: bytes, blobs: Sequence[Blob]) -> bytes:
    """Return the SHA-256 of a sealed value, the lengths of its parts included."""
    found = hashlib.sha256(struct.pack(f"<{len(blobs) + 1}Q", len(body), *map(len, blobs)))
    for part in (body, *blobs):
        found.update(part)
    return found.digest()


def unseal(body: bytes, blobs: Sequence[Blob]) -> Any:
    """Return the value whose bytes these are.

    Raises:
        ProtocolError: they are no value's.
    """
    return Decoder(blobs, _reject).decode(unpack(body))


def _refuse(value: Any) -> Any:
    refuse_unawaited(value)
    raise Unsendable("timed", type(value).__name__)


def _reject(value: Any) -> Any:
    raise ProtocolError("a sealed value that isn't data alone")
