"""Run a whole notebook once, or lines beside a solution, for the learner to see.

No verdict depends on it.

There is no Jupyter kernel: that is a second process with five sockets beside the untrusted code,
and a protocol in which the code under test could forge what it likes. The agent runs a cell as it
runs everything else, so the boundary, its limits and its messages stay the same ones. What is lost
is rich output and IPython's own syntax: cells with such lines are passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from curriculum.bilingual import TextDocument
from curriculum.notebooks import magic_line
from grading import messages
from grading.grader.faults import Fault
from grading.grader.subject import Subject
from grading.remote.meter import TotalTimeLimit
from grading.report import NotebookRun
from sandbox.agent.loader import CELL
from sandbox.errors import RemoteError
from sandbox.stream import DeadlineExceeded, Disconnected
from sandbox.wire import ProtocolError
from submissions.verdicts import OutcomeKind

if TYPE_CHECKING:
    from grading.grader.session import Session

MAX_RESULT_CHARS = 10_000
MAX_TOTAL_CHARS = 200_000


def run_notebook(session: Session) -> NotebookRun:
    """Run the spec's cells in a fresh sandbox, up to the first that fails."""
    subject = session.fresh_subject()
    cells: list[dict[str, Any]] = []
    left = MAX_TOTAL_CHARS
    for number, source in enumerate(session.spec.cells, 1):
        if (found := magic_line(source)) is not None:
            cells.append(_cell("", "", messages.shown(messages.ipython_only(*found))))
            continue
        result, fault = _run_cell(session, subject, "run_cell", source, f"{CELL}{number}")
        output = session.output_of(subject.peer)[:left]
        result = result[: left - len(output)]
        left -= len(output) + len(result)
        cells.append(_cell(output, result, messages.shown(fault.message) if fault else None))
        if fault:
            break
    return NotebookRun(cells)


def try_lines(session: Session) -> tuple[NotebookRun, Fault | None]:
    """Run the learner's lines with their solution in scope, as if they were one cell."""
    result, fault = _run_cell(session, session.subject, "try_lines", session.spec.probe)
    output = session.output_of(session.subject.peer)
    error = messages.shown(fault.message) if fault else None
    return NotebookRun([_cell(output, result, error)]), fault


def _run_cell(
    session: Session, subject: Subject, operation: str, *payload: str
) -> tuple[str, Fault | None]:
    if session.run_time.over:
        return "", _out_of_time(session)
    try:
        result = _shown(subject.begin_test(session.spec.test_s).request(operation, *payload))
    except (RemoteError, DeadlineExceeded, Disconnected, ProtocolError) as error:
        late = isinstance(error, TotalTimeLimit)
        return "", _out_of_time(session) if late else session.fault_of(subject, error)
    return result, session.fault_of(subject, None)


def _cell(output: str, result: str, error: TextDocument | None) -> dict[str, Any]:
    return {"output": output, "result": result, "error": error}


def _shown(value: Any) -> str:
    if type(value) is not str:
        raise ProtocolError("a cell's result is no text")
    return messages.clean(value, MAX_RESULT_CHARS)


def _out_of_time(session: Session) -> Fault:
    return Fault(OutcomeKind.TIME_LIMIT, messages.notebook_limit(session.spec.total_s))
