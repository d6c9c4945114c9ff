"""Limits, cores and a freezer by control group, version 1 or 2, where this process may make one."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
FREEZE_S = 0.5
"""A group that isn't frozen after so long isn't frozen at all."""
POLL_S = 20e-6
_NEEDED = ("memory", "pids")
_WELCOME = ("freezer", "cpuacct", "cpuset")


class ControlGroup:
    """One group of one sandbox: a directory for each controller (v1), or a single one (v2)."""

    def __init__(self, folders: dict[str, Path], version: int) -> None:
        self._folders, self._version = folders, version

    @property
    def freezes(self) -> bool:
        """Whether its processes can be stopped from outside, so that no signal wakes them, and
        whether their CPU time tells that they were."""
        return {"freezer", "cpuacct"} <= self._folders.keys()

    def limit(self, memory_mib: int, processes: int) -> None:
        """Set the limits; swap counts as memory."""
        memory, size = self._folders["memory"], str(memory_mib << 20)
        if self._version == 2:
            (memory / "memory.max").write_text(size)
            _try_write(memory / "memory.swap.max", "0")
            _try_write(memory / "memory.oom.group", "1")
        else:
            # memsw may never be below the limit, so which goes first depends on the direction.
            names = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
            for name in (*names, *names):
                _try_write(memory / name, size)
        (self._folders["pids"] / "pids.max").write_text(str(processes))

    def open_procs(self) -> list[int]:
        """Return open descriptors; a process that writes "0" to each has joined."""
        files = {folder / "cgroup.procs" for folder in self._folders.values()}
        return [os.open(file, os.O_WRONLY) for file in files]

    def pids(self) -> list[int]:
        """Return the processes in the group: none once it is gone, which may be at any moment."""
        try:
            listed = (self._folders["pids"] / "cgroup.procs").read_text()
        except OSError:
            return []
        return [int(pid) for pid in listed.split()]

    def out_of_memory(self) -> bool:
        """Return whether the kernel killed a process of the group for its memory."""
        name = "memory.events" if self._version == 2 else "memory.oom_control"
        return _counter(self._folders["memory"] / name, "oom_kill") > 0

    def out_of_processes(self) -> bool:
        """Return whether a fork was refused."""
        return _counter(self._folders["pids"] / "pids.events", "max") > 0

    def freeze(self) -> bool:
        """Stop every process in it, until ``thaw``; return whether all stand still."""
        freezer = self._folders["freezer"]
        if self._version == 2:
            _try_write(freezer / "cgroup.freeze", "1")
        else:
            _try_write(freezer / "freezer.state", "FROZEN")
        deadline = time.monotonic() + FREEZE_S
        while not self._stands_still():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)  # they have to run to stop, perhaps on this core
        return True

    def thaw(self) -> None:
        """Let its processes go on."""
        if (freezer := self._folders.get("freezer")) is not None:
            _thaw(freezer)

    def _stands_still(self) -> bool:
        freezer = self._folders["freezer"]
        if self._version == 2:
            return _counter(freezer / "cgroup.events", "frozen") == 1
        with contextlib.suppress(OSError):
            return (freezer / "freezer.state").read_text() == "FROZEN\n"
        return False

    def cpu_s(self) -> float | None:
        """Return how many seconds its processes have computed, those that are gone included."""
        if (folder := self._folders.get("cpuacct")) is None:
            return None
        if self._version == 2:
            return _counter(folder / "cpu.stat", "usage_usec") / 1e6
        with contextlib.suppress(OSError):
            return int((folder / "cpuacct.usage").read_text()) / 1e9
        return None

    def set_cpus(self, cpus: set[int]) -> bool:
        """Keep its processes to these cores, whatever they ask for; return whether that is so."""
        if (folder := self._folders.get("cpuset")) is None:
            return False
        try:
            (folder / "cpuset.cpus").write_text(",".join(map(str, sorted(cpus))))
        except OSError:
            return False
        return True

    def remove(self) -> None:
        """Remove the group; its processes must be dead or dying."""
        self.thaw()
        for folder in set(self._folders.values()):
            _remove(folder)


def make() -> ControlGroup | None:
    """Return a new group, or None where this process may not make one."""
    # Process numbers come again, and a worker that was killed leaves its groups behind.
    name = f"sandbox-{os.getpid()}-{secrets.token_hex(6)}"
    for version, parents in ((2, _v2_parents()), (1, _v1_parents())):
        folders = {controller: parent / name for controller, parent in parents.items()}
        try:
            for folder in set(folders.values()):
                folder.mkdir()
            if version == 1 and "cpuset" in folders:
                _inherit(folders["cpuset"])
            group = ControlGroup(folders, version)
            group.limit(64, 8)
        except (OSError, KeyError):  # the latter where there are no parents
            for folder in set(folders.values()):
                with contextlib.suppress(OSError):
                    folder.rmdir()
            continue
        return group
    return None


def sweep() -> None:
    """Remove the groups that killed workers left behind. What is in use can't be removed."""
    parents = {*_v2_parents().values(), *_v1_parents().values()}
    found = [folder for parent in parents for folder in parent.glob("sandbox-*-*")]
    left = [each for each in found if not Path("/proc", each.name.split("-")[1]).exists()]
    for folder in left:
        _thaw(folder)  # else what was killed in it can't end
    for folder in left:
        _remove(folder)


def _own(controller: str) -> str:
    """Return this process's group of ``controller``; the empty name is version 2."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        if controller in names.split(","):
            return path.lstrip("/")
    return ""


def _v1_parents() -> dict[str, Path]:
    parents = {name: MOUNT / name / _own(name) for name in (*_NEEDED, *_WELCOME)}
    return {name: parent for name, parent in parents.items() if (parent / "cgroup.procs").exists()}


def _v2_parents() -> dict[str, Path]:
    # A group with processes can't have limited children, so ours are siblings; or children of the
    # host's first group, which may have both.
    for parent in ((MOUNT / _own("")).parent, MOUNT):
        controllers = parent / "cgroup.subtree_control"
        given = set(controllers.read_text().split()) if controllers.exists() else set()
        if given.issuperset(_NEEDED):
            always = ("freezer", "cpuacct")  # of version 2 every group has these
            return dict.fromkeys((*_NEEDED, *always, *given & {"cpuset"}), parent)
    return {}


def _inherit(cpuset: Path) -> None:
    """Give a new group (v1) the cores and memory of its parent: without them nobody may join."""
    for name in ("cpuset.mems", "cpuset.cpus"):
        (cpuset / name).write_text((cpuset.parent / name).read_text())


def _remove(folder: Path) -> None:
    for _ in range(200):
        try:
            folder.rmdir()
        except FileNotFoundError:
            break
        except OSError:
            time.sleep(0.005)
        else:
            break


def _thaw(freezer: Path) -> None:
    for name, running in (("cgroup.freeze", "0"), ("freezer.state", "THAWED")):
        if (freezer / name).exists():
            _try_write(freezer / name, running)


def _counter(file: Path, name: str) -> int:
    with contextlib.suppress(OSError):
        for line in file.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0


def _try_write(file: Path, text: str) -> None:
    with contextlib.suppress(OSError):
        file.write_text(text)
