"""Grade one submission: a forked grader on this side, warm sandboxes on the other.

The engine imports neither torch nor pytest; it lives in the worker (or a command), lends
sandboxes to grader processes, and turns what they say into events.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from curriculum.manifest import Manifest, load_manifest
from curriculum.notebooks import AnswerMissing, NotebookError, answer_source, code_cells
from grading import blame, quiz
from grading.grader_connection import POLL_S, GraderConnection
from grading.grader_process import GraderEnded, InfrastructureError, Zygote
from grading.report import CaseResult, Event, Finished, Graded, from_json
from grading.sandboxes.base import Limits, Sandbox, SandboxUnavailable
from grading.sandboxes.gpus import Slot
from grading.sandboxes.pool import Pool
from grading.steadiness import DRIFT_SLACK, ReferenceTimes
from grading.turns import Turns
from submissions.verdicts import Verdict

log = logging.getLogger(__name__)

BUSY = 2.0
"""How many times its seconds the code of a submission may take in all, where the host is busy with
others; and where speed is measured at length, for which nobody waits."""
RUN_S, RUN_TEST_S = 15.0, 8.0
"""What the visible tests may take in all, and each: whoever pressed Run sits there and waits."""
OWN_S = 60.0
"""What a grader may take for itself. One that takes longer hangs, in a test that never ends."""


class Cancelled(Exception):
    """The run was cancelled while it was being graded."""


@dataclass(frozen=True)
class Job:
    """What to grade. ``exercise`` is "<stage>/<slug>", ``tests`` is "visible", "hidden" or "try".

    If it is to be ``exact`` only tests of speed are run, as rankings need it: at length, and giving
    way to others. So it is with a ``rival``, another submission's source, against which speed is
    then measured. "try" runs ``probe`` alone, lines of the learner's with their solution in scope.
    With ``drifts`` this machine's clock can't be trusted.
    """

    exercise: str
    tests: str
    source: str
    seed: int
    version: str = ""
    rival: str = ""
    exact: bool = False
    probe: str = ""
    drifts: bool = False


class Engine:
    """Grades jobs, any number of them at once from different threads."""

    def __init__(
        self,
        pool: Pool,
        zygote: Zygote,
        exercises: Path,
        graders: Path,
        timing_core: int,
        gpu: Slot | None = None,
    ) -> None:
        self.gpu = gpu
        self._pool, self._zygote = pool, zygote
        self._exercises, self._graders = exercises, graders
        # Speed is measured on one core, by one grader at a time; everybody else keeps off it.
        self._timing_core = timing_core
        self._timing = threading.Lock()
        self._turns = Turns([])
        self._cores = os.sched_getaffinity(0)
        self._waiting_to_time = 0
        self._reference_times = ReferenceTimes()
        self._connections: set[GraderConnection] = set()
        self._placing = threading.Lock()

    def close(self) -> None:
        """End the fork server and every sandbox."""
        self._zygote.close()
        self._pool.close()

    def grade(self, job: Job, cancelled: Callable[[], bool] = lambda: False) -> Iterator[Event]:
        """Yield what happens: the verdict, and after it what explains it, where anything does.

        Raises:
            Cancelled: ``cancelled()`` became true.
            InfrastructureError, SandboxUnavailable: grading failed for a reason of ours.
        """
        manifest = load_manifest(self._exercises / job.exercise / "exercise.toml")
        if manifest.kind == "quiz":
            yield from quiz.grade(self._graders / job.exercise / "answers.toml", job.source)
            return
        started = time.monotonic()
        try:
            spec = self._job_spec(job, manifest)
        except NotebookError as error:
            missing = isinstance(error, AnswerMissing)
            kind = Verdict.RUNTIME_ERROR if missing else Verdict.SYNTAX_ERROR
            yield Graded(kind, 0, 0, error.text.document())
            return
        if manifest.gpu == "required" and self.gpu is None:
            raise SandboxUnavailable("this exercise needs a worker with a GPU (SANDBOX_GPU)")

        def check() -> None:
            if cancelled():
                raise Cancelled

        with contextlib.ExitStack() as stack:
            if manifest.gpu != "none" and self.gpu is not None:
                stack.enter_context(self.gpu.lease(check))
                spec["gpu_mib"] = manifest.limits.gpu_mib
            yield from self._run(spec, job, started, check)

    def _run(
        self, spec: dict[str, Any], job: Job, started: float, check: Callable[[], None]
    ) -> Iterator[Event]:
        seen = list[Event]()
        try:
            with self._connected(spec, check) as connection:
                for event in self._events(connection, spec):
                    if isinstance(event, Finished):
                        self._examine_speed(job, event.outcome, connection)
                    seen.append(self._complete(event, job, connection, started))
                    yield seen[-1]
        except GraderEnded as ended:
            ours = spec["exact"] or not connection.grader.server.alive()
            if ours or not self._gets_through(blame.of_model_answer(spec), check):
                raise
            log.warning("grade.blamed kind=%s error=%s", ended.kind, ended)
            for event in blame.conclude(seen, ended):
                yield self._complete(event, job, connection, started)

    @contextlib.contextmanager
    def _connected(
        self, spec: dict[str, Any], check: Callable[[], None]
    ) -> Iterator[GraderConnection]:
        """Fork a grader that has all it asks for, until it is left."""
        with contextlib.ExitStack() as stack:
            grader = self._zygote.fork()
            stack.callback(grader.close)
            limits = Limits(memory_mib=spec["memory_mib"])
            connection = GraderConnection(self, grader, limits, check)
            stack.callback(connection.close)
            with self._placing:
                self._connections.add(connection)
            stack.callback(self._forget, connection)
            yield connection

    def _events(self, connection: GraderConnection, spec: dict[str, Any]) -> Iterator[Event]:
        connection.tell(spec)
        deadline = time.monotonic() + spec["most_s"] + OWN_S
        yield from map(from_json, connection.messages(deadline))

    def _gets_through(self, spec: dict[str, Any], check: Callable[[], None]) -> bool:
        """Return whether a grader comes to a verdict on ``spec``."""
        try:
            with self._connected(spec, check) as connection:
                return any(isinstance(event, Graded) for event in self._events(connection, spec))
        except (InfrastructureError, SandboxUnavailable):
            return False

    def _examine_speed(self, job: Job, outcome: CaseResult, connection: GraderConnection) -> None:
        """Note in a measurement whether this machine was itself, and all stood still in turn."""
        if (speed := outcome.speed) is not None:
            test = f"{job.exercise}@{job.version} {outcome.name}"
            speed["doubtful"] = self._reference_times.doubts(test, speed)
            speed["drifts"] = job.drifts and speed["kind"] == "ratio"
            speed["unranked"] = not all(s.freezes for s in connection.sandboxes.values())

    def _job_spec(self, job: Job, manifest: Manifest) -> dict[str, Any]:
        public, secret = self._exercises / job.exercise, self._graders / job.exercise
        hidden = job.tests == "hidden"
        tests = None if job.tests == "try" else public / "test_visible.py"
        if hidden:
            tests = secret / "test_hidden.py"
        mistakes = sorted(secret.glob("wrong_answer/*.py")) if hidden else []
        files = {tests.name: tests.read_text("utf-8")} if tests else {}
        answer = (secret / "reference.py").read_text("utf-8") if tests else ""
        if hidden:
            files["reference.py"] = answer
        files |= {f"mistakes/{path.name}": path.read_text("utf-8") for path in mistakes}
        source, rival, cells = job.source, job.rival, list[str]()
        if manifest.kind == "notebook":
            starter = (public / "starter.ipynb").read_text("utf-8")
            cells = code_cells(job.source)
            source = answer_source(job.source, starter)
            rival = rival and answer_source(rival, starter)
        exact, most_s = job.exact or bool(rival), manifest.limits.total_s * BUSY
        return {
            "source": source,
            "rival": rival,
            "exact": exact,
            "cells": cells,
            "files": files,
            "tests": tests.name if tests else None,
            "probe": job.probe,
            "entry": list(manifest.entry) if tests else [],
            "seed": job.seed,
            "total_s": (most_s if exact else manifest.limits.total_s) if hidden else RUN_S,
            "most_s": most_s if hidden else RUN_S,
            "test_s": manifest.limits.test_s if hidden else min(manifest.limits.test_s, RUN_TEST_S),
            "memory_mib": manifest.limits.memory_mib,
            "gpu_mib": 0,
            "model_answer": answer,
            "reference": "reference.py" if hidden else None,
            "mistakes": [f"mistakes/{path.name}" for path in mistakes],
            "speed_limit": manifest.speed.limit if manifest.speed else None,
            "speed_slack": DRIFT_SLACK if job.drifts else 1.0,
        }

    def _complete(
        self, event: Event, job: Job, connection: GraderConnection, started: float
    ) -> Event:
        """Add to a verdict what the grader doesn't know: how long all took, and the receipt."""
        if not isinstance(event, Graded):
            return event
        total = time.monotonic() - started
        timings = {**event.timings, **connection.waited, "total": total}
        receipt = {
            "exercise": job.exercise,
            "version": job.version,
            "tests": job.tests,
            "seed": job.seed,
            "host": os.uname().nodename,
            "sandbox": connection.first_sandbox,
        }
        return replace(event, timings=timings, receipt=receipt)

    def take(self, limits: Limits, connection: GraderConnection) -> Sandbox:
        """Return a fresh sandbox of the pool, which is now of ``connection``."""
        sandbox = self._pool.take(limits, check=connection.check)
        with self._placing:
            connection.sandboxes[connection.lent] = sandbox
            sandbox.pin(self._free_cores())
        return sandbox

    def end(self, number: int, connection: GraderConnection) -> threading.Thread:
        """Kill a sandbox of ``connection`` that it needs no more; whoever wants to know when it is
        gone joins the thread. What it left in the kernel may take seconds to go: nobody's verdict
        is to wait for that."""
        with self._placing:
            sandbox = connection.sandboxes.pop(number)
        thread = threading.Thread(target=sandbox.kill, name="sandbox-end", daemon=True)
        thread.start()
        return thread

    def begin_timing(self, timed: list[Sandbox], check: Callable[[], None]) -> None:
        """Wait for the timing core; give it to ``timed`` and keep all others off it.

        ``check`` is called now and then, and raises when nobody waits for the run any more.
        """
        with self._placing:
            self._waiting_to_time += 1
        try:
            while not self._timing.acquire(timeout=POLL_S):
                check()
        finally:
            with self._placing:
                self._waiting_to_time -= 1
        try:
            self._place(timed)
            self._pool.keep_quiet(self._free_cores())
            os.sched_setaffinity(0, self._free_cores())  # this thread, which hands out the turns
        except BaseException:
            self.end_timing()
            raise

    def timing_is_wanted(self) -> bool:
        """Return whether somebody waits for the timing core."""
        return self._waiting_to_time > 0

    def turn(self, sandbox: Sandbox) -> list[Sandbox]:
        """Let only ``sandbox`` run, of those on the timing core; return those that ran before
        when they weren't to."""
        return self._turns.give(sandbox)

    def end_timing(self) -> None:
        """Give the timing core back, whatever went wrong on it: others wait for it."""
        with contextlib.ExitStack() as stack:
            stack.callback(self._timing.release)
            stack.callback(self._pool.keep_quiet, None)
            stack.callback(os.sched_setaffinity, 0, self._cores)
            stack.callback(self._place, [])
            for sandbox in self._turns.sandboxes:
                stack.callback(sandbox.thaw)

    def _free_cores(self) -> set[int]:
        cores = self._cores
        return (cores - {self._timing_core} if self._turns.sandboxes else cores) or cores

    def _forget(self, connection: GraderConnection) -> None:
        """Nobody places what is about to end."""
        with self._placing:
            self._connections.discard(connection)

    def _place(self, timed: list[Sandbox]) -> None:
        with self._placing:
            self._turns = Turns(timed)
            free = self._free_cores()
            for connection in self._connections:
                connection.grader.pin(free)
                for sandbox in connection.sandboxes.values():
                    sandbox.pin({self._timing_core} if sandbox in timed else free)
