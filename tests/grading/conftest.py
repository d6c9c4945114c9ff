"""Peers without a sandbox for the protocol's tests, and a real engine for the others."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from grading.engine import Engine, Job
from grading.remote.peer import GraderPeer
from grading.report import CaseResult, Diagnosed, Finished, Graded, graded_in
from grading.sandboxes.base import SandboxUnavailable
from grading.setup import make_engine
from sandbox.agent.service import Agent
from sandbox.stream import Disconnected, Stream

torch.set_num_threads(1)  # these tests fork; a fork of a threaded torch hangs

# The tiny exercise's own tests run in the grader process, not here.
collect_ignore = ["adder"]

HANG_UP_S = 2.0

Load = Callable[[str], Any]


class Loaded:
    """The members of a loaded source as attributes, and the peer behind them."""

    def __init__(self, peer: GraderPeer, members: dict[str, Any]) -> None:
        self.peer = peer
        self.__dict__ |= members


@pytest.fixture
def load() -> Iterator[Load]:
    """Load a source into a forked agent and return its members: same code, no isolation."""
    lines: list[tuple[int, int]] = []

    def make(source: str) -> Loaded:
        ours, theirs = socket.socketpair()
        if (pid := os.fork()) == 0:
            ours.close()
            try:
                agent = Agent(Stream(theirs.fileno(), theirs.fileno()))
                while True:
                    agent.serve_one()
            except Disconnected:
                pass
            finally:
                os._exit(0)
        theirs.close()
        descriptor = ours.detach()
        lines.append((pid, descriptor))
        peer = GraderPeer(Stream(descriptor, descriptor))
        members = peer.request("load", source)
        peer.name_members(members)
        return Loaded(peer, members)

    yield make
    # The last first: each fork holds the lines to those before it open.
    for pid, descriptor in reversed(lines):
        os.close(descriptor)
        deadline = time.monotonic() + HANG_UP_S
        while os.waitpid(pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                break
            time.sleep(0.001)


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The real engine: bubblewrap, warm pool, fork server."""
    try:
        made = make_engine(pool_size=2)
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    yield made
    made.close()


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[Engine]:
    """The same with containers."""
    from django.conf import settings

    from tools.sandbox_image import ensure

    try:
        ensure(settings.SANDBOX_IMAGE)
        made = make_engine(pool_size=2, backend="docker")
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    yield made
    made.close()


class Result:
    """What one grading said, sorted."""

    def __init__(self, events: list[Any]) -> None:
        self.events = events
        self.graded: Graded = graded_in(events)
        self.verdict = self.graded.verdict
        self.outcomes: dict[str, CaseResult] = {
            e.outcome.name: e.outcome for e in events if isinstance(e, Finished)
        }
        self.mistakes = {e.name: e.mistake for e in events if isinstance(e, Diagnosed)}


@pytest.fixture
def grade(engine: Engine) -> Callable[..., Result]:
    """Grade a source with the real engine."""

    return _grade_with(engine)


@pytest.fixture
def grade_in_docker(docker_engine: Engine) -> Callable[..., Result]:
    """Grade a source in containers."""
    return _grade_with(docker_engine)


Course = Callable[..., Callable[..., Result]]


@pytest.fixture
def course(adder: Path, engine: Engine) -> Course:
    """Make an exercise of texts, whose entry is ``add``; return what grades a source with it."""

    def make(hidden: str, reference: str, *, visible: str = "", **mistakes: str) -> Any:
        public, secret = (adder / half / "01-test" / "made" for half in ("exercises", "graders"))
        shutil.rmtree(secret, ignore_errors=True)
        (secret / "wrong_answer").mkdir(parents=True)
        public.mkdir(exist_ok=True)
        shutil.copy(adder / "exercises/01-test/adder/exercise.toml", public)
        (public / "test_visible.py").write_text(visible, "utf-8")
        (secret / "test_hidden.py").write_text(hidden, "utf-8")
        (secret / "reference.py").write_text(reference, "utf-8")
        for name, source in mistakes.items():
            text = f'"""en: {name}.\nzh: {name}。\n"""\n{source}'
            (secret / "wrong_answer" / f"{name}.py").write_text(text, "utf-8")
        return partial(_grade_with(engine), exercise="01-test/made")

    return make


def _grade_with(engine: Engine) -> Callable[..., Result]:
    def run(source: str, exercise: str = "01-test/adder", tests: str = "hidden") -> Result:
        return Result(list(engine.grade(Job(exercise, tests, source, seed=1))))

    return run


@pytest.fixture(scope="session", autouse=True)
def adder(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A tiny exercise of its own, so that these tests don't change with the curriculum."""
    from django.conf import settings

    root = tmp_path_factory.mktemp("course")
    source = Path(__file__).parent / "adder"
    for half in ("exercises", "graders"):
        target = root / half / "01-test" / "adder"
        target.parent.mkdir(parents=True)
        target.symlink_to(source / half)
    settings.EXERCISES_DIR, settings.GRADERS_DIR = root / "exercises", root / "graders"
    return root


MANIFEST = """\
kind = "function"
topic = "T1.1a"
order = 1
points = 1
minutes = 1
entry = ["f"]
title = {{ en = "Made up", zh = "虚构" }}
summary = {{ en = "For a test.", zh = "测试用。" }}

[limits]
total_s = {total_s}
test_s = {test_s}
memory_mib = {memory_mib}

[speed]
limit = 100
"""
FINE = "\ndef test_fine(submission):\n    assert submission.f(1) == 1\n"


@pytest.fixture
def made_up(adder: Path) -> Callable[..., str]:
    """Lay down an exercise whose right answer is the identity; return its path."""
    path = "01-test/made-up"

    def make(
        hidden: str,
        visible: str = FINE,
        *,
        test_s: float = 5,
        total_s: float = 30,
        memory_mib: int = 256,
    ) -> str:
        public, secret = (adder / half / path for half in ("exercises", "graders"))
        for folder in (public, secret):
            folder.mkdir(exist_ok=True)
        manifest = MANIFEST.format(test_s=test_s, total_s=total_s, memory_mib=memory_mib)
        (public / "exercise.toml").write_text(manifest, "utf-8")
        (public / "test_visible.py").write_text(visible, "utf-8")
        (secret / "test_hidden.py").write_text(hidden, "utf-8")
        (secret / "reference.py").write_text("def f(x): return x\n", "utf-8")
        return path

    return make
