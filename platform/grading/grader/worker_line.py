"""The grader process's line to the worker: events go out, sandboxes come in as descriptors."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grading.grader.job_spec import JobSpec
from grading.report import Event, to_json

_CHUNK = 1 << 16


@dataclass(frozen=True)
class Lease:
    """A sandbox lent to this grader: its number at the worker and the ends of its stream."""

    number: int
    reader: int
    writer: int


class WorkerLine:
    """JSON lines over a Unix socket; descriptors travel beside the line that announces them."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._buffer = b""
        self._descriptors: list[int] = []
        self.waited_s = 0.0
        """Seconds in which there was no sandbox, or no turn on the timing core."""

    def job_spec(self) -> JobSpec:
        """Wait for the job, the first thing that the worker sends."""
        return JobSpec.unpack(self._receive(), Path(tempfile.mkdtemp()))

    def emit(self, event: Event) -> None:
        """Tell the worker what happened."""
        self._send(to_json(event))

    def fault(self, message: str, *, memory: bool) -> None:
        """Tell the worker that grading itself failed, for want of ``memory`` or otherwise."""
        self._send({"event": "fault", "message": message, "memory": memory})

    def hang_up(self) -> None:
        """Say that nothing more comes, whoever else may hold this line open."""
        self._socket.shutdown(socket.SHUT_RDWR)

    def take(self) -> Lease:
        """Return a fresh sandbox."""
        return self._lease(self._wait({"ask": "sandbox"}))

    def exit_reason(self, lease: Lease) -> str:
        """Return why a sandbox died: "memory", "process_limit" or something else."""
        return str(self._ask({"ask": "reason", "number": lease.number})["reason"])

    def cpu_s(self, lease: Lease) -> float | None:
        """Return how many seconds a sandbox has computed so far; None where nobody can tell."""
        seconds: float | None = self._ask({"ask": "cpu", "number": lease.number})["seconds"]
        return seconds

    def delayed_s(self, lease: Lease) -> float:
        """Return how many seconds a sandbox waited for a core so far while others had it."""
        return float(self._ask({"ask": "delayed", "number": lease.number})["seconds"])

    def end(self, lease: Lease) -> None:
        """Have a sandbox ended that nobody needs any more, and hang up."""
        self._send({"ask": "end", "number": lease.number})
        for descriptor in (lease.reader, lease.writer):
            os.close(descriptor)

    def pin(self, leases: list[Lease]) -> None:
        """Put sandboxes on one core that no other timed run uses; wait until it is free."""
        self._wait({"ask": "pin", "numbers": [lease.number for lease in leases]})

    def turn(self, lease: Lease) -> list[int]:
        """Let only ``lease`` run, of those that are pinned; return the numbers of those that ran
        before when they weren't to."""
        moved: list[int] = self._ask({"ask": "turn", "number": lease.number})["moved"]
        return moved

    def give_way(self) -> None:
        """Let others have the core who wait for it; go on after them."""
        self._wait({"ask": "give_way"})

    def unpin(self) -> None:
        """Give the core back."""
        self._ask({"ask": "unpin"})

    def _lease(self, answer: dict[str, Any]) -> Lease:
        reader = self._descriptors.pop(0)
        writer = self._descriptors.pop(0)
        return Lease(answer["number"], reader, writer)

    def _wait(self, question: dict[str, Any]) -> dict[str, Any]:
        started = time.monotonic()
        answer = self._ask(question)
        self.waited_s += time.monotonic() - started
        return answer

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        self._send(question)
        return self._receive()

    def _send(self, message: dict[str, Any]) -> None:
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def _receive(self) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            data, descriptors, _, _ = socket.recv_fds(self._socket, _CHUNK, 8)
            if not data:
                raise SystemExit("the worker hung up")
            self._buffer += data
            self._descriptors += descriptors
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message
