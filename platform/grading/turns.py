"""Whose turn it is on the timing core: one sandbox runs, and the others are frozen."""

from __future__ import annotations

from collections.abc import Sequence

from grading.sandboxes.base import Sandbox

SLACK_S = 0.0002
"""A frozen group computes nothing at all. So much is left to how the kernel counts."""


class Turns:
    """The sandboxes that share the timing core.

    They are stopped by control groups, which no signal undoes. That they were is seen by the CPU
    time that each has had when its next turn begins. Those that can't be frozen run on.
    """

    def __init__(self, sandboxes: Sequence[Sandbox]) -> None:
        self.sandboxes = sandboxes
        self._stopped: dict[int, float | None] = {}

    def give(self, sandbox: Sandbox) -> list[Sandbox]:
        """Let only ``sandbox`` run; return those that ran, or may have, when they weren't to."""
        moved = []
        for other in self.sandboxes:
            if other is not sandbox and other.freezes and id(other) not in self._stopped:
                if not other.freeze():
                    moved.append(other)
                self._stopped[id(other)] = other.cpu_s()
        if id(sandbox) in self._stopped:
            before, now = self._stopped.pop(id(sandbox)), sandbox.cpu_s()
            if before is None or now is None or now - before > SLACK_S:
                moved.append(sandbox)
        sandbox.thaw()
        return moved
