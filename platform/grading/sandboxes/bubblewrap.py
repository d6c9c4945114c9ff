"""Sandboxes by bubblewrap: no daemon, no root, no image.

Started never as the host's root but as an unprivileged user of its own, with an empty
environment, no inherited descriptors, a system call filter, and a control group where one can be
made. Where none can be made the memory limit holds per process only: for trusted learners.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import resource
import signal
import subprocess
from pathlib import Path
from typing import Any

from grading.sandboxes import cgroups, runtime, seccomp
from grading.sandboxes.base import Limits, SandboxUnavailable

PIPE_BYTES = 1 << 20
FIRST_SLOT_UID = 200_000
SLOTS = 10_000
_F_SETPIPE_SZ = 1031
_RLIMITS = {
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_NOFILE: 256,
    resource.RLIMIT_FSIZE: 128 << 20,
    resource.RLIMIT_MEMLOCK: 64 << 10,
    resource.RLIMIT_MSGQUEUE: 0,
}


class BubblewrapSandbox:
    """One bubblewrap process, and the agent inside."""

    def __init__(
        self, process: subprocess.Popen[bytes], group: cgroups.ControlGroup | None, limits: Limits
    ) -> None:
        assert process.stdin is not None and process.stdout is not None
        self.reader, self.writer = process.stdout.fileno(), process.stdin.fileno()
        self._process, self._group, self._limits = process, group, limits
        self._memory_mib = limits.memory_mib
        self._reason: str | None = None
        self._gone = False
        for descriptor in (self.reader, self.writer):
            with contextlib.suppress(OSError):  # beyond the user's quota of pipe memory
                fcntl.fcntl(descriptor, _F_SETPIPE_SZ, PIPE_BYTES)

    def resize(self, memory_mib: int) -> None:
        """Allow ``memory_mib`` on top of what the warm agent has mapped."""
        self._memory_mib = memory_mib
        if self._group is not None:
            self._group.limit(memory_mib + 256, self._limits.processes)
        for pid in self._pids():
            with contextlib.suppress(OSError, ValueError):
                mapped = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
                ceiling = mapped * resource.getpagesize() + (memory_mib << 20)
                resource.prlimit(pid, resource.RLIMIT_AS, (ceiling, ceiling))

    def pin(self, cpus: set[int]) -> None:
        """Put every thread of the sandbox on ``cpus``."""
        for pid in self._pids():
            with contextlib.suppress(OSError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    os.sched_setaffinity(int(task.name), cpus)

    def alive(self) -> bool:
        """Return whether bubblewrap still runs; it ends with the agent."""
        return self._process.poll() is None

    def exit_reason(self) -> str | None:
        """Return which limit ended the sandbox, if one did."""
        if self._reason is None and self._group is not None:
            if self._group.out_of_memory():
                self._reason = "memory"
            elif self._group.out_of_processes():
                self._reason = "process_limit"
        return self._reason

    def kill(self) -> None:
        """Kill bubblewrap; the kernel ends all others with its process namespace."""
        if self._gone:
            return
        self._gone = True
        self.exit_reason()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        if self._group is not None:
            self._group.remove()

    def describe(self) -> dict[str, Any]:
        """Return the backend, its limits, and whether they hold for hostile code."""
        return {
            "backend": "bubblewrap",
            "memory_mib": self._memory_mib,
            "processes": self._limits.processes,
            "control_group": self._group is not None,
        }

    def _pids(self) -> list[int]:
        """Return every process of the sandbox, bubblewrap's own first."""
        children: dict[int, list[int]] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                after_name = stat.read_text().rpartition(")")[2].split()
                children.setdefault(int(after_name[1]), []).append(int(stat.parent.name))
        found = [self._process.pid]
        for pid in found:
            found += children.get(pid, [])
        return found


class Bubblewrap:
    """The backend. ``program`` is bwrap's path; ``folder`` is where runtime trees are kept.

    ``start_cpus`` are the cores on which sandboxes warm up, until they are pinned elsewhere.
    """

    def __init__(self, program: str, folder: Path, start_cpus: set[int] | None = None) -> None:
        self._program = program
        self._start_cpus = start_cpus or os.sched_getaffinity(0)
        self._tree = runtime.ensure(folder)
        self._slots = itertools.cycle(range(SLOTS))
        cgroups.sweep()
        if os.geteuid() == 0:
            _check_reachable(self._tree)

    def start(self, limits: Limits) -> BubblewrapSandbox:
        """Start a sandbox.

        Raises:
            SandboxUnavailable: bubblewrap can't run here.
        """
        group = cgroups.make()
        filter_ = _memory_file(seccomp.program(memfd=group is not None))
        entrances = group.entrances() if group else []
        drop: dict[str, Any] = {}
        if os.geteuid() == 0:  # a sandbox of root would map its user to the host's root
            uid = FIRST_SLOT_UID + next(self._slots)
            drop = {"user": uid, "group": uid, "extra_groups": []}
        if group is not None:
            group.limit(limits.memory_mib + 512, limits.processes)
        try:
            process = subprocess.Popen(
                [self._program, *_arguments(self._tree, limits, filter_)],
                env={},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=[filter_],
                bufsize=0,
                start_new_session=True,
                preexec_fn=lambda: _enter(entrances, self._start_cpus),
                **drop,
            )
        except (OSError, subprocess.SubprocessError) as error:  # the latter from _enter
            if group is not None:
                group.remove()
            raise SandboxUnavailable(f"{self._program} can't be started: {error}") from error
        finally:
            for descriptor in (filter_, *entrances):
                os.close(descriptor)
        return BubblewrapSandbox(process, group, limits)


def _enter(entrances: list[int], cpus: set[int]) -> None:
    """Join the control group and take cores and resource limits, in the child before it starts."""
    os.sched_setaffinity(0, cpus)
    for descriptor in entrances:
        os.write(descriptor, b"0")
    for limit, value in _RLIMITS.items():
        resource.setrlimit(limit, (value, value))


def _memory_file(data: bytes) -> int:
    descriptor = os.memfd_create("seccomp")
    os.write(descriptor, data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _arguments(tree: Path, limits: Limits, filter_: int) -> list[str]:
    environment = {
        "PATH": "/opt/python/bin",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
    }
    scratch = str(limits.scratch_mib << 20)
    return [
        *("--unshare-all", "--unshare-user", "--disable-userns"),
        *("--uid", "65534", "--gid", "65534", "--hostname", "sandbox"),
        *("--die-with-parent", "--new-session", "--clearenv"),
        *(part for pair in environment.items() for part in ("--setenv", *pair)),
        *("--ro-bind", str(tree), "/"),
        *("--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys", "--dev", "/dev"),
        *("--size", scratch, "--tmpfs", "/tmp", "--size", scratch, "--tmpfs", "/dev/shm"),
        *("--remount-ro", "/", "--chdir", "/tmp", "--seccomp", str(filter_)),
        *("--", runtime.PYTHON, "-I", "-B", runtime.AGENT),
    ]


def _check_reachable(tree: Path) -> None:
    """Refuse a tree that the sandbox's user could not enter."""
    for folder in tree.parents:
        if not folder.stat().st_mode & 0o001:
            raise SandboxUnavailable(
                f"{folder} is closed to other users, so a sandbox can't read {tree}: set "
                "SANDBOX_RUNTIME_DIR to a folder that everyone may enter, e.g. /var/lib/llm-course"
            )
