"""Calls whose time counts: the inputs of one call come first, then the clock starts."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sandbox import commitment
from sandbox.agent.resources import rouse_gpu

_PROC = Path("/proc/self")


class Timing:
    """One prepared call at a time, and its result.

    The reply is a digest of the whole result, so it must have been computed when the grader's
    clock stops. Only one result is kept: fresh memory for each would be page faults in the time
    that counts.
    """

    def __init__(self, exported: Callable[[Any], Any]) -> None:
        self._exported = exported
        self._call: tuple[Any, tuple[Any, ...]] = (None, ())
        self._result: Any = None

    def prepare(self, number: Any, arguments: tuple[Any, ...]) -> None:
        """Hold the arguments of the next call."""
        self._call = (self._exported(number), arguments)
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            rouse_gpu()

    def timed(self) -> bytes:
        """Make the prepared call; return the digest of its result."""
        function, arguments = self._call
        self._result = function(*arguments)
        return self.echo()

    def echo(self) -> bytes:
        """Do all that the last ``timed`` did but the call: what the boundary itself costs."""
        return commitment.digest(*commitment.seal(self._result))

    def reveal(self) -> list[Any]:
        """Return the bytes that the digest is of."""
        body, blobs = commitment.seal(self._result)
        return [body, *(np.frombuffer(blob, np.uint8) for blob in blobs)]

    def peak(self) -> int | None:
        """Make the prepared call again; return how many bytes it needed beyond what was in use.

        On a GPU those are the GPU's. None where the kernel can't tell, as gVisor's.
        """
        function, arguments = self._call
        self._result = None
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            self._result = function(*arguments)
            return torch.cuda.max_memory_allocated() - before
        ctypes.CDLL(None).malloc_trim(0)  # what earlier calls freed would serve this one unseen
        try:
            (_PROC / "clear_refs").write_bytes(b"5")  # from here on the peak counts anew
        except OSError:
            return None
        before = _kibibytes("VmRSS")
        self._result = function(*arguments)
        return max(0, _kibibytes("VmHWM") - before) * 1024


def _kibibytes(field: str) -> int:
    status = (_PROC / "status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0])
