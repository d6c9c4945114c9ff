"""Run a whole notebook once, for the learner to see; the verdict doesn't depend on it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from grading import messages
from grading.grader.faults import Fault
from grading.report import NotebookRun
from sandbox.errors import RemoteError
from sandbox.wire import DeadlineExceeded, Disconnected, ProtocolError

if TYPE_CHECKING:
    from grading.grader.session import Session

MAX_RESULT_CHARS = 10_000
MAX_TOTAL_CHARS = 200_000


def run_notebook(session: Session) -> NotebookRun:
    """Run the assignment's cells in a fresh sandbox, up to the first that fails."""
    subject = session.fresh_subject()
    cells: list[dict[str, Any]] = []
    left = MAX_TOTAL_CHARS
    for source in session.assignment.cells:
        result, fault = "", None
        try:
            if time.monotonic() > session.deadline:
                fault = _out_of_time(session)
            else:
                result = _shown(subject.begin_test().request("run_cell", source))
                fault = session.fault_of(subject, None)
        except (RemoteError, DeadlineExceeded, Disconnected, ProtocolError) as error:
            late = time.monotonic() > session.deadline
            fault = _out_of_time(session) if late else session.fault_of(subject, error)
        output = session.output_of(subject.peer)[:left]
        result = result[: left - len(output)]
        left -= len(output) + len(result)
        error_text = fault.message._asdict() if fault else None
        cells.append({"output": output, "result": result, "error": error_text})
        if fault:
            break
    return NotebookRun(cells)


def _shown(value: Any) -> str:
    if type(value) is not str:
        raise ProtocolError("a cell's result is no text")
    return messages.clean(value, MAX_RESULT_CHARS)


def _out_of_time(session: Session) -> Fault:
    return Fault("time_limit", messages.notebook_limit(session.assignment.total_s))
