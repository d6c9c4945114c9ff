"""What one grading showed: its events, how it ended, and the sandboxes that it used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from grading.report import Collected, Event, Finished, Graded
from tests.attacks.watch import Watched


@dataclass
class Seen:
    """One submission, graded."""

    events: list[Event] = field(default_factory=list)
    fault: str = ""
    seconds: float = 0.0
    sandboxes: list[Watched] = field(default_factory=list)

    @property
    def verdicts(self) -> list[Graded]:
        """Every verdict that was told; there must be exactly one."""
        return [event for event in self.events if isinstance(event, Graded)]

    @property
    def planned(self) -> int:
        """How many tests were announced."""
        return sum(len(event.tests) for event in self.events if isinstance(event, Collected))

    @property
    def finished(self) -> int:
        """How many tests ended."""
        return sum(isinstance(event, Finished) for event in self.events)

    @property
    def texts(self) -> list[str]:
        """Every text that a learner may get to see."""
        return [text for event in self.events for text in _texts(_shown(event))]

    def marked(self, mark: str) -> set[str]:
        """Return the lines of the learner's output that begin with ``mark``."""
        lines = (line for text in self.texts for line in text.split("\n"))
        return {line for line in lines if line.startswith(mark)}


def _shown(event: Event) -> Any:
    fields = asdict(event)
    # Timings and receipts are for staff.
    return {name: value for name, value in fields.items() if name not in {"timings", "receipt"}}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
