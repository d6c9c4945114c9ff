"""Grading against running the same tests by hand, in turn, in one run: ``make bench``.

Prints a table and writes build/bench.json. Only the ratios travel between machines.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
EXERCISE = "03-llms/scaled-dot-product-attention"
ROUNDS = 7
IDLE_S = 4.0
_BY_HAND = """
import importlib.util, time
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
        for _ in range(20): function(*make_inputs())

@pytest.fixture
def speed(): return Speed()

def pytest_configure(config):
    for name in ("title", "hint", "points", "stretch"): config.addinivalue_line("markers", name)
"""


def main() -> None:
    """Measure and report."""
    sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from grading.engine import Job
    from grading.setup import make_engine

    reference = ROOT / "graders" / EXERCISE / "reference.py"
    job = Job(EXERCISE, "hidden", reference.read_text(encoding="utf-8"), seed=1)
    engine = make_engine()
    warm, by_hand = [], []
    try:
        for events in range(ROUNDS + 1):
            time.sleep(IDLE_S)  # until the pool is warm again
            seconds = _seconds(lambda: list(engine.grade(job)))
            hand = _seconds(lambda: _run_by_hand(reference))
            if events:  # the first round warms caches
                warm.append(seconds)
                by_hand.append(hand)
    finally:
        engine.close()
    _report({"graded, warm": warm, "pytest by hand": by_hand})


def _seconds(action: Any) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _run_by_hand(reference: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "conftest.py").write_text(_BY_HAND.format(reference=str(reference)))
        test = Path(folder, "test_hidden.py")
        test.write_text((reference.parent / "test_hidden.py").read_text(encoding="utf-8"))
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)],
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}",
                "OMP_NUM_THREADS": "1",
            },
            check=True,
            stdout=subprocess.DEVNULL,
        )


def _report(seconds: dict[str, list[float]]) -> None:
    rows = {name: _spread(values) for name, values in seconds.items()}
    ratios = [a / b for a, b in zip(*seconds.values(), strict=True)]
    rows["ratio, pair by pair"] = _spread(ratios)
    for name, (low, middle, high) in rows.items():
        print(f"{name:22} min {low:7.3f}  median {middle:7.3f}  max {high:7.3f}")
    target = ROOT / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(
        json.dumps({"exercise": EXERCISE, "rows": rows, "seconds": seconds}, indent=2)
    )


def _spread(values: list[float]) -> tuple[float, float, float]:
    return min(values), statistics.median(values), max(values)


if __name__ == "__main__":
    main()
