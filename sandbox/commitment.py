"""Values as sealed bytes: the inputs of a timed call, and its result, promised before it is shown.

The reply that stops the clock is a digest of all bytes of the result, so they must have been
computed by then; the bytes follow afterwards, when nobody is timed, and are held against it.

While the clock runs, bytes are made and read at msgpack's own speed wherever they can be: what only
the wire's ``Encoder`` can write is an extension. Who writes faster than that gains nothing by it.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import Any

import msgpack
import torch

from sandbox.decoding import Decoder, checked_keys, unpack
from sandbox.encoding import Encoder, refuse_unawaited
from sandbox.wire import MAX_ITEMS, Blob, ProtocolError, Unsendable

_TREE = 1
"""The extension that holds a tree of the wire's."""
_UNUSUAL = (ValueError, TypeError, OverflowError, RecursionError)
"""What msgpack says to huge integers, lone surrogates and endless nesting."""


def seal(value: Any) -> tuple[bytes, list[Blob]]:
    """Return the bytes of ``value``: its body, and a blob for each tensor.

    Raises:
        Unsendable: it isn't data alone.
    """
    encoder = Encoder(_refuse)
    try:
        body = msgpack.packb(value, default=_as_tree(encoder), strict_types=True)
    except _UNUSUAL:
        encoder = Encoder(_refuse)
        body = msgpack.packb(_as_tree(encoder)(value))
    return body, encoder.blobs


def digest(body: Blob, blobs: Sequence[Blob]) -> bytes:
    """Return the SHA-256 of a sealed value, the lengths of its parts included."""
    found = hashlib.sha256(struct.pack(f"<{len(blobs) + 1}Q", len(body), *map(len, blobs)))
    for part in (body, *blobs):
        found.update(part)
    return found.digest()


def unseal(body: Blob, blobs: Sequence[Blob], device: torch.device | None = None) -> Any:
    """Return the value whose bytes these are; its tensors go to ``device``.

    Raises:
        ProtocolError: they are no value's.
    """
    decoder = Decoder(blobs, _reject, device)

    def extension(code: int, data: bytes) -> Any:
        if code != _TREE:
            raise ProtocolError("an unknown extension")
        return decoder.decode(unpack(data))

    try:
        return msgpack.unpackb(
            body,
            raw=False,
            max_array_len=MAX_ITEMS,
            max_map_len=MAX_ITEMS,
            strict_map_key=False,
            object_pairs_hook=_dict,
            ext_hook=extension,
        )
    except ProtocolError:
        raise
    except Exception as error:
        raise ProtocolError(f"not a sealed value: {type(error).__name__}") from error


def _as_tree(encoder: Encoder) -> Any:
    return lambda value: msgpack.ExtType(_TREE, msgpack.packb(encoder.encode(value)))


def _dict(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    checked_keys([key for key, _ in pairs])
    return dict(pairs)


def _refuse(value: Any) -> Any:
    refuse_unawaited(value)
    raise Unsendable("timed", type(value).__name__)


def _reject(value: Any) -> Any:
    raise ProtocolError("a sealed value that isn't data alone")
