"""How often the speed protocol errs: ``make bench-speed`` (BACKENDS="bubblewrap docker").

A/A: the reference handed in as the submission, TRIALS times with a limit of 1.05, idle and with as
many busy processes as there are cores. It is falsely slower when its whole interval lies above
1.02, falsely faster when it lies below 0.98. A/B: a submission that works 10 % and 25 % longer,
with a limit of 1: it is slower when it is judged too slow.

Prints a table and writes build/bench-speed.json.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TRIALS = int(os.environ.get("TRIALS", "300"))
POWER_TRIALS = int(os.environ.get("POWER_TRIALS", "100"))
BACKENDS = os.environ.get("BACKENDS", "bubblewrap docker").split()
MANIFEST = """\
kind = "function"
topic = "T1.1a"
order = 1
points = 1
minutes = 1
entry = ["product"]
title = { en = "Product", zh = "乘积" }
summary = { en = "Product.", zh = "乘积。" }
[limits]
total_s = 60
"""
TEST = """\
import torch
def test_speed(speed, torch_rng):
    speed.compare("product", lambda: (torch.randn(512, 96, generator=torch_rng),), limit={limit})
"""
WORK = """\
def product(x):
    for _ in range(20):
        y = x.T @ x
    return y
"""
SLOWER = """\
import time
def product(x):
    begin = time.perf_counter()
    for _ in range(20):
        y = x.T @ x
    end = time.perf_counter() + {share} * (time.perf_counter() - begin)
    while time.perf_counter() < end:
        pass
    return y
"""


_HOG = """
import os
parent = os.getppid()
while os.getppid() == parent:
    pass
"""


@dataclass(frozen=True)
class Condition:
    """One row of the table: so many trials of one source against the limit."""

    name: str
    source: str
    limit: float
    beyond: float
    trials: int
    busy: bool = False


CONDITIONS = [
    Condition("A/A, idle", WORK, 1.05, 1.02, TRIALS),
    Condition("A/A, busy", WORK, 1.05, 1.02, TRIALS, busy=True),
    Condition("10 % slower", SLOWER.format(share=0.10), 1.0, 1.0, POWER_TRIALS),
    Condition("25 % slower", SLOWER.format(share=0.25), 1.0, 1.0, POWER_TRIALS),
    Condition("10 % slower, busy", SLOWER.format(share=0.10), 1.0, 1.0, POWER_TRIALS, busy=True),
]


def main() -> None:
    """Measure on every backend that is asked for."""
    with tempfile.TemporaryDirectory(prefix="bench-speed-") as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "EXERCISES_DIR": f"{folder}/exercises",
            "GRADERS_DIR": f"{folder}/graders",
            "LOG_LEVEL": "ERROR",
        }
        sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]
        import django

        django.setup()
        found = {backend: _on(backend, Path(folder)) for backend in BACKENDS}
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "bench-speed.json").write_text(json.dumps(found, indent=2), encoding="utf-8")


def _on(backend: str, folder: Path) -> dict[str, Any]:
    from grading.setup import make_engine

    print(f"\n{backend:18} {'trials':>6} {'slower':>7} {'faster':>7} {'median':>7}", end="")
    print(f" {'1-99 %':>13} {'pairs':>6} {'seconds':>8}", flush=True)
    engine = make_engine(pool_size=4, backend=backend)
    try:
        return {each.name: _row(engine, each, folder) for each in CONDITIONS}
    finally:
        engine.close()


def _row(engine: Any, condition: Condition, folder: Path) -> dict[str, Any]:
    _lay_down(folder, condition.limit)
    with _busy() if condition.busy else contextlib.nullcontext():
        trials = [_trial(engine, condition.source, seed) for seed in range(condition.trials)]
    values = sorted(trial["value"] for trial in trials)
    tail = len(values) // 100
    row = {
        "trials": len(trials),
        "slower": sum(trial["low"] > condition.beyond for trial in trials) / len(trials),
        "faster": sum(trial["high"] < 0.98 for trial in trials) / len(trials),
        "median": statistics.median(values),
        "percentiles": [values[tail], values[-1 - tail]],
        "pairs": statistics.mean(len(trial["values"]) for trial in trials),
        "seconds": statistics.median(trial["seconds"] for trial in trials),
    }
    low, high = row["percentiles"]
    print(f"{condition.name:18} {len(trials):6} {row['slower']:7.1%} {row['faster']:7.1%}", end="")
    print(f" {row['median']:7.3f} {low:6.3f}-{high:6.3f}", end="")
    print(f" {row['pairs']:6.1f} {row['seconds']:8.2f}", flush=True)
    return row


def _lay_down(folder: Path, limit: float) -> None:
    public, secret = (folder / half / "01-test" / "product" for half in ("exercises", "graders"))
    for path in (public, secret):
        path.mkdir(parents=True, exist_ok=True)
    (public / "exercise.toml").write_text(MANIFEST, encoding="utf-8")
    (secret / "reference.py").write_text(WORK, encoding="utf-8")
    (secret / "test_hidden.py").write_text(TEST.format(limit=limit), encoding="utf-8")


def _trial(engine: Any, source: str, seed: int) -> dict[str, Any]:
    from grading.engine import Job
    from grading.report import Finished

    for event in engine.grade(Job("01-test/product", "hidden", source, seed)):
        if isinstance(event, Finished) and event.outcome.speed:
            return {**event.outcome.speed, "seconds": event.outcome.seconds}
    raise RuntimeError("a trial came to no measurement")


@contextlib.contextmanager
def _busy() -> Iterator[None]:
    hogs = [subprocess.Popen([sys.executable, "-c", _HOG]) for _ in os.sched_getaffinity(0)]
    time.sleep(1)
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


if __name__ == "__main__":
    main()
