"""From what went wrong in a test to the verdict's words and what the learner is told."""

from __future__ import annotations

from typing import NamedTuple

from grading import messages
from grading.checks import CheckFailed
from grading.messages import Text
from grading.remote.peer import GraderPeer
from sandbox.errors import RemoteError
from sandbox.stream import DeadlineExceeded, Disconnected
from sandbox.wire import ProtocolError, Unsendable


class TooSlow(CheckFailed):
    """The submission is right, but slower than it may be."""


class TotalTimeExceeded(Exception):
    """The run's time is up before this test began."""


class Fault(NamedTuple):
    """A failed test: the verdict that it alone would get, and the message."""

    kind: str
    message: Text


class Limits(NamedTuple):
    """The limits that messages name."""

    test_s: float
    total_s: float
    memory_mib: int


_CAUSES = {"memory": "memory_limit", "output": "output_limit", "processes": "process_limit"}


def of_sandbox(peer: GraderPeer, reason: str, limits: Limits) -> Fault | None:
    """Return what ended the sandbox, if anything did, whatever the test made of it."""
    if peer.overflowed:
        return Fault("output_limit", messages.OUTPUT_LIMIT)
    fault = peer.fault
    if fault is None:
        return None
    if isinstance(fault, DeadlineExceeded):
        return Fault("time_limit", messages.time_limit(limits.test_s))
    if isinstance(fault, ProtocolError):
        return Fault("protocol_error", messages.PROTOCOL)
    if isinstance(fault, Disconnected):
        return _ended(reason, limits)
    return None


def _ended(reason: str, limits: Limits) -> Fault:
    if reason == "memory":
        return Fault("memory_limit", messages.memory_limit(limits.memory_mib))
    if reason == "process_limit":
        return Fault("process_limit", messages.PROCESS_LIMIT)
    return Fault("runtime_error", messages.ENDED)


def of_remote(error: RemoteError, limits: Limits) -> Fault:
    """Return what an exception of the learner's code means."""
    if error.type_name == "Unsendable":
        return Fault("wrong_answer", messages.unsendable(error.message))
    if error.type_name in {"SyntaxError", "IndentationError", "TabError"} and any(
        name.startswith("column ") for _, name, _ in error.frames
    ):
        return Fault("syntax_error", messages.syntax(error))
    message = {
        "memory": messages.memory_limit(limits.memory_mib),
        "output": messages.OUTPUT_LIMIT,
        "processes": messages.PROCESS_LIMIT,
    }.get(error.cause)
    if message is None:
        return Fault("runtime_error", messages.raised(error))
    return Fault(_CAUSES[error.cause], message)


def of_test(error: BaseException, peer: GraderPeer | None, limits: Limits) -> Fault:
    """Return what an exception out of a test means, when the sandbox is still well."""
    last_call = peer.last_call if peer else None
    if isinstance(error, TotalTimeExceeded):
        return Fault("time_limit", messages.total_limit(limits.total_s))
    if isinstance(error, RemoteError):
        return of_remote(error, limits)
    if isinstance(error, TooSlow):
        return Fault("too_slow", error.text)
    if isinstance(error, CheckFailed):
        return Fault("wrong_answer", error.text)
    if isinstance(error, AssertionError):
        return Fault("wrong_answer", messages.wrong(last_call))
    if isinstance(error, Unsendable):
        raise error  # the grader's own mistake, not the learner's
    return Fault("wrong_answer", messages.unusable(last_call))
