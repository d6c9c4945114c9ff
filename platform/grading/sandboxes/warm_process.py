"""The worker's side of a warm process that forks on request (sandbox/agent/fork_server.py)."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grading.sandboxes import cgroups, runtime
from grading.sandboxes.base import SandboxUnavailable
from sandbox.agent.fork_server import HEADER, READY

START_S = 120.0
FORK_S = 30.0
MEMORY_MIB = 4096
PROCESSES = 128
FIRST_UID = 200_000
UIDS = 10_000
_CAPABILITIES = ("CAP_SYS_ADMIN", "CAP_SETPCAP")
_RLIMITS = {
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_NOFILE: 256,
    resource.RLIMIT_FSIZE: 128 << 20,
    resource.RLIMIT_MEMLOCK: 64 << 10,
    resource.RLIMIT_MSGQUEUE: 0,
}
_NO_NAMESPACES = (
    "a sandbox can't be started. If this host forbids user namespaces "
    "(sysctl kernel.apparmor_restrict_unprivileged_userns, user.max_user_namespaces), "
    "allow them or use SANDBOX_BACKEND=docker with GRADER_SANDBOX=none."
)


class WarmProcess:
    """A warm process; one that is confined dies with the thread that made it.

    ``command`` is run with the number of the control socket behind it. ``slot`` chooses the user
    of a confined one: its own, where the worker is root.

    Raises:
        SandboxUnavailable: it can't be started here.
    """

    def __init__(
        self,
        command: list[str],
        *,
        environment: dict[str, str],
        slot: int | None = None,
        cpus: set[int] | None = None,
        errors: int = subprocess.DEVNULL,
    ) -> None:
        confined = slot is not None
        self._group = cgroups.make() if confined else None
        procs = self._group.open_procs() if self._group else []
        drop: dict[str, Any] = {}
        if slot is not None and os.geteuid() == 0:
            # A sandbox of root would map its user to the host's root.
            uid = FIRST_UID + slot % UIDS
            drop = {"user": uid, "group": uid, "extra_groups": []}
        if self._group is not None:
            self._group.limit(MEMORY_MIB, PROCESSES)
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno())],
                env=environment,
                cwd="/" if confined else runtime.ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                preexec_fn=(lambda: _enter(procs, cpus)) if confined else None,
                **drop,
            )
        except (OSError, subprocess.SubprocessError) as error:  # the latter from _enter
            self._control.close()
            if self._group is not None:
                self._group.remove()
            raise SandboxUnavailable(f"{command[0]} can't be started: {error}") from error
        finally:
            theirs.close()
            for descriptor in procs:
                os.close(descriptor)
        self._warm = False

    def wait_until_warm(self) -> None:
        """Return once it forks at once.

        Raises:
            SandboxUnavailable: it ended, or takes too long.
        """
        if self._warm:
            return
        self._control.settimeout(START_S)
        try:
            said = self._control.recv(len(READY))
        except OSError:
            said = b""
        if said != READY:
            self.kill()
            raise SandboxUnavailable(_NO_NAMESPACES)
        self._control.settimeout(FORK_S)
        self._warm = True

    def fork(
        self, descriptors: list[int], procs: list[int], scratch_mib: int, filter_: bytes
    ) -> int:
        """Start a sandbox; return a pidfd of its first process.

        It has ``descriptors`` and joins the control groups behind ``procs``.

        Raises:
            SandboxUnavailable: the kernel refused something, or this process is dead.
        """
        self.wait_until_warm()
        request = HEADER.pack(scratch_mib << 20, len(descriptors)) + filter_
        try:
            socket.send_fds(self._control, [request], [*descriptors, *procs])
            answer, passed, _, _ = socket.recv_fds(self._control, 4096, 1)
        except OSError as error:
            raise SandboxUnavailable(f"the fork server failed: {error}") from error
        if answer != b"ok":
            raise SandboxUnavailable(f"{_NO_NAMESPACES} ({answer.decode(errors='replace')})")
        return passed[0]

    def alive(self) -> bool:
        """Return whether the process still runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it, and with a confined one all that was forked from it."""
        self._control.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        if self._group is not None:
            self._group.remove()


def _enter(procs: list[int], cpus: set[int] | None) -> None:
    """Join the control group and take cores and resource limits, in the child before it starts."""
    if cpus:
        os.sched_setaffinity(0, cpus)
    for descriptor in procs:
        os.write(descriptor, b"0")
    for limit, value in _RLIMITS.items():
        resource.setrlimit(limit, (value, value))


def in_bubblewrap(
    program: str,
    tree: Path,
    environment: dict[str, str],
    script: str,
    binds: Sequence[str] = (),
) -> list[str]:
    """Return the command that runs ``script`` of ``tree`` where its forks can be confined.

    ``binds`` are further options of bubblewrap's, for what the forks shall see besides.
    """
    return [
        *(program, "--unshare-all", "--unshare-user", "--disable-userns"),
        *("--uid", "65534", "--gid", "65534", "--hostname", "sandbox"),
        *("--die-with-parent", "--new-session", "--clearenv"),
        *(part for name in _CAPABILITIES for part in ("--cap-add", name)),
        *(part for pair in environment.items() for part in ("--setenv", *pair)),
        # Not a mount below /proc: a fork could not mount its own beside it.
        *("--ro-bind", str(tree), "/", "--proc", "/proc", "--dev", "/dev", *binds),
        *("--tmpfs", "/tmp", "--tmpfs", "/dev/shm", "--remount-ro", "/", "--chdir", "/tmp"),
        *("--", runtime.PYTHON, "-I", "-B", script),
    ]
