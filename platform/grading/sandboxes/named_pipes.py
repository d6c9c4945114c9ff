"""The stream to a container: two named pipes in a folder that only the worker sees."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shutil
import time
from pathlib import Path

PIPE_BYTES = 1 << 20
OPEN_S = 15.0
_F_SETPIPE_SZ = 1031


class NamedPipes:
    """The two named pipes of one sandbox, and the worker's ends of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        folder.chmod(0o711)  # whatever the umask
        for name, mode in (("in", 0o604), ("out", 0o602)):
            os.mkfifo(folder / name)
            (folder / name).chmod(mode)
        self.reader = os.open(folder / "out", os.O_RDONLY | os.O_NONBLOCK)
        self.writer = -1

    def open_writer(self) -> None:
        """Open the other end as soon as the container has opened both of its own.

        Raises:
            OSError: it doesn't.
        """
        deadline = time.monotonic() + OPEN_S
        while self.writer < 0:
            try:
                self.writer = os.open(self.folder / "in", os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:  # ENXIO: nobody reads yet
                if time.monotonic() > deadline:
                    raise TimeoutError("its agent did not start") from error
                time.sleep(0.001)
        os.set_blocking(self.writer, True)
        os.set_blocking(self.reader, True)
        for descriptor in (self.reader, self.writer):
            with contextlib.suppress(OSError):  # beyond the user's quota of pipe memory
                fcntl.fcntl(descriptor, _F_SETPIPE_SZ, PIPE_BYTES)

    def hung_up(self) -> bool:
        """Return whether nobody holds the container's end of "out" any more."""
        poller = select.poll()
        poller.register(self.reader, 0)
        return bool(poller.poll(0))

    def close(self) -> None:
        """Close both ends and remove the pipes."""
        for descriptor in (self.reader, self.writer):
            if descriptor >= 0:
                os.close(descriptor)
        shutil.rmtree(self.folder, ignore_errors=True)
