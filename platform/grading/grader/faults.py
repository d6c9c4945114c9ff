"""From what went wrong in a test to the verdict's words and what the learner is told."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from curriculum.bilingual import Text
from grading import messages, too_much
from grading.checks import CheckFailed, Compared, WrongType
from grading.grader.likeness import distance
from grading.remote.meter import TimeLimit, TotalTimeLimit
from grading.remote.peer import GraderPeer, PassedTooMuch
from sandbox.errors import RemoteError
from sandbox.stream import Disconnected
from sandbox.wire import ProtocolError
from submissions.verdicts import OutcomeKind


class TooSlow(CheckFailed):
    """The submission is right, but slower than it may be."""


class NotRun(Exception):
    """A test was not begun: ``kind`` is how it ends thereby, ``text`` says why.

    It says nothing of the sandbox, which may be an earlier test's.
    """

    def __init__(self, text: Text, kind: OutcomeKind = OutcomeKind.NOT_RUN) -> None:
        super().__init__(text.en)
        self.text, self.kind = text, kind


class OwnTimeExceeded(BaseException):
    """The test itself computed for too long, on whatever the submission gave it.

    No ``Exception``: a test that catches those isn't to catch this.
    """


class Disturbed(Exception):
    """One of the timed, number ``which``, computed while it was another's turn."""

    def __init__(self, which: int) -> None:
        super().__init__()
        self.which = which


class GraderFault(Exception):
    """Grading itself failed. Nobody's code is to blame but the author's, or ours."""


class Fault(NamedTuple):
    """A failed test: the verdict that it alone would get, and the message.

    ``hinted`` says that the author's hint, which is about values, is of use; ``compared`` what the
    check that failed looked at. One that ``stumbled`` was no check at all: is the test to blame?
    """

    kind: OutcomeKind
    message: Text
    hinted: bool = False
    compared: Compared | None = None
    stumbled: bool = False


class Limits(NamedTuple):
    """The limits that messages name."""

    total_s: float
    memory_mib: int


_CAUSES = {
    "memory": OutcomeKind.MEMORY_LIMIT,
    "output": OutcomeKind.OUTPUT_LIMIT,
    "processes": OutcomeKind.PROCESS_LIMIT,
}


def of_sandbox(peer: GraderPeer, reason: str, limits: Limits) -> Fault | None:
    """Return what ended the sandbox, if anything did, whatever the test made of it."""
    if peer.overflowed:
        return Fault(OutcomeKind.OUTPUT_LIMIT, messages.OUTPUT_LIMIT)
    fault = peer.fault
    if fault is None:
        return None
    if isinstance(fault, TimeLimit):
        say = messages.time_limit if fault.at_once else messages.calls_limit
        return Fault(OutcomeKind.TIME_LIMIT, say(fault.seconds))
    if isinstance(fault, TotalTimeLimit):
        return Fault(OutcomeKind.TIME_LIMIT, messages.total_limit(limits.total_s))
    if isinstance(fault, PassedTooMuch):
        return Fault(OutcomeKind.MEMORY_LIMIT, messages.PASSED_TOO_MUCH)
    if isinstance(fault, ProtocolError):
        return Fault(OutcomeKind.PROTOCOL_ERROR, messages.PROTOCOL)
    if isinstance(fault, Disconnected):
        return _ended(reason, limits)
    return None


def _ended(reason: str, limits: Limits) -> Fault:
    if reason == "memory":
        return Fault(OutcomeKind.MEMORY_LIMIT, messages.memory_limit(limits.memory_mib))
    if reason == "process_limit":
        return Fault(OutcomeKind.PROCESS_LIMIT, messages.PROCESS_LIMIT)
    return Fault(OutcomeKind.RUNTIME_ERROR, messages.ENDED)


