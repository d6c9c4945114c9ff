"""Where a grading run is, and what is thought of the code: two enums, one table of moves."""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class State(TextChoices):
    """Where a run is. A fault of ours is a state, never a verdict."""

    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Running")
    GRADED = "graded", _("Graded")
    ERRORED = "errored", _("Internal error")
    CANCELLED = "cancelled", _("Cancelled")


class Verdict(TextChoices):
    """The judgement of the code, in the judges' words."""

    ACCEPTED = "accepted", _("Accepted")
    PARTIALLY_ACCEPTED = "partially_accepted", _("Partially accepted")
    WRONG_ANSWER = "wrong_answer", _("Wrong answer")
    TOO_SLOW = "too_slow", _("Too slow")
    RUNTIME_ERROR = "runtime_error", _("Runtime error")
    SYNTAX_ERROR = "syntax_error", _("Syntax error")
    TIME_LIMIT = "time_limit", _("Time limit")
    MEMORY_LIMIT = "memory_limit", _("Memory limit")
    OUTPUT_LIMIT = "output_limit", _("Output limit")
    PROCESS_LIMIT = "process_limit", _("Process limit")
    PROTOCOL_ERROR = "protocol_error", _("Protocol error")
    RAN = "ran", _("Ran")


class OutcomeKind(TextChoices):
    """How one test stands or ended."""

    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    PASSED = "passed", _("Passed")
    NOT_RUN = "not_run", _("Not run")
    WRONG_ANSWER = "wrong_answer", _("Wrong answer")
    TOO_SLOW = "too_slow", _("Too slow")
    RUNTIME_ERROR = "runtime_error", _("Runtime error")
    SYNTAX_ERROR = "syntax_error", _("Syntax error")
    TIME_LIMIT = "time_limit", _("Time limit")
    MEMORY_LIMIT = "memory_limit", _("Memory limit")
    OUTPUT_LIMIT = "output_limit", _("Output limit")
    PROCESS_LIMIT = "process_limit", _("Process limit")
    PROTOCOL_ERROR = "protocol_error", _("Protocol error")


PASSING = frozenset({Verdict.ACCEPTED, Verdict.PARTIALLY_ACCEPTED})
"""With these every required test passed."""

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
