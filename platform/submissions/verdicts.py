"""The judges' words, without Django: graders, which have none, say them too."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """The judgement of the code."""

    ACCEPTED = "accepted"
    PARTIALLY_ACCEPTED = "partially_accepted"
    WRONG_ANSWER = "wrong_answer"
    TOO_SLOW = "too_slow"
    RUNTIME_ERROR = "runtime_error"
    SYNTAX_ERROR = "syntax_error"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    PROCESS_LIMIT = "process_limit"
    PROTOCOL_ERROR = "protocol_error"
    DISTURBED = "disturbed"
    RAN = "ran"


class OutcomeKind(StrEnum):
    """How one test stands or ended: the words for how it failed are those of verdicts."""

    WAITING = "waiting"
    RUNNING = "running"
    PASSED = "passed"
    NOT_RUN = "not_run"
    WRONG_ANSWER = "wrong_answer"
    TOO_SLOW = "too_slow"
    RUNTIME_ERROR = "runtime_error"
    SYNTAX_ERROR = "syntax_error"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    PROCESS_LIMIT = "process_limit"
    PROTOCOL_ERROR = "protocol_error"
    DISTURBED = "disturbed"


PASSING = frozenset({Verdict.ACCEPTED, Verdict.PARTIALLY_ACCEPTED})
"""With these every required test passed."""
