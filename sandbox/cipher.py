"""Inputs that are there before they can be read.

A call's inputs come enciphered, and their key with the call: nothing can be computed before the
clock runs. AES in counter mode, by the processor's own instructions, takes a fifth of the time of
the digest that the result needs; a pipe takes three times as long, and spreads far more.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from sandbox.wire import Blob

ROOM = AES.block_size // 8 - 1
"""Bytes that a buffer must have beyond those that are written to it."""


def new_key() -> bytes:
    """Return a key, for one call."""
    return secrets.token_bytes(16)


def apply(key: bytes, parts: Sequence[Blob], into: Sequence[bytearray]) -> list[memoryview]:
    """Encipher or decipher ``parts`` with a key of one use; return the views that were written.

    Each buffer of ``into`` has ``ROOM`` bytes more than its part.
    """
    stream = Cipher(AES(key), CTR(bytes(16))).encryptor()
    for part, buffer in zip(parts, into, strict=True):
        stream.update_into(part, buffer)
    return [memoryview(buffer)[: len(part)] for part, buffer in zip(parts, into, strict=True)]


def buffers(parts: Sequence[Blob]) -> list[bytearray]:
    """Return what ``apply`` needs to write to."""
    return [bytearray(len(part) + ROOM) for part in parts]
