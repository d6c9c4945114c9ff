"""Grading against running the same tests by hand, in turn, in one run: ``make bench``.

Three figures a round, on the attention exercise's reference:

- submit to verdict: from ``services.submit`` to the verdict's row, through Redis, a Celery worker
  and a warm sandbox (of each backend that this machine has);
- by hand: ``python -m pytest`` on the same tests, in a fresh process;
- floor: the same in a fork of a process that already has torch and pytest.

Then streams of one submission a second to each backend: of one exercise without a speed test, of
all that are answered with a file of code in turn, and of attention alone, whose speed is measured
each time. How long does a grading wait for sandboxes, and for the core where speed is measured,
which serves one at a time?

Prints a table and writes build/bench.json. Only ratios and differences travel between machines.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.run import own_redis

ROOT = Path(__file__).resolve().parents[1]
EXERCISE = "03-llms/scaled-dot-product-attention"
REFERENCE = ROOT / "graders" / EXERCISE / "reference.py"
STREAMS = {
    "untimed": ["07-multimodal/clip-loss"],
    "all code in turn": sorted(
        str(path.parent.relative_to(ROOT / "exercises"))
        for path in ROOT.glob("exercises/*/*/starter.py")
    ),
    "timed": [EXERCISE],
}
ROUNDS = int(os.environ.get("ROUNDS", "7"))
STREAM = int(os.environ.get("STREAM", "30"))
"""Submissions in each stream."""
IDLE_S = float(os.environ.get("IDLE_S", "8"))
"""Seconds between two rounds, in which the pool gets warm again."""
VERDICT_S = 120.0
_BY_HAND = """
import importlib.util
import numpy as np, pytest, torch

def load(path):
    spec = importlib.util.spec_from_file_location("m", path)
    module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module); return module

@pytest.fixture(scope="session")
def submission(): return load({reference!r})

@pytest.fixture(scope="session")
def reference(): return load({reference!r})

@pytest.fixture
def rng(): return np.random.default_rng(1)

@pytest.fixture
def torch_rng(): return torch.Generator().manual_seed(1)

class Speed:
    def compare(self, name, make_inputs, limit=None):
        function = getattr(load({reference!r}), name)
        for inputs in [make_inputs() for _ in range(9)]:  # one batch of pairs, as the grader does
            function(*inputs); function(*inputs)

@pytest.fixture
def speed(): return Speed()

def pytest_configure(config):
    for name in ("title", "hint", "points", "stretch"): config.addinivalue_line("markers", name)
"""
_FORKING = """
import gc, os, sys, time
import numpy, pytest, torch, torch.testing
torch.set_num_threads(1)
gc.freeze()
print("ready", flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    if (pid := os.fork()) == 0:
        null = os.open(os.devnull, os.O_RDWR); os.dup2(null, 1); os.dup2(null, 2)
        options = ["-q", "-p", "no:cacheprovider", "-p", "no:unraisableexception"]
        os._exit(pytest.main([*options, line.strip()]))
    assert os.waitpid(pid, 0)[1] == 0, "the tests failed"
    print(time.perf_counter() - start, flush=True)
"""


def main() -> None:
    """Measure and report."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        os.environ |= {
            "DATA_DIR": folder,
            "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
            "SANDBOX_RUNTIME_DIR": str(ROOT / "var" / "runtime"),
            "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}",
            "PYTHONWARNINGS": "ignore",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "LOG_LEVEL": "ERROR",
            "SUBMISSIONS_MAX_WAITING": "1000",
        }
        Path(folder).chmod(0o755)
        tests = _tests_by_hand(Path(folder, "tests"))
        with own_redis(), _forking_process() as floor:
            learner = _site()
            seconds: dict[str, list[float]] = {"by hand": [], "floor": []}
            waits: dict[str, list[float]] = {}
            for backend in _backends():
                with _worker(backend):
                    _rounds(backend, seconds, tests, floor, lambda: _submit(learner))
                    for name, paths in STREAMS.items():
                        for what, waited in _stream(learner, paths).items():
                            waits[f"{backend} {name}, {what}"] = waited
    _report(seconds, waits)


