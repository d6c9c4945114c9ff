"""What is asked of, and done to, processes of a sandbox from outside."""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Callable, Iterable
from pathlib import Path


def ended(process: int, timeout_s: float = 0.0) -> bool:
    """Return whether the process of this pidfd has ended, or ends within ``timeout_s``."""
    poller = select.poll()
    poller.register(process, select.POLLIN)
    return bool(poller.poll(timeout_s * 1000))


def pid_of(process: int) -> int:
    """Return the number, on this host, of the process of this pidfd; -1 when it is gone."""
    fields = Path(f"/proc/self/fdinfo/{process}").read_text().split("Pid:")[1].split()
    return int(fields[0])


def with_children(pid: int) -> list[int]:
    """Return ``pid`` and all that descend from it."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            after_name = stat.read_text().rpartition(")")[2].split()
            children.setdefault(int(after_name[1]), []).append(int(stat.parent.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def cpu_s(pids: Iterable[int]) -> float:
    """Return how many seconds ``pids`` have computed, and those that they have reaped."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, after_name[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def pin(pids: Callable[[], Iterable[int]], cpus: set[int]) -> None:
    """Put every thread of what ``pids`` returns on ``cpus``, and those that start meanwhile."""
    pinned: set[int] = set()
    while new := {task for pid in pids() for task in _tasks(pid)} - pinned:
        for task in new:
            with contextlib.suppress(OSError):
                os.sched_setaffinity(task, cpus)
        pinned |= new


def _tasks(pid: int) -> list[int]:
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []
