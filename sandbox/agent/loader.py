"""Turn a learner's text into a module, and an exception into the lines that they wrote."""

from __future__ import annotations

import io
import linecache
import sys
import traceback
from types import ModuleType

from sandbox.errors import Frame

MODULE = "submission"
FILENAME = "submission.py"
CELL = "cell "
"""What the names of a notebook's cells begin with, in place of a file name."""
TRY = "try"
"""The name of the lines that a learner tries beside their solution."""


def load(source: str) -> ModuleType:
    """Run ``source`` as the module ``submission``, as Python imports a file of that text.

    Whatever it raises is raised.
    """
    source = source.removeprefix("\N{BYTE ORDER MARK}")
    if "\0" in source:
        before = lines_of(source[: source.index("\0")] + "\0")
        place = (FILENAME, len(before), len(before[-1]), None)
        raise SyntaxError("the text contains a NUL character", place)
    remember(source, FILENAME)
    module = ModuleType(MODULE)
    module.__file__, module.__package__ = FILENAME, ""
    sys.modules[MODULE] = module
    # This file's own __future__ imports aren't the learner's.
    exec(compile(source, FILENAME, "exec", dont_inherit=True), module.__dict__)
    return module


def remember(source: str, name: str) -> None:
    """Let tracebacks and ``inspect`` find the lines of ``source`` under ``name``."""
    linecache.cache[name] = (len(source), None, lines_of(source), name)


def lines_of(source: str) -> list[str]:
    """Return the lines that Python sees: ``str.splitlines`` also breaks at form feeds and more."""
    return io.StringIO(source, newline=None).readlines()


def own_frames(error: BaseException) -> list[Frame]:
    """Return the frames of ``error`` that are in the learner's file or cells, outermost first."""
    frames = [
        (frame.lineno or 0, _name(frame)[:200], (frame.line or "")[:200])
        for frame in traceback.extract_tb(error.__traceback__)
        if _is_own(frame.filename)
    ]
    if isinstance(error, SyntaxError) and _is_own(error.filename):
        text = (error.text or "").rstrip("\n")[:200]
        frames.append((error.lineno or 0, f"column {error.offset or 0}", text))
    return frames


def _is_own(filename: str | None) -> bool:
    return filename is not None and (filename in {FILENAME, TRY} or filename.startswith(CELL))


def _name(frame: traceback.FrameSummary) -> str:
    if frame.filename == FILENAME:
        return frame.name
    return frame.filename if frame.name == "<module>" else f"{frame.filename}, {frame.name}"
