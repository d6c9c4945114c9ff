"""The worker's side of the fork server: start it, ask it for graders, notice when it dies."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_S = 120.0
FORK_S = 30.0


class InfrastructureError(Exception):
    """Grading failed for a reason of ours; no learner is to blame."""


@dataclass(frozen=True)
class Grader:
    """A forked grader process and the line to it."""

    pid: int
    line: socket.socket

    def close(self) -> None:
        """End the process, if it hasn't ended by itself, and hang up."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.line.close()


class Zygote:
    """A process that has torch and pytest imported and forks on demand. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def start(self) -> None:
        """Start the process; ``fork`` waits until it is warm."""
        with self._lock:
            self._start()

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "grading.grader.zygote", str(theirs.fileno())],
                env=_environment(),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._control, self._warm = ours, False

    def fork(self) -> Grader:
        """Return a new grader process.

        Raises:
            InfrastructureError: the fork server doesn't answer; the next call starts a new one.
        """
        ours, theirs = socket.socketpair()
        with theirs, self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            assert self._control is not None
            try:
                self._wait_warm(self._control)
                self._control.settimeout(FORK_S)
                socket.send_fds(self._control, [b"fork"], [theirs.fileno()])
                answer = self._control.recv(4)
            except OSError as error:
                self._stop()
                raise InfrastructureError(f"the fork server failed: {error}") from error
            if len(answer) != 4:
                self._stop()
                raise InfrastructureError("the fork server ended")
        return Grader(int.from_bytes(answer, "little"), ours)

    def _wait_warm(self, control: socket.socket) -> None:
        if not self._warm:
            control.settimeout(START_S)
            if control.recv(16) != b"ready":
                raise OSError("it ended while it was starting")
            self._warm = True

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._stop()

    def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = self._control = None


def _environment() -> dict[str, str]:
    """Return what the grader may know: no database, no broker, no secret key."""
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": os.environ.get("HOME", "/tmp"),
        "LANG": "C.UTF-8",
        "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
