"""What the learner's code prints, bounded, for the learner to read."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import tempfile

MAX_REPLY_CHARS = 16_384
MAX_FILE_BYTES = 8 << 20


class Capture:
    """Points fds 1 and 2 at a file of limited size; hands out what is new in it."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  (lives as long as we do)
        self._offset = 0
        os.dup2(self._file.fileno(), 1)
        os.dup2(self._file.fileno(), 2)
        # Files of the learner have the same limit; a write past it fails with EFBIG.
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, hard))
        sys.stdout = open(1, "w", errors="backslashreplace", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", errors="backslashreplace", closefd=False)  # noqa: SIM115

    @property
    def overflowed(self) -> bool:
        """Whether the learner's code printed more than it may."""
        try:
            return os.fstat(self._file.fileno()).st_size >= MAX_FILE_BYTES
        except OSError:  # the learner closed our descriptor
            return False

    def take(self) -> str:
        """Return what was printed since the last call, at most ``MAX_REPLY_CHARS`` of it."""
        for name in ("stdout", "stderr"):  # the learner may have put anything there
            with contextlib.suppress(BaseException):
                getattr(sys, name).flush()
        try:
            size = os.fstat(self._file.fileno()).st_size
            if size <= self._offset:
                return ""
            raw = os.pread(
                self._file.fileno(), min(size - self._offset, MAX_REPLY_CHARS), self._offset
            )
        except OSError:  # the learner closed our descriptor: nothing to show, nothing to fear
            return ""
        self._offset = size
        return raw.decode("utf-8", "replace")
