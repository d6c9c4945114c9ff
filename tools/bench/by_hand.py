"""Running an exercise's hidden tests as one would by hand, and the least that this can take."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_BY_HAND = """
import importlib.util
import numpy as np, pytest, torch

def load(path):
    spec = importlib.util.spec_from_file_location("m", path)
    module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module); return module

@pytest.fixture(scope="session")
def submission(): return load({submission!r})

@pytest.fixture(scope="session")
def reference(): return load({reference!r})

@pytest.fixture
def rng(): return np.random.default_rng(1)

@pytest.fixture
def torch_rng(): return torch.Generator().manual_seed(1)

class Speed:
    def compare(self, name, make_inputs, limit=None):
        mine, theirs = getattr(load({submission!r}), name), getattr(load({reference!r}), name)
        for inputs in [make_inputs() for _ in range(9)]:  # one batch of pairs, as the grader does
            mine(*inputs); theirs(*inputs)

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


def prepare(folder: Path, exercise: str, solution: Path) -> Path:
    """Lay down in ``folder`` the tests of an exercise, on a solution; return their file."""
    secret = ROOT / "graders" / exercise
    folder.mkdir(parents=True)
    texts = _BY_HAND.format(reference=str(secret / "reference.py"), submission=str(solution))
    (folder / "conftest.py").write_text(texts)
    tests = folder / "test_hidden.py"
    tests.write_text((secret / "test_hidden.py").read_text(encoding="utf-8"))
    return tests


def run(tests: Path) -> float:
    """Return the seconds that pytest takes in a fresh process."""
    start = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)],
        cwd=tests.parent,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
        stdout=subprocess.DEVNULL,
    )
    assert ended.returncode in (0, 1), "the tests could not be run"
    return time.perf_counter() - start


@contextlib.contextmanager
def forking_process() -> Iterator[subprocess.Popen[str]]:
    """Run a process with torch and pytest, whose forks run tests."""
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


def forked(floor: subprocess.Popen[str], tests: Path) -> float:
    """Return the seconds that the tests take in a fork of ``floor``."""
    assert floor.stdin is not None and floor.stdout is not None
    floor.stdin.write(f"{tests}\n")
    floor.stdin.flush()
    return float(floor.stdout.readline())
