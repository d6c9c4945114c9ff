"""Calls whose time counts: the inputs of one call come first, enciphered; then the clock starts."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sandbox import cipher, commitment
from sandbox.agent.resources import rouse_gpu
from sandbox.wire import Blob

_PROC = Path("/proc/self")


class Timing:
    """One prepared call at a time, and its result.

    The reply is a digest of the whole result, so it must have been computed when the grader's
    clock stops. Only one result is kept: fresh memory for each would be page faults in the time
    that counts; memory for the inputs is there before. ``device`` says where their tensors go.
    """

    def __init__(
        self, exported: Callable[[Any], Any], device: Callable[[], torch.device | None]
    ) -> None:
        self._exported, self._device = exported, device
        self._function: Any = None
        self._key = b""
        self._sealed, self._plain, self._again = list[Blob](), list[bytearray](), list[bytearray]()
        self._result: Any = None

    def prepare(self, number: Any, sealed: list[Any]) -> None:
        """Hold the arguments of the next call, which can't be read yet."""
        self._function = self._exported(number)
        self._sealed = [part.data for part in sealed]
        self._plain, self._again = cipher.buffers(sealed), cipher.buffers(sealed)
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            rouse_gpu()

    def timed(self, key: bytes) -> bytes:
        """Make the prepared call; return the digest of its result."""
        self._key = key
        self._result = self._function(*self._opened(self._plain))
        return self._digest()

    def echo(self) -> bytes:
        """Do all that the last ``timed`` did but the call: what the boundary itself costs."""
        self._opened(self._again)
        return self._digest()

    def reveal(self) -> list[Any]:
        """Return the bytes that the digest is of."""
        body, blobs = commitment.seal(self._result)
        return [np.frombuffer(part, np.uint8) for part in (body, *blobs)]

    def peak(self) -> int | None:
        """Make the prepared call again; return how many bytes it needed beyond what was in use.

        On a GPU those are the GPU's. None where the kernel can't tell, as gVisor's.
        """
        arguments = self._opened(self._again)
        self._result = None
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            self._result = self._function(*arguments)
            return torch.cuda.max_memory_allocated() - before
        ctypes.CDLL(None).malloc_trim(0)  # what earlier calls freed would serve this one unseen
        try:
            (_PROC / "clear_refs").write_bytes(b"5")  # from here on the peak counts anew
        except OSError:
            return None
        before = _kibibytes("VmRSS")
        self._result = self._function(*arguments)
        return max(0, _kibibytes("VmHWM") - before) * 1024

    def _opened(self, buffers: list[bytearray]) -> Any:
        body, *blobs = cipher.apply(self._key, self._sealed, buffers)
        return commitment.unseal(body, blobs, self._device())

    def _digest(self) -> bytes:
        return commitment.digest(*commitment.seal(self._result))


def _kibibytes(field: str) -> int:
    status = (_PROC / "status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0])
