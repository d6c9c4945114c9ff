"""Print docs/submission-states.md, made of the table of moves."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import override

from submissions.states import FINAL, TRANSITIONS, State

_HEAD = """\
# The states of a grading run

Made of `TRANSITIONS` in `platform/submissions/states.py`:
`manage.py state_diagram > docs/submission-states.md`. Only `services.moves.move` writes a state.

```mermaid
stateDiagram-v2
"""


def document() -> str:
    """Return the text."""
    with override("en"):
        lines = [f"    [*] --> {State.QUEUED}: submitted, or regraded"]
        for source, moves in TRANSITIONS.items():
            lines += [f"    {source} --> {target}: {why}" for target, why in moves.items()]
        lines += [f"    {state} --> [*]" for state in State if state in FINAL]
        rows = [f"| `{state}` | {state.label} |" for state in State]
    table = "\n".join(["| state | on the page |", "| --- | --- |", *rows])
    return _HEAD + "\n".join(lines) + f"\n```\n\n{table}\n"


class Command(BaseCommand):
    """Print the diagram."""

    help = __doc__

    def handle(self, **_: Any) -> None:
        self.stdout.write(document(), ending="")
