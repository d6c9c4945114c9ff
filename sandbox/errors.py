"""Exceptions as data: what one side raises, the other can catch by its builtin type."""

from __future__ import annotations

import builtins
import functools
from typing import Any

from sandbox.wire import ProtocolError

MAX_MESSAGE = 4000
MAX_FRAMES = 20

Frame = tuple[int, str, str]
"""Line number, function name and source line of one frame of the learner's own code."""


class RemoteError(Exception):
    """The other side raised. Also an instance of the builtin exception that was raised there."""

    def __init__(self, type_name: str, message: str, frames: list[Frame], cause: str) -> None:
        super().__init__(message)
        self.type_name, self.message, self.frames, self.cause = type_name, message, frames, cause


def describe(error: BaseException, frames: list[Frame], cause: str = "") -> list[Any]:
    """Return ``error`` as plain data; ``cause`` classifies it ("memory", "processes", ...)."""
    try:
        message = str(error)
    except Exception:  # noqa: BLE001  (a hostile __str__)
        message = ""
    names = [cls.__name__ for cls in type(error).__mro__ if issubclass(cls, BaseException)]
    trimmed = frames if len(frames) <= MAX_FRAMES else [*frames[:5], *frames[5 - MAX_FRAMES :]]
    return [names[:16], message[:MAX_MESSAGE], [list(frame) for frame in trimmed], cause]


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
    if not names or not all(type(text) is str for text in texts):
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
