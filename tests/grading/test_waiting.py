"""Who waits inside a grading hears that the run was cancelled, and leaves the queue."""

from __future__ import annotations

import json
import socket
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from grading.engine import Cancelled, Engine
from grading.grader_connection import GraderConnection
from grading.runs import HandedBack
from grading.sandboxes.base import Limits
from grading.sandboxes.pool import Pool

SOON_S = 10.0


class Never:
    """A backend whose sandboxes take longer than anybody waits."""

    disturbs_timing = True

    def start(self, limits: Limits) -> Any:
        self.reader, _ = socket.socketpair()
        return SimpleNamespace(reader=self.reader.fileno(), kill=self.reader.close)

    def close(self) -> None:
        pass


def engine_with(pool: Any) -> Engine:
    return Engine(pool, None, None, None, timing_core=0)  # type: ignore[arg-type]


def fail_with(error: Exception) -> Any:
    asked = time.monotonic() + 0.1

    def check() -> None:
        if time.monotonic() > asked:
            raise error

    return check


@pytest.mark.parametrize("error", [Cancelled(), HandedBack()])
def test_the_queue_for_the_timing_core_is_left_at_once(error: Exception) -> None:
    engine = engine_with(SimpleNamespace(keep_quiet=lambda cpus: None))
    engine.begin_timing([], check=lambda: None)
    with pytest.raises(type(error)):
        engine.begin_timing([], check=fail_with(error))
    engine.end_timing()
    engine.begin_timing([], check=fail_with(error))  # it is free: nobody who left holds it


def test_the_queue_for_a_sandbox_is_left_at_once() -> None:
    pool = Pool(Never(), 1)
    started = time.monotonic()
    try:
        with pytest.raises(Cancelled):
            pool.take(Limits(), check=fail_with(Cancelled()))
        assert time.monotonic() - started < SOON_S
    finally:
        pool.close()


def test_a_grader_is_heard_on_descriptors_beyond_those_that_select_knows(
    high_descriptors: int,
) -> None:
    ours, theirs = socket.socketpair()
    assert ours.fileno() >= high_descriptors
    grader: Any = SimpleNamespace(line=ours)
    connection = GraderConnection(engine_with(None), grader, Limits(), fail_with(Cancelled()))
    said = {"event": "Graded", "more_follows": False}
    threading.Timer(0.0, theirs.sendall, [json.dumps(said).encode() + b"\n"]).start()
    assert list(connection.messages(time.monotonic() + SOON_S)) == [said]
    ours.close()
    theirs.close()


def test_a_grader_that_ends_with_the_last_answer_is_no_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, theirs = socket.socketpair()
    send = socket.send_fds

    def hang_up_at_once(*arguments: Any) -> int:
        sent = send(*arguments)
        theirs.close()
        return sent

    monkeypatch.setattr(socket, "send_fds", hang_up_at_once)
    grader: Any = SimpleNamespace(line=ours)
    GraderConnection(engine_with(None), grader, Limits(), lambda: None).tell({"pinned": False})
    ours.close()
