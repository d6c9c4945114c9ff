"""The diagram of states is made of the table of moves."""

from __future__ import annotations

from pathlib import Path

from submissions.management.commands.state_diagram import document

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "submission-states.md"


def test_the_diagram_is_up_to_date() -> None:
    assert DOCUMENT.read_text("utf-8") == document(), "run the command that is named in it"
