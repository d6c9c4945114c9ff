"""Exceptions as data: what one side raises, the other can catch by its builtin type."""

from __future__ import annotations

import builtins
import functools
from typing import Any

from sandbox.wire import ProtocolError

MAX_MESSAGE = 4000
MAX_FRAMES = 20

UNSHOWN = "unshown"
"""The cause of an exception whose own ``__str__`` fails."""

Frame = tuple[int, str, str]
"""Line number, function name and source line of one frame of the learner's own code."""


class RemoteError(Exception):
    """The other side raised. Also an instance of the builtin exception that was raised there."""

    def __init__(self, type_name: str, message: str, frames: list[Frame], cause: str) -> None:
        super().__init__(message)
        self.type_name, self.message, self.frames, self.cause = type_name, message, frames, cause


def describe(error: BaseException, frames: list[Frame], cause: str = "") -> list[Any]:
    """Return ``error`` as plain data; ``cause`` classifies it ("memory", "processes", ...).

    Raises nothing, whatever the class of ``error`` does: where its own ``__str__`` fails, the
    cause is ``UNSHOWN``.
    """
    message = message_of(error)
    if message is None:
        message, cause = "", cause or UNSHOWN
    classes = [cls for cls in type.mro(type(error)) if issubclass(cls, BaseException)]
    names = [class_name(cls) for cls in classes]
    trimmed = frames if len(frames) <= MAX_FRAMES else [*frames[:5], *frames[5 - MAX_FRAMES :]]
    return [
        names[:16],
        message,
        [[_line(number), _sendable(name), _sendable(line)] for number, name, line in trimmed],
        cause,
    ]


def message_of(error: BaseException) -> str | None:
    """Return what ``error`` says, cut to ``MAX_MESSAGE``; None when its ``__str__`` fails."""
    try:
        return _sendable(str(error))
    except BaseException:  # noqa: BLE001  (the learner's own __str__ may raise anything)
        return None


def class_name(cls: type) -> str:
    """Return the name of ``cls``, whatever its metaclass calls it."""
    name: str = type.__dict__["__name__"].__get__(cls)
    return name


def _line(number: Any) -> int:
    return number if type(number) is int and 0 <= number < 1 << 31 else 0


def _sendable(text: str) -> str:
    """Return a plain str without lone surrogates, of a length that a message may have."""
    cut = str.__getitem__(text, slice(MAX_MESSAGE))
    return cut.encode("utf-8", "replace").decode()


def rebuild(data: Any) -> RemoteError:
    """Make the exception that ``describe`` described.

    Raises:
        ProtocolError: ``data`` isn't such a description.
    """
    try:
        names, message, frames, cause = data
        texts = [*names, message, cause, *(text for _, *pair in frames for text in pair)]
        numbers = [number for number, _, _ in frames]
    except (TypeError, ValueError) as error:
        raise ProtocolError("a malformed exception") from error
    lists = type(names) is list and type(frames) is list
    if not lists or not names or not all(type(text) is str for text in texts):
        raise ProtocolError("a malformed exception")
    if len(numbers) > MAX_FRAMES or not all(type(number) is int for number in numbers):
        raise ProtocolError("a malformed traceback")
    builtin = next((name for name in names if _catchable(name)), "Exception")
    return _remote_class(builtin)(
        names[0][:100], message[:MAX_MESSAGE], [(n, f, s) for n, f, s in frames], cause
    )


def _catchable(name: str) -> bool:
    cls = getattr(builtins, name, None)
    special = (UnicodeError, BaseExceptionGroup, OSError)  # their constructors want more arguments
    # A StopIteration from afar would end a loop of the grader's as if all had been seen.
    silent = (StopIteration, StopAsyncIteration)
    return (
        isinstance(cls, type)
        and issubclass(cls, Exception)
        and not issubclass(cls, silent)
        and (cls in special or not issubclass(cls, special))
    )


@functools.cache
def _remote_class(builtin: str) -> type[RemoteError]:
    base = getattr(builtins, builtin)
    bases = (RemoteError,) if base is Exception else (RemoteError, base)
    return type(builtin, bases, {"__module__": __name__})
