"""A site of its own to submit to: database, curriculum, a worker of each backend."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
VERDICT_S = 120.0


def start() -> Any:
    """Set Django up, load the curriculum; return a learner."""
    sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]
    import django

    django.setup()
    from django.core.management import call_command

    from accounts.models import User

    call_command("migrate", verbosity=0)
    call_command("load_curriculum", stdout=open(os.devnull, "w"))  # noqa: SIM115
    return User.objects.create_user("bench")


def send(learner: Any, path: str, source: str, tests: str = "hidden") -> Any:
    """Submit to an exercise."""
    from curriculum.models import Exercise
    from submissions import services

    exercise = Exercise.objects.get(slug=Path(path).name)
    return services.submit(learner=learner, exercise=exercise, tests=tests, source=source)


def reference_of(path: str) -> str:
    """Return the model answer."""
    return (ROOT / "graders" / path / "reference.py").read_text("utf-8")


def graded(submission: Any) -> Any:
    """Wait for the verdict of ``submission``; return its run."""
    from submissions.models import GradingRun

    deadline = time.monotonic() + VERDICT_S
    while time.monotonic() < deadline:
        run = GradingRun.objects.get(submission=submission)
        if run.graded_at:
            return run
        time.sleep(0.02)
    raise SystemExit("no verdict came")


def seconds_of(run: Any) -> float:
    """Return the seconds from pressing the button to the verdict's row."""
    return float((run.graded_at - run.queued_at).total_seconds())


def backends() -> list[str]:
    """Return the kinds of sandboxes that this machine has."""
    from grading.sandboxes.base import SandboxUnavailable
    from grading.setup import BACKENDS, make_backend

    there = []
    for name in BACKENDS:
        try:
            make_backend(name)
        except SandboxUnavailable as error:
            print(f"{name} is left out: {error}")
        else:
            there.append(name)
    return there


@contextlib.contextmanager
def worker(backend: str) -> Iterator[None]:
    """Run a worker with sandboxes of one kind."""
    worker = subprocess.Popen(
        [
            *(sys.executable, "-m", "celery", "-A", "config", "-q", "worker", "--pool", "threads"),
            *("--concurrency", "2", "-Q", "cpu", "--without-gossip", "--without-mingle"),
        ],
        cwd=ROOT,
        env={**os.environ, "SANDBOX_BACKEND": backend},
        start_new_session=True,
    )
    try:
        yield
    finally:
        os.killpg(worker.pid, signal.SIGTERM)
        worker.wait()
