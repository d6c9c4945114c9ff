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


def delayed_s(pids: Iterable[int]) -> float:
    """Return for how many seconds one thread of ``pids`` waited for a core while others than
    ``pids`` had it: at least so many. None of it where the kernel doesn't tell."""
    threads = [taken for pid in pids for taken in _threads(pid)]
    computed = sum(seconds for seconds, _ in threads)
    # While it waits for one of its own that one computes: that is no fault of the host's.
    waits = [waited - (computed - own) for own, waited in threads]
    return max([0.0, *waits])


def _threads(pid: int) -> list[tuple[float, float]]:
    """Return for how many seconds each thread computed, and was ready to without a core."""
    found = []
    for stat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError, ValueError):
            computed, waited, _ = map(int, stat.read_text().split())
            found.append((computed / 1e9, waited / 1e9))
    return found


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
