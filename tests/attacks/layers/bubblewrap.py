"""The layers of a sandbox made by bubblewrap."""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import subprocess
import tempfile
from collections.abc import Callable
from typing import Any

import pytest

from grading import turns
from grading.sandboxes import bubblewrap, cgroups, seccomp, warm_process
from tests.attacks.layers.base import CANARY, Edit, Layer, Patch
from tests.attacks.watch import WatchedPool


def _isolation(name: str, *pairs: tuple[str, str]) -> Layer:
    file = "sandbox/agent/isolation.py"
    return Layer(name, edits=tuple(Edit(file, old, new) for old, new in pairs))


def _allow_every_call(patch: pytest.MonkeyPatch) -> None:
    allow = struct.pack("<HBBI", 0x06, 0, 0, 0x7FFF0000)
    patch.setattr(seccomp, "program", lambda *, memfd: allow)


def _limit_less(memory: bool) -> Patch:
    def patch_(patch: pytest.MonkeyPatch) -> None:
        honest = cgroups.ControlGroup.limit

        def limit(group: cgroups.ControlGroup, memory_mib: int, processes: int) -> None:
            honest(group, 8192 if memory else memory_mib, processes if memory else 4000)

        patch.setattr(cgroups.ControlGroup, "limit", limit)

    return patch_


def _leak_descriptor(patch: pytest.MonkeyPatch) -> None:
    file = tempfile.TemporaryFile()  # noqa: SIM115  (as long as the process that leaks it)
    file.write(CANARY.encode())
    file.flush()
    descriptor = os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDONLY)
    _popen(patch, lambda more: more | {"pass_fds": [*more["pass_fds"], descriptor]})


def _keep_environment(patch: pytest.MonkeyPatch) -> None:
    _popen(patch, lambda more: more | {"env": {**os.environ, "SITE_SECRET": CANARY}})
    honest = warm_process.in_bubblewrap

    def command(*arguments: Any) -> list[str]:
        return [part for part in honest(*arguments) if part != "--clearenv"]

    patch.setattr(bubblewrap, "in_bubblewrap", command)


def _popen(patch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    class Popen(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, command: list[str], **more: Any) -> None:
            super().__init__(
                command, **(change(more) if command[-2].endswith("template.py") else more)
            )

    module = type("subprocess", (), {**vars(subprocess), "Popen": Popen})
    patch.setattr(warm_process, "subprocess", module)


def _writable_root(patch: pytest.MonkeyPatch) -> None:
    honest = warm_process.in_bubblewrap

    def command(*arguments: Any) -> list[str]:
        made = honest(*arguments)
        made[made.index("--ro-bind")] = "--bind"
        del made[made.index("--remount-ro") : made.index("--remount-ro") + 2]
        return made

    patch.setattr(bubblewrap, "in_bubblewrap", command)


def _outer_root(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(warm_process, "FIRST_UID", 0)
    patch.setattr(warm_process, "UIDS", 1)


def _use_again(patch: pytest.MonkeyPatch) -> None:
    honest = WatchedPool.take
    kept: list[Any] = []

    class Kept:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        def kill(self) -> None:
            pass

        def left(self) -> list[str]:
            return []

    def take(pool: WatchedPool, *arguments: Any) -> Any:
        if not kept or not kept[0].alive():
            kept[:] = [Kept(honest(pool, *arguments))]
        return kept[0]

    patch.setattr(WatchedPool, "take", take)


_NAMESPACES = {
    "mount namespace": "0x00020000 | ",
    "cgroup namespace": "0x02000000 | ",
    "uts namespace": "0x04000000 | ",
    "ipc namespace": "0x08000000 | ",
    "network": " | 0x40000000",
}
_PROC = '    _mount("proc", "/proc", "proc", guarded | _NO_EXEC)\n'
_ROOM = 'room = f"size={scratch_bytes},nr_inodes={_INODES},mode=1777"'


def _stop_by_signals(patch: pytest.MonkeyPatch) -> None:
    def send(group: cgroups.ControlGroup, number: signal.Signals) -> bool:
        for pid in group.pids():
            with contextlib.suppress(OSError):
                os.kill(pid, number)
        return True

    patch.setattr(cgroups.ControlGroup, "freeze", lambda group: send(group, signal.SIGSTOP))
    patch.setattr(cgroups.ControlGroup, "thaw", lambda group: send(group, signal.SIGCONT))
    patch.setattr(turns, "SLACK_S", 1e9)
    _allow_every_call(patch)  # else there are no timers either, which undo a stop


LAYERS = [
    Layer("frozen turns", patch=_stop_by_signals),
    *(_isolation(name, (flag, "")) for name, flag in _NAMESPACES.items()),
    _isolation("pid namespace", ("0x20000000 | ", ""), (_PROC, "")),
    _isolation("own /proc", (_PROC, "")),
    _isolation(
        "read-only /proc/sys",
        ('    _mount("/proc/sys", "/proc/sys", None, _BIND)\n', ""),
        ('    _seal("/proc/sys")\n', ""),
    ),
    _isolation("own /tmp", ('for folder in ("/tmp", "/dev/shm"):', 'for folder in ("/dev/shm",):')),
    _isolation("own /dev/shm", ('for folder in ("/tmp", "/dev/shm"):', 'for folder in ("/tmp",):')),
    _isolation("sealed /dev", ('    _seal("/dev")\n', "")),
    _isolation("scratch size", (_ROOM, 'room = f"nr_inodes={_INODES},mode=1777"')),
    _isolation("inodes", (_ROOM, 'room = f"size={scratch_bytes},nr_inodes=0,mode=1777"')),
    _isolation("nosuid", ("guarded = _NO_SUID | _NO_DEVICES", "guarded = 0")),
    _isolation(
        "capabilities",
        ("range(64)", "range(0)"),
        ('    _do("capset", header, (ctypes.c_uint32 * 6)())\n', "    del header\n"),
    ),
    Layer("seccomp", patch=_allow_every_call),
    Layer("descriptors", patch=_leak_descriptor),
    Layer(
        "template's socket",
        edits=(
            Edit(
                "sandbox/agent/fork_server.py",
                "        if first == 0:\n            control.close()\n",
                "        if first == 0:\n",
            ),
        ),
    ),
    Layer("environment", patch=_keep_environment),
    Layer(
        "reseeding",
        edits=(
            Edit(
                "sandbox/agent/__main__.py",
                "    random.seed()\n    numpy.random.seed()\n",
                "    del numpy\n",
            ),
        ),
    ),
    Layer("memory limit", patch=_limit_less(memory=True)),
    Layer("process limit", patch=_limit_less(memory=False)),
    Layer(
        "address limit",
        edits=(
            Edit(
                "sandbox/agent/resources.py",
                "    resource.setrlimit(resource.RLIMIT_AS, (ceiling, ceiling))\n",
                "    del ceiling\n",
            ),
        ),
    ),
    Layer("resource limits", patch=lambda patch: patch.setattr(warm_process, "_RLIMITS", {})),
    Layer(
        "output cap",
        edits=(
            Edit(
                "sandbox/agent/capture.py", "MAX_FILE_BYTES = 8 << 20", "MAX_FILE_BYTES = 128 << 20"
            ),
        ),
    ),
    Layer("single use", patch=_use_again),
    Layer("unprivileged user", patch=_outer_root),
    Layer("read-only root", patch=_writable_root),
]
