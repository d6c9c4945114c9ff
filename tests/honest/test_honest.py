"""Right code as other people write it: a grader that refuses it has the worst fault there is."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import pytest
from django.conf import settings

from curriculum import notebooks
from grading.engine import Engine, Job
from grading.exercises import find
from grading.report import Finished, Graded
from grading.sandboxes.base import SandboxUnavailable
from grading.setup import make_engine
from submissions.verdicts import OutcomeKind, Verdict

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
SOLUTIONS = sorted(Path(__file__).parent.glob("solutions/*/*.py"))
REFERENCES = sorted((ROOT / "graders").glob("*/*/reference.py"))
GRADINGS = int(os.environ.get("HONEST_GRADINGS", "150"))
BUSY_LOOPS = 4


@pytest.fixture(scope="module", autouse=True)
def _the_course() -> Iterator[None]:
    """The course itself, whatever exercises of their own other tests look at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "EXERCISES_DIR", ROOT / "exercises")
        patch.setattr(settings, "GRADERS_DIR", ROOT / "graders")
        yield


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    try:
        made = make_engine(pool_size=2)
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    yield made
    made.close()


def refusal(engine: Engine, file: Path, seed: int) -> str:
    """Grade ``file`` as its exercise's learners hand it in; return what was refused."""
    slug = file.parent.name
    manifest = find(slug)
    source = file.read_text("utf-8")
    if manifest.kind == "notebook":
        starter = settings.EXERCISES_DIR / manifest.path / "starter.ipynb"
        source = notebooks.fill(starter.read_text("utf-8"), source)
    failed: list[str] = []
    for event in engine.grade(Job(manifest.path, "hidden", source, seed)):
        if isinstance(event, Finished) and event.outcome.kind != OutcomeKind.PASSED:
            outcome = event.outcome
            failed.append(f"{outcome.name}: {outcome.kind} {(outcome.message or {}).get('en')}")
        if isinstance(event, Graded) and event.verdict != Verdict.ACCEPTED:
            return f"{slug}/{file.name}: {event.verdict} {event.message} {failed}"
    return ""


@pytest.mark.parametrize("file", SOLUTIONS, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_right_code_is_accepted(engine: Engine, file: Path) -> None:
    assert refusal(engine, file, seed=1) == ""


def _spin() -> None:
    while True:
        pass


@pytest.fixture
def busy_cores() -> Iterator[None]:
    """Other programs that want the same cores, all the time."""
    loops = [
        multiprocessing.get_context("spawn").Process(target=_spin, daemon=True)
        for _ in range(BUSY_LOOPS)
    ]
    for loop in loops:
        loop.start()
    yield
    for loop in loops:
        loop.kill()
        loop.join()


@pytest.mark.release
def test_right_code_is_accepted_on_a_busy_machine(engine: Engine, busy_cores: None) -> None:
    files = islice(cycle([*REFERENCES, *SOLUTIONS]), GRADINGS)
    assert [no for seed, file in enumerate(files) if (no := refusal(engine, file, seed))] == []