def of_remote(error: RemoteError, limits: Limits) -> Fault:
    """Return what an exception of the learner's code means."""
    if error.type_name == "Unsendable":
        return Fault(OutcomeKind.WRONG_ANSWER, messages.unsendable(error.message))
    if error.type_name in {"SyntaxError", "IndentationError", "TabError"} and any(
        name.startswith("column ") for _, name, _ in error.frames
    ):
        return Fault(OutcomeKind.SYNTAX_ERROR, messages.syntax(error))
    message = {
        "memory": messages.memory_limit(limits.memory_mib),
        "output": messages.OUTPUT_LIMIT,
        "processes": messages.PROCESS_LIMIT,
    }.get(error.cause)
    if message is None:
        return Fault(OutcomeKind.RUNTIME_ERROR, messages.raised(error))
    return Fault(_CAUSES[error.cause], message)


def _of_check(error: CheckFailed, peer: GraderPeer | None) -> Fault:
    last_call, compared = (peer.last_call if peer else None), error.compared
    wrong_type = isinstance(error, WrongType)
    if wrong_type and last_call is not None and last_call.answer is None:
        return Fault(OutcomeKind.WRONG_ANSWER, messages.returned_none(last_call.name))
    text = error.text
    if peer is not None and compared is not None and compared.label is None:
        # What the check looked at may be something that the test made of the answers.
        answers = [answer for _, answer in peer.trace.entries]
        if last_call and not any(distance(compared.actual, answer) == 0 for answer in answers):
            text += messages.after(last_call)
    return Fault(OutcomeKind.WRONG_ANSWER, text, hinted=not wrong_type, compared=compared)


def _missing(error: BaseException) -> str:
    """Return which exceptions ``pytest.raises`` waited for in vain; nothing if it isn't that."""
    head, cut, names = str(error).partition("DID NOT RAISE ")
    if not isinstance(error, pytest.fail.Exception) or head or not cut:
        return ""
    return names.removeprefix("any of ").strip("()")


def out_of_memory(error: BaseException) -> bool:
    """Whether this process, not the sandbox, was refused memory."""
    told = isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    return told or isinstance(error, MemoryError)


def _overtaxed(error: BaseException) -> Fault | None:
    """Return what it means that an answer was too much for this process, if it was."""
    if isinstance(error, OwnTimeExceeded):
        return Fault(OutcomeKind.WRONG_ANSWER, too_much.TOO_MUCH_TO_CHECK, stumbled=True)
    if not isinstance(error, RemoteError) and out_of_memory(error):
        return Fault(OutcomeKind.MEMORY_LIMIT, too_much.TOO_MUCH_TO_HOLD, stumbled=True)
    return None


def _of_time(error: BaseException, limits: Limits) -> Fault | None:
    """Return what it means if it is about time: a limit, the clock, or speed."""
    if isinstance(error, TotalTimeLimit):
        return Fault(OutcomeKind.TIME_LIMIT, messages.total_limit(limits.total_s))
    if isinstance(error, Disturbed):
        return Fault(OutcomeKind.DISTURBED, messages.DISTURBED)
    if isinstance(error, TooSlow):
        return Fault(OutcomeKind.TOO_SLOW, error.text, hinted=True)
    return None


def of_test(error: BaseException, peer: GraderPeer | None, limits: Limits) -> Fault:
    """Return what an exception out of a test means, when the sandbox is still well."""
    last_call = peer.last_call if peer else None
    if isinstance(error, NotRun):
        return Fault(error.kind, error.text)
    if (overtaxed := _overtaxed(error)) is not None:
        return overtaxed
    if isinstance(error, RemoteError):
        return of_remote(error, limits)
    if (late := _of_time(error, limits)) is not None:
        return late
    if isinstance(error, CheckFailed):
        return _of_check(error, peer)
    if isinstance(error, AssertionError):
        return Fault(OutcomeKind.WRONG_ANSWER, messages.wrong(last_call), hinted=True)
    if last_call is not None and (missing := _missing(error)):
        message = messages.not_raised(missing, last_call.asked, last_call.result)
        return Fault(OutcomeKind.WRONG_ANSWER, message, hinted=True)
    if last_call is not None and last_call.answer is None and "NoneType" in str(error):
        return Fault(
            OutcomeKind.WRONG_ANSWER, messages.returned_none(last_call.name), stumbled=True
        )
    return Fault(OutcomeKind.WRONG_ANSWER, messages.unusable(last_call), stumbled=True)
