"""The worker's side of the warm template from which bubblewrap sandboxes are forked.

The template (sandbox/agent/template.py) is itself in a bubblewrap sandbox, with the capabilities
of its own user namespace that a fork needs to leave for namespaces of its own.
"""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import struct
import subprocess
from pathlib import Path
from typing import Any

from grading.sandboxes import cgroups, runtime
from grading.sandboxes.base import ENVIRONMENT, SandboxUnavailable

READY = b"ready"
START_S = 60.0
FORK_S = 10.0
MEMORY_MIB = 2048
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
    "allow them or use SANDBOX_BACKEND=docker."
)


class Template:
    """A bubblewrap process with torch imported. It dies with the thread that made it.

    Raises:
        SandboxUnavailable: bubblewrap can't run here.
    """

    def __init__(self, program: str, tree: Path, cpus: set[int], number: int) -> None:
        self._group = cgroups.make()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        entrances = self._group.entrances() if self._group else []
        drop: dict[str, Any] = {}
        if os.geteuid() == 0:  # a sandbox of root would map its user to the host's root
            uid = FIRST_UID + number % UIDS
            drop = {"user": uid, "group": uid, "extra_groups": []}
        if self._group is not None:
            self._group.limit(MEMORY_MIB, PROCESSES)
        self._control = ours
        try:
            self._process = subprocess.Popen(
                [program, *_arguments(tree, theirs.fileno())],
                env={},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                preexec_fn=lambda: _enter(entrances, cpus),
                **drop,
            )
        except (OSError, subprocess.SubprocessError) as error:  # the latter from _enter
            ours.close()
            if self._group is not None:
                self._group.remove()
            raise SandboxUnavailable(f"{program} can't be started: {error}") from error
        finally:
            theirs.close()
            for descriptor in entrances:
                os.close(descriptor)
        self._expect_ready()

    def _expect_ready(self) -> None:
        self._control.settimeout(START_S)
        try:
            said = self._control.recv(len(READY))
        except OSError:
            said = b""
        if said != READY:
            self.kill()
            raise SandboxUnavailable(_NO_NAMESPACES)
        self._control.settimeout(FORK_S)

    def fork(self, scratch_mib: int, filter_: bytes, descriptors: list[int]) -> int:
        """Start a sandbox; return a pidfd of its first process.

        ``descriptors`` are the agent's reader and writer, then its control group's entrances.

        Raises:
            SandboxUnavailable: the kernel refused something, or the template is dead.
        """
        request = struct.pack("<Q", scratch_mib << 20) + filter_
        try:
            socket.send_fds(self._control, [request], descriptors)
            answer, passed, _, _ = socket.recv_fds(self._control, 4096, 1)
        except OSError as error:
            raise SandboxUnavailable(f"the sandboxes' template failed: {error}") from error
        if answer != b"ok":
            raise SandboxUnavailable(f"{_NO_NAMESPACES} ({answer.decode(errors='replace')})")
        return passed[0]

    def kill(self) -> None:
        """End it, and with it every sandbox that was forked from it."""
        self._control.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        if self._group is not None:
            self._group.remove()


def _enter(entrances: list[int], cpus: set[int]) -> None:
    """Join the control group and take cores and resource limits, in the child before it starts."""
    os.sched_setaffinity(0, cpus)
    for descriptor in entrances:
        os.write(descriptor, b"0")
    for limit, value in _RLIMITS.items():
        resource.setrlimit(limit, (value, value))


def _arguments(tree: Path, control: int) -> list[str]:
    return [
        *("--unshare-all", "--unshare-user", "--disable-userns"),
        *("--uid", "65534", "--gid", "65534", "--hostname", "sandbox"),
        *("--die-with-parent", "--new-session", "--clearenv"),
        *(part for name in _CAPABILITIES for part in ("--cap-add", name)),
        *(part for pair in ENVIRONMENT.items() for part in ("--setenv", *pair)),
        # Not a mount below /proc: a fork could not mount its own beside it.
        *("--ro-bind", str(tree), "/", "--proc", "/proc", "--dev", "/dev"),
        *("--tmpfs", "/tmp", "--tmpfs", "/dev/shm", "--remount-ro", "/", "--chdir", "/tmp"),
        *("--", runtime.PYTHON, "-I", "-B", runtime.TEMPLATE, str(control)),
    ]
