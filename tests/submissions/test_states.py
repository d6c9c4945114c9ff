"""The diagram of states is made of the table of moves; verdicts are said in one place."""

from __future__ import annotations

import re
from pathlib import Path

from submissions.management.commands.state_diagram import document
from submissions.states import LABELS
from submissions.verdicts import OutcomeKind, Verdict

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "submission-states.md"
ENUMS = {"verdicts.py", "states.py"}
REASONS = {"process_limit"}
"""What a sandbox's backend says of its end, in the same words."""


def test_the_diagram_is_up_to_date() -> None:
    assert DOCUMENT.read_text("utf-8") == document(), "run the command that is named in it"


def test_how_a_test_fails_is_said_in_the_words_of_verdicts() -> None:
    ends = set(OutcomeKind) - {"waiting", "running", "passed", "not_run"}
    assert ends == set(Verdict) - {"accepted", "partially_accepted", "ran"}
    assert set(LABELS) == {*Verdict, *OutcomeKind}


def test_no_verdict_is_spelt_out_elsewhere() -> None:
    spelt = re.compile("|".join(f'"{verdict}"' for verdict in set(Verdict) - REASONS))
    files = [
        file
        for file in (ROOT / "platform").rglob("*.py")
        if "migrations" not in file.parts and file.name not in ENUMS
    ]
    assert len(files) > 100
    assert [file.name for file in files if spelt.search(file.read_text("utf-8"))] == []
