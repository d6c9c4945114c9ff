"""Frames over a pair of file descriptors.

A frame is a header, a msgpack body and the raw bytes of its tensors::

    body length u32 | blob count u32 | length u64 of each blob | body | blobs
"""

from __future__ import annotations

import os
import select
import struct
import time
from collections.abc import Sequence
from typing import Any

import msgpack
import numpy as np

from sandbox.decoding import unpack
from sandbox.wire import MAX_BLOB_BYTES, MAX_BLOBS, MAX_BODY_BYTES, Blob, ProtocolError, Unsendable

_HEADER = struct.Struct("<II")


class Disconnected(Exception):
    """The other side is gone: end of stream."""


class DeadlineExceeded(Exception):
    """The other side did not answer in time."""


class Stream:
    """Frames over a pair of file descriptors, with a deadline for every wait.

    ``deadline`` is a ``time.monotonic()`` value, or None to wait for ever.
    """

    def __init__(self, reader: int, writer: int) -> None:
        self.deadline: float | None = None
        self.frame_bytes = 0
        """The size of the frame that was received last."""
        self._reader, self._writer = reader, writer
        self._buffer = bytearray()
        for descriptor in {reader, writer}:
            os.set_blocking(descriptor, False)

    def patience(self) -> float | None:
        """Return for how many seconds to wait before asking again, None for ever.

        Raises:
            DeadlineExceeded: not at all any more.
        """
        if self.deadline is None:
            return None
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded
        return left

    def close(self) -> None:
        """Close both descriptors."""
        for descriptor in {self._reader, self._writer}:
            os.close(descriptor)

    def send(self, tree: Any, blobs: Sequence[Blob]) -> None:
        """Write one frame.

        Raises:
            Unsendable: it is larger than a frame may be.
            Disconnected, DeadlineExceeded: it could not be written.
        """
        try:
            body = msgpack.packb(tree, use_bin_type=True)
        except (TypeError, ValueError, OverflowError) as error:
            raise Unsendable("no data", error) from error
        sizes = [len(blob) for blob in blobs]
        if len(sizes) > MAX_BLOBS:
            raise Unsendable("too many tensors", f"{MAX_BLOBS:,}")
        if len(body) > MAX_BODY_BYTES or sum(sizes) > MAX_BLOB_BYTES:
            raise Unsendable("too many bytes", f"{len(body) + sum(sizes):,}")
        head = _HEADER.pack(len(body), len(sizes)) + struct.pack(f"<{len(sizes)}Q", *sizes) + body
        self._write(head)
        for blob in blobs:
            self._write(blob)

    def receive(self) -> tuple[Any, list[Blob]]:
        """Read one frame: its parsed body and its blobs.

        Raises:
            ProtocolError: what came is no frame.
            Disconnected, DeadlineExceeded: it did not come.
        """
        body_size, count = _HEADER.unpack(self._read(_HEADER.size))
        if body_size > MAX_BODY_BYTES or count > MAX_BLOBS:
            raise ProtocolError("a frame out of bounds")
        sizes = struct.unpack(f"<{count}Q", self._read(8 * count)) if count else ()
        if sum(sizes) > MAX_BLOB_BYTES:
            raise ProtocolError("blobs out of bounds")
        self.frame_bytes = body_size + sum(sizes)
        tree = unpack(self._read(body_size))
        return tree, [self._read(size) for size in sizes]

    def _write(self, data: bytes | Blob) -> None:
        view = memoryview(data)
        while len(view):
            try:
                view = view[os.write(self._writer, view) :]
            except BlockingIOError:
                self._wait(self._writer, select.POLLOUT)
            except OSError as error:
                raise Disconnected(str(error)) from error

    def _read(self, size: int) -> Blob:
        """Read exactly ``size`` bytes; what came along with them stays in the buffer."""
        taken = self._buffer[:size]
        del self._buffer[:size]
        if len(taken) < size > 1 << 16:
            return self._read_large(taken, size)
        while len(taken) < size:
            chunk = self._some(1 << 16)
            missing = size - len(taken)
            taken += chunk[:missing]
            self._buffer += chunk[missing:]
        return taken

    def _read_large(self, begun: bytearray, size: int) -> memoryview:
        """Read into memory that nobody has touched: a lying header costs addresses only."""
        view = np.empty(size, np.uint8).data
        view[: len(begun)] = begun
        done = len(begun)
        while done < size:
            done += self._into(view[done:])
        return view

    def _some(self, size: int) -> bytes:
        self.patience()  # a side that never lets us wait could keep us reading for ever
        while True:
            try:
                chunk = os.read(self._reader, size)
            except BlockingIOError:
                self._wait(self._reader, select.POLLIN)
                continue
            except OSError as error:
                raise Disconnected(str(error)) from error
            if not chunk:
                raise Disconnected("end of stream")
            return chunk

    def _into(self, view: memoryview) -> int:
        self.patience()
        while True:
            try:
                count = os.readv(self._reader, [view])
            except BlockingIOError:
                self._wait(self._reader, select.POLLIN)
                continue
            except OSError as error:
                raise Disconnected(str(error)) from error
            if not count:
                raise Disconnected("end of stream")
            return count

    def _wait(self, descriptor: int, event: int) -> None:
        poller = select.poll()
        poller.register(descriptor, event)
        while True:
            left = self.patience()
            if poller.poll(None if left is None else left * 1000):
                return
