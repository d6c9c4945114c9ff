"""Sandboxes that remember who lived in them, so that a test can ask what is left."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grading.sandboxes.base import Backend, Limits, Sandbox
from grading.sandboxes.bubblewrap import BubblewrapSandbox
from grading.sandboxes.pool import TAKE_S, Pool


class Watched:
    """A sandbox; before it is killed, its processes are written down."""

    def __init__(self, inner: Sandbox) -> None:
        self.inner = inner
        self.processes: dict[int, str] = {}
        self.users: set[int] = set()
        self.command_lines: set[bytes] = set()
        self.folders = _folders_of(inner)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def look(self) -> None:
        """Write down the processes that live in it now."""
        for pid in self.inner.pids():
            with contextlib.suppress(OSError):
                self.processes[pid] = _started(pid)
                self.users.add(Path(f"/proc/{pid}").stat().st_uid)
                self.command_lines.add(Path(f"/proc/{pid}/cmdline").read_bytes())

    def kill(self) -> None:
        """Look, then kill."""
        with contextlib.suppress(OSError):
            self.look()
        self.inner.kill()

    def left(self) -> list[str]:
        """Return what is still there of it: processes, control groups, a container."""
        found = [f"process {pid}" for pid, start in self.processes.items() if _lives(pid, start)]
        found += [f"control group {folder}" for folder in self.folders if folder.exists()]
        if not isinstance(self.inner, BubblewrapSandbox):
            found += _containers_of(self.inner)
        return found


class WatchedPool(Pool):
    """A pool whose sandboxes are watched from the moment they are lent."""

    def __init__(self, backend: Backend, size: int, cores: int) -> None:
        self.lent_by: dict[int, list[Watched]] = {}
        """What each thread was lent: a thread grades one submission at a time."""
        super().__init__(backend, size, cores)

    def take(
        self,
        limits: Limits,
        timeout_s: float = TAKE_S,
        check: Callable[[], None] = lambda: None,
    ) -> Any:
        """Lend a sandbox, and keep it in mind."""
        watched = Watched(super().take(limits, timeout_s, check))
        watched.look()
        self.lent_by.setdefault(threading.get_ident(), []).append(watched)
        return watched


def _folders_of(sandbox: Any) -> list[Path]:
    group = getattr(sandbox, "_group", None)
    return sorted(set(group._folders.values())) if group is not None else []


def _started(pid: int) -> str:
    """Return when a process began: its number may be another's later."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def _lives(pid: int, started: str) -> bool:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[19] == started and fields[0] != "Z"


def _containers_of(sandbox: Any) -> list[str]:
    found = sandbox._backend.client.containers(all=True, filters={"name": sandbox._name})
    return [f"container {each['Names'][0]}" for each in found]
