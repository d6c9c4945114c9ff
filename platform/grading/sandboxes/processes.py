"""What is asked of, and done to, processes of a sandbox from outside."""

from __future__ import annotations

import contextlib
import os
import select
import signal
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


def pin(pids: Iterable[int], cpus: set[int]) -> None:
    """Put every thread of ``pids`` on ``cpus``; those that are gone are left out."""
    for pid in pids:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), cpus)


def freeze(pids: Callable[[], list[int]]) -> None:
    """Stop what ``pids`` returns, and what was forked meanwhile."""
    stopped: set[int] = set()
    while new := set(pids()) - stopped:
        send(new, signal.SIGSTOP)
        stopped |= new


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to ``pids``; those that are gone are left out."""
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, number)
