"""Sandboxes by bubblewrap: no daemon, no root, no image.

Forked from a warm template that runs never as the host's root but as an unprivileged user of its
own, each with namespaces, an empty environment, no inherited descriptors, no capabilities, a
system call filter, and a control group where one can be made. Where none can be made the memory
limit holds per process only: for trusted learners.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from pathlib import Path
from typing import Any

from grading.sandboxes import cgroups, gpus, processes, runtime, seccomp
from grading.sandboxes.base import ENVIRONMENT, Limits, SandboxUnavailable
from grading.sandboxes.warm_process import WarmProcess, in_bubblewrap

PIPE_BYTES = 1 << 20
END_S = 10.0
_F_SETPIPE_SZ = 1031
_STDERR = 2


class BubblewrapSandbox:
    """The processes of one sandbox, held by a descriptor of the first of them."""

    def __init__(
        self,
        first: int,
        stream: tuple[int, int],
        group: cgroups.ControlGroup | None,
        limits: Limits,
        gpu: gpus.Gpu | None,
    ) -> None:
        self.reader, self.writer = stream
        self._first, self._pid = first, processes.pid_of(first)
        self._group, self._limits, self._gpu = group, limits, gpu
        self._memory_mib = limits.memory_mib
        self._reason: str | None = None
        self._gone = False

    def resize(self, memory_mib: int) -> None:
        """Allow ``memory_mib``, where a control group can hold it; the rest is the agent's own."""
        self._memory_mib = memory_mib
        if self._group is not None:
            room = 256 + gpus.host_mib(self._gpu)
            self._group.limit(memory_mib + room, self._limits.processes)

    def pin(self, cpus: set[int]) -> None:
        """Put every thread of the sandbox on ``cpus``."""
        if self._group is None or not self._group.set_cpus(cpus):
            processes.pin(self.pids, cpus)

    @property
    def freezes(self) -> bool:
        """Whether ``freeze`` can stop it."""
        return self._group is not None and self._group.freezes

    def freeze(self) -> bool:
        """Stop every process in it, until ``thaw``; return whether all stand still."""
        return self._group is not None and self._group.freeze()

    def thaw(self) -> None:
        """Let its processes go on."""
        if self._group is not None:
            self._group.thaw()

    def cpu_s(self) -> float | None:
        """Return how many seconds its processes have computed."""
        if self._group is not None and self._group.freezes:
            return self._group.cpu_s()
        return processes.cpu_s(self.pids())

    def alive(self) -> bool:
        """Return whether the first process still runs; it ends with the agent."""
        return not self._gone and not processes.ended(self._first)

    def exit_reason(self) -> str | None:
        """Return which limit ended the sandbox, if one did."""
        if self._reason is None and self._group is not None and not self._gone:
            if self._group.out_of_memory():
                self._reason = "memory"
            elif self._group.out_of_processes():
                self._reason = "process_limit"
        return self._reason

    def kill(self) -> None:
        """Kill the first process; the kernel ends all others with its process namespace."""
        if self._gone:
            return
        self.exit_reason()
        self._gone = True
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._first, signal.SIGKILL)
        self.thaw()  # what is frozen can't die (v1)
        processes.ended(self._first, END_S)
        for descriptor in (self._first, self.reader, self.writer):
            os.close(descriptor)
        if self._group is not None:
            self._group.remove()

    def describe(self) -> dict[str, Any]:
        """Return the backend, its limits, and whether they hold for hostile code."""
        return {
            "backend": "bubblewrap",
            "memory_mib": self._memory_mib,
            "processes": self._limits.processes,
            "control_group": self._group is not None,
            "gpu": self._gpu.uuid if self._gpu else None,
        }

    def pids(self) -> list[int]:
        """Return every process of the sandbox."""
        if not self.alive():
            return []
        if self._group is not None:
            return self._group.pids()
        return processes.with_children(self._pid)


class Bubblewrap:
    """The backend. ``program`` is bwrap's path; ``folder`` is where runtime trees are kept.

    Every sandbox sees ``gpu``, if there is one.
    ``start_cpus`` are the cores on which sandboxes start, until they are pinned elsewhere.
    """

    disturbs_timing = False
    """A fork is cheap."""

    def __init__(
        self,
        program: str,
        folder: Path,
        start_cpus: set[int] | None = None,
        gpu: gpus.Gpu | None = None,
    ) -> None:
        self._gpu = gpu
        self._program = program
        self._start_cpus = start_cpus or os.sched_getaffinity(0)
        self._tree = runtime.ensure(folder, runtime.AGENT)
        self._template: WarmProcess | None = None
        self._templates = 0
        cgroups.sweep()
        if os.geteuid() == 0:
            _check_reachable(self._tree)

    def start(self, limits: Limits) -> BubblewrapSandbox:
        """Start a sandbox. The first one takes seconds: it waits for the template.

        Raises:
            SandboxUnavailable: bubblewrap can't run here.
        """
        if self._template is None:
            command = self._command()
            slot = os.getpid() + self._templates
            self._template = WarmProcess(
                command, environment={}, slot=slot, cpus=self._start_cpus, errors=_STDERR
            )
            self._templates += 1
        try:
            return _fork(self._template, limits, self._gpu)
        except SandboxUnavailable:
            self.close()  # perhaps the template is to blame: the next start makes a new one
            raise

    def _command(self) -> list[str]:
        environment, binds = ENVIRONMENT, list[str]()
        if self._gpu is not None:
            environment, binds = ENVIRONMENT | gpus.ENVIRONMENT, gpus.binds(self._gpu)
        return in_bubblewrap(self._program, self._tree, environment, runtime.TEMPLATE, binds)

    def close(self) -> None:
        """End the template, and every sandbox that was forked from it."""
        if self._template is not None:
            self._template.kill()
            self._template = None


def _fork(template: WarmProcess, limits: Limits, gpu: gpus.Gpu | None) -> BubblewrapSandbox:
    with contextlib.ExitStack() as undo, contextlib.ExitStack() as sent:
        group = cgroups.make()
        if group is not None:
            undo.callback(group.remove)
            room = 512 + gpus.host_mib(gpu)
            group.limit(limits.memory_mib + room, limits.processes)
        agent_reader, writer = _pipe()
        undo.callback(os.close, writer)
        sent.callback(os.close, agent_reader)
        reader, agent_writer = _pipe()
        undo.callback(os.close, reader)
        sent.callback(os.close, agent_writer)
        procs = group.open_procs() if group else []
        for file in procs:
            sent.callback(os.close, file)
        filter_ = seccomp.program(memfd=group is not None)
        first = template.fork([agent_reader, agent_writer], procs, limits.scratch_mib, filter_)
        undo.pop_all()
        return BubblewrapSandbox(first, (reader, writer), group, limits, gpu)


def _pipe() -> tuple[int, int]:
    ends = os.pipe2(os.O_CLOEXEC)
    with contextlib.suppress(OSError):  # beyond the user's quota of pipe memory
        fcntl.fcntl(ends[1], _F_SETPIPE_SZ, PIPE_BYTES)
    return ends


def _check_reachable(tree: Path) -> None:
    """Refuse a tree that the sandbox's user could not enter."""
    for folder in tree.parents:
        if not folder.stat().st_mode & 0o001:
            raise SandboxUnavailable(
                f"{folder} is closed to other users, so a sandbox can't read {tree}: set "
                "SANDBOX_RUNTIME_DIR to a folder that everyone may enter, outside of DATA_DIR"
            )
