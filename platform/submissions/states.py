"""Where a grading run is, and what pages call what is thought of the code; one table of moves."""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from submissions.verdicts import OutcomeKind, Verdict


class State(TextChoices):
    """Where a run is. A fault of ours is a state, never a verdict."""

    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Running")
    GRADED = "graded", _("Graded")
    ERRORED = "errored", _("Internal error")
    CANCELLED = "cancelled", _("Cancelled")


LABELS = {
    "waiting": _("Waiting"),
    "running": _("Running"),
    "passed": _("Passed"),
    "not_run": _("Not run"),
    "ran": _("Ran"),
    "accepted": _("Accepted"),
    "partially_accepted": _("Partially accepted"),
    "wrong_answer": _("Wrong answer"),
    "too_slow": _("Too slow"),
    "runtime_error": _("Runtime error"),
    "syntax_error": _("Syntax error"),
    "time_limit": _("Time limit"),
    "memory_limit": _("Memory limit"),
    "output_limit": _("Output limit"),
    "process_limit": _("Process limit"),
    "protocol_error": _("Protocol error"),
    "disturbed": _("Disturbed the clock"),
}
"""What pages call verdicts, and the ends of tests."""

VERDICTS = [(verdict.value, LABELS[verdict.value]) for verdict in Verdict]
OUTCOME_KINDS = [(kind.value, LABELS[kind.value]) for kind in OutcomeKind]

TRANSITIONS: dict[State, dict[State, str]] = {
    State.QUEUED: {
        State.RUNNING: "claimed by a worker",
        State.CANCELLED: "cancelled by the learner",
    },
    State.RUNNING: {
        State.GRADED: "verdict",
        State.QUEUED: "lease expired, handed back, or a fault of ours",
        State.ERRORED: "attempts spent",
        State.CANCELLED: "cancelled by the learner",
    },
    State.GRADED: {},
    State.ERRORED: {},
    State.CANCELLED: {},
}
"""The moves that there are, each with its reason. docs/submission-states.md is made of it."""

FINAL = frozenset(state for state, moves in TRANSITIONS.items() if not moves)
ACTIVE = [state for state in State if state not in FINAL]
"""Where a run waits, or is at work."""


class InvalidTransition(Exception):
    """A bug of ours: the code asked for a move that the table doesn't have."""

    def __init__(self, source: State, target: State) -> None:
        super().__init__(f"{source} -> {target}")
