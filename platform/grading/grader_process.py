"""The worker's side of the graders: one warm process, forked for each submission."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from grading.sandboxes import cgroups, processes, runtime, seccomp
from grading.sandboxes.base import SandboxUnavailable
from grading.sandboxes.warm_process import UIDS, WarmProcess, in_bubblewrap
from submissions.verdicts import OutcomeKind

MEMORY_MIB = 4096
PROCESSES = 128
SCRATCH_MIB = 256
_STDERR = 2


class InfrastructureError(Exception):
    """Grading failed for a reason of ours; no learner is to blame."""


class GraderEnded(InfrastructureError):
    """A grader ended, or had to be ended, without a verdict.

    ``kind`` is the verdict that a submission gets which is to blame for it.
    """

    def __init__(self, message: str, kind: OutcomeKind = OutcomeKind.RUNTIME_ERROR) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Grader:
    """A forked grader: a pidfd of its first process, and the line to it."""

    process: int
    line: socket.socket
    group: cgroups.ControlGroup | None
    server: WarmProcess
    """What it was forked from, and may have ended with."""

    def pin(self, cpus: set[int]) -> None:
        """Put it on ``cpus``."""
        if self.group is None or not self.group.set_cpus(cpus):
            first = processes.pid_of(self.process)
            processes.pin(lambda: processes.with_children(first), cpus)

    def ended(self) -> GraderEnded:
        """Return what its end without a verdict means."""
        starved = self.group is not None and self.group.out_of_memory()
        kind = OutcomeKind.MEMORY_LIMIT if starved else OutcomeKind.RUNTIME_ERROR
        return GraderEnded("the grader process ended without a verdict", kind)

    def close(self) -> None:
        """End it, if it hasn't ended by itself, and hang up."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.process, signal.SIGKILL)
        processes.ended(self.process, timeout_s=5)
        os.close(self.process)
        self.line.close()
        if self.group is not None:
            self.group.remove()


Start = Callable[[], WarmProcess]


class Zygote:
    """A process that has torch and pytest imported and forks on demand. Safe for threads."""

    def __init__(self, start: Start, *, confined: bool) -> None:
        self._start_server, self._confined = start, confined
        self._lock = threading.Lock()
        # A confined process dies with the thread that started it.
        self._keeper = ThreadPoolExecutor(1, "grader-keeper")
        self._server: WarmProcess | None = None

    def start(self) -> None:
        """Start the process; ``fork`` waits until it is warm.

        Raises:
            SandboxUnavailable: it can't be started here.
        """
        with self._lock:
            self._start()

    def _start(self) -> WarmProcess:
        if self._server is not None and not self._server.alive():
            self._stop()
        if self._server is None:
            self._server = self._keeper.submit(self._start_server).result()
        return self._server

    def fork(self) -> Grader:
        """Return a new grader process.

        Raises:
            InfrastructureError: the fork server doesn't answer; the next call starts a new one.
        """
        ours, theirs = socket.socketpair()
        group = cgroups.make() if self._confined else None
        procs = group.open_procs() if group else []
        try:
            if group is not None:
                group.limit(MEMORY_MIB, PROCESSES)
            with self._lock:
                try:
                    filter_ = seccomp.program(memfd=group is not None)
                    server = self._start()
                    process = server.fork([theirs.fileno()], procs, SCRATCH_MIB, filter_)
                except SandboxUnavailable as error:
                    self._stop()
                    raise InfrastructureError(str(error)) from error
        except BaseException:
            ours.close()
            if group is not None:
                group.remove()
            raise
        finally:
            theirs.close()
            for file in procs:
                os.close(file)
        return Grader(process, ours, group, server)

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._stop()
        self._keeper.shutdown()

    def _stop(self) -> None:
        if self._server is not None:
            self._server.kill()
        self._server = None


def confined(program: str, folder: Path) -> Zygote:
    """Return graders in bubblewrap sandboxes of their own: no network, no file of this host.

    ``program`` is bwrap's path, ``folder`` is where runtime trees are kept.
    """
    tree = runtime.ensure(folder, runtime.GRADER)
    environment = _environment("/tmp") | {"PATH": "/opt/python/bin"}
    command = in_bubblewrap(program, tree, environment, runtime.ZYGOTE)
    return Zygote(
        lambda: WarmProcess(command, environment={}, slot=os.getpid() + UIDS // 2, errors=_STDERR),
        confined=True,
    )


def unconfined() -> Zygote:
    """Return graders with the worker's rights, for hosts where bubblewrap can't run."""
    scratch = tempfile.TemporaryDirectory(prefix="graders-")  # gone with the last reference to it
    command = [sys.executable, "-m", "grading.grader.zygote", "--unconfined"]

    def start() -> WarmProcess:
        paths = [str(runtime.ROOT / "platform"), str(runtime.ROOT), os.environ.get("PYTHONPATH")]
        environment = _environment(scratch.name) | {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "PYTHONPATH": ":".join(filter(None, paths)),
        }
        return WarmProcess(command, environment=environment, errors=_STDERR)

    return Zygote(start, confined=False)


def _environment(scratch: str) -> dict[str, str]:
    """Return what a grader may know: no database, no broker, no secret key."""
    return {
        "HOME": scratch,
        "USER": "grader",
        "TMPDIR": scratch,
        "LANG": "C.UTF-8",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "TRANSFORMERS_VERBOSITY": "error",
    }