def _rounds(
    backend: str, seconds: dict[str, list[float]], tests: Path, floor: Any, submit: Any
) -> None:
    seconds[backend] = []
    for number in range(ROUNDS + 1):
        time.sleep(IDLE_S)
        graded = submit()
        hand, forked = _by_hand(tests), _forked(floor, tests)
        print(f"{backend} {graded:.3f}  by hand {hand:.3f}  floor {forked:.3f}", flush=True)
        if number:  # the first round warms caches
            seconds[backend].append(graded)
            seconds["by hand"].append(hand)
            seconds["floor"].append(forked)


def _site() -> Any:
    sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]
    import django

    django.setup()
    from django.core.management import call_command

    from accounts.models import User

    call_command("migrate", verbosity=0)
    call_command("load_curriculum", stdout=open(os.devnull, "w"))  # noqa: SIM115
    return User.objects.create_user("bench")


def _stream(learner: Any, paths: list[str]) -> dict[str, list[float]]:
    """Submit once a second, from ``paths`` in turn; return how long each grading waited, by what
    for."""
    time.sleep(IDLE_S)
    submissions = []
    for path in itertools.islice(itertools.cycle(paths), STREAM):
        submissions.append(_send(learner, path))
        time.sleep(1)
    timings = [_graded(submission).timings for submission in submissions]
    return {what: [each[what] for each in timings] for what in ("sandboxes", "timing_core")}


def _send(learner: Any, path: str) -> Any:
    from curriculum.models import Exercise
    from submissions import services

    reference = ROOT / "graders" / path / "reference.py"
    return services.submit(
        learner=learner,
        exercise=Exercise.objects.get(slug=Path(path).name),
        tests="hidden",
        source=reference.read_text("utf-8"),
    )


def _submit(learner: Any) -> float:
    """Return the seconds from pressing the button to the verdict's row."""
    run = _graded(_send(learner, EXERCISE))
    return float((run.graded_at - run.queued_at).total_seconds())


def _graded(submission: Any) -> Any:
    """Wait for the verdict of ``submission``; return its run."""
    from submissions.models import GradingRun

    deadline = time.monotonic() + VERDICT_S
    while time.monotonic() < deadline:
        run = GradingRun.objects.get(submission=submission)
        if run.graded_at:
            assert run.verdict == "accepted", run.verdict
            return run
        time.sleep(0.02)
    raise SystemExit("no verdict came")


def _backends() -> list[str]:
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
def _worker(backend: str) -> Iterator[None]:
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


@contextlib.contextmanager
def _forking_process() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _FORKING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _forked(floor: subprocess.Popen[str], tests: Path) -> float:
    assert floor.stdin is not None and floor.stdout is not None
    floor.stdin.write(f"{tests}\n")
    floor.stdin.flush()
    return float(floor.stdout.readline())


def _tests_by_hand(folder: Path) -> Path:
    folder.mkdir()
    (folder / "conftest.py").write_text(_BY_HAND.format(reference=str(REFERENCE)))
    tests = folder / "test_hidden.py"
    tests.write_text((REFERENCE.parent / "test_hidden.py").read_text(encoding="utf-8"))
    return tests


def _by_hand(tests: Path) -> float:
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)],
        cwd=tests.parent,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - start


def _report(seconds: dict[str, list[float]], waits: dict[str, list[float]]) -> None:
    rows = {f"{name}, s": _spread(values) for name, values in seconds.items()}
    backends = [name for name in seconds if name not in ("by hand", "floor")]
    for index, name in enumerate(backends):
        # The rounds of one backend stand together, in the order in which they were measured.
        part = slice(index * ROUNDS, (index + 1) * ROUNDS)
        hand, floor = seconds["by hand"][part], seconds["floor"][part]
        pairs = list(zip(seconds[name], hand, floor, strict=True))
        rows[f"{name} / by hand"] = _spread([graded / by for graded, by, _ in pairs])
        rows[f"{name} - floor, s"] = _spread([graded - least for graded, _, least in pairs])
    for name, values in waits.items():
        rows[f"{name}, s"] = _spread(values)
    for label, (low, middle, high) in rows.items():
        print(f"{label:52} min {low:7.3f}  median {middle:7.3f}  max {high:7.3f}")
    target = ROOT / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(
        json.dumps(
            {"exercise": EXERCISE, "rows": rows, "seconds": seconds, "waits": waits}, indent=2
        )
    )


def _spread(values: list[float]) -> tuple[float, float, float]:
    return min(values), statistics.median(values), max(values)


if __name__ == "__main__":
    main()
