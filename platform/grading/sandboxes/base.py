"""What every sandbox backend offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

ENVIRONMENT = {
    "PATH": "/opt/python/bin:/usr/bin:/bin",
    "HOME": "/tmp",
    "USER": "learner",
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    # A heap for each thread would take the address limit for the number of threads.
    "MALLOC_ARENA_MAX": "2",
    # Memory stays with the process: giving it back and faulting it in again is noise in timings.
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "1073741824",
    "MALLOC_TOP_PAD_": "67108864",
}
"""All that the agent finds in its environment."""


@dataclass(frozen=True)
class Limits:
    """What a sandbox may use. Memory counts from the moment the agent is warm."""

    memory_mib: int = 1024
    processes: int = 64
    scratch_mib: int = 128


class SandboxUnavailable(Exception):
    """No sandbox can be started here; the text says why and what to do."""


class Sandbox(Protocol):
    """A started sandbox: a byte stream to the agent in it, and the means to end it."""

    @property
    def reader(self) -> int:
        """The descriptor on which the agent's bytes arrive."""

    @property
    def writer(self) -> int:
        """The descriptor on which bytes go to the agent."""

    def resize(self, memory_mib: int) -> None:
        """Change how much memory may be used."""

    def pin(self, cpus: set[int]) -> None:
        """Run on these cores only."""

    @property
    def freezes(self) -> bool:
        """Whether ``freeze`` can stop it, so that no signal of its own wakes it."""

    def freeze(self) -> bool:
        """Stop every process in it, until ``thaw``; return whether all stand still."""

    def thaw(self) -> None:
        """Let its processes go on."""

    def cpu_s(self) -> float | None:
        """Return how many seconds its processes have computed; None where nobody can tell."""

    def pids(self) -> list[int]:
        """Return its processes as this host numbers them; none where they aren't in view."""

    def alive(self) -> bool:
        """Return whether the agent still runs."""

    def exit_reason(self) -> str | None:
        """Return "memory" or "process_limit" when that limit ended it, else None."""

    def kill(self) -> None:
        """End every process in it and leave nothing behind. May be called twice."""

    def describe(self) -> dict[str, Any]:
        """Return what a receipt says of it."""


class Backend(Protocol):
    """A way to make sandboxes."""

    @property
    def disturbs_timing(self) -> bool:
        """Whether starting a sandbox takes so much that it disturbs who measures speed."""

    def start(self, limits: Limits) -> Sandbox:
        """Start a sandbox; it is warm once ``READY`` can be read from it.

        Raises:
            SandboxUnavailable: this host can't.
        """

    def close(self) -> None:
        """End what was started ahead of need."""
