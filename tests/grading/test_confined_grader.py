"""What a hasty, or bribed, author's tests can reach: their exercise, and nothing of the site."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grading.engine import Engine, Job
from grading.grader_process import InfrastructureError
from grading.report import Finished, Graded
from grading.sandboxes.base import SandboxUnavailable
from grading.sandboxes.processes import with_children
from grading.setup import make_engine

pytestmark = pytest.mark.sandbox

PROBE = """
import os, socket, sys
from pathlib import Path

import pytest

def tell(what):
    pytest.fail(repr(what))

def test_probe(submission):
    {action}
"""


@pytest.fixture(scope="module")
def confined(settings_of_module) -> Iterator[Engine]:
    settings_of_module.GRADER_SANDBOX = "bubblewrap"
    try:
        made = make_engine(pool_size=1)
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    yield made
    made.close()


@pytest.fixture(scope="module")
def settings_of_module() -> Iterator[object]:
    from django.conf import settings

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "GRADER_SANDBOX", settings.GRADER_SANDBOX)
        yield settings


@pytest.fixture
def holds(confined: Engine, adder: Path) -> Callable[[str], bool]:
    """Put an expression into a hidden test; return whether it is true there."""
    tests = adder / "graders/01-test/adder/test_hidden.py"
    before = tests.read_text("utf-8")

    def ask(expression: str) -> bool:
        tests.write_text(PROBE.format(action=f"assert {expression}"), "utf-8")
        try:
            job = Job("01-test/adder", "hidden", "def add(a, b): return a + b", seed=1)
            events = list(confined.grade(job))
        finally:
            tests.write_text(before, "utf-8")
        (outcome,) = [event.outcome for event in events if isinstance(event, Finished)]
        return outcome.kind == "passed"

    return ask


def test_the_probe_can_tell(holds) -> None:
    assert holds("1 == 1") and not holds("1 == 2")


def test_no_file_of_the_site_is_in_sight(holds) -> None:
    root = Path(__file__).resolve().parents[2]
    for path in (root, root / "graders", "/etc/passwd", "/var", "/run", "/home"):
        assert holds(f"not os.path.exists({str(path)!r})"), path


def test_only_its_own_exercise_is_there(holds) -> None:
    names = "{p.name for p in Path(__file__).parent.rglob('*.py')}"
    assert holds(f"{{'test_hidden.py', 'reference.py'}} <= {names}")
    assert holds("not [p for p in Path('/').glob('*') if p.name in ('exercises', 'graders')]")
    assert holds("[p for p in Path('/tmp').iterdir()] == [Path(__file__).parent]")


def test_no_network_and_no_broker(holds) -> None:
    assert holds("sum(':' in line for line in open('/proc/net/dev')) == 1")
    with pytest.raises(InfrastructureError, match="PermissionError"):
        holds("socket.socket()")


def test_no_secret_in_its_environment(holds, monkeypatch) -> None:
    assert holds("not [name for name in os.environ if 'KEY' in name or 'URL' in name]")
    assert holds("b'URL' not in open('/proc/1/environ', 'rb').read()")


def test_no_privilege(holds) -> None:
    assert holds("os.getuid() != 0")
    assert holds("'CapEff:\\t0000000000000000' in open('/proc/self/status').read()")
    assert holds("'Seccomp:\\t2' in open('/proc/self/status').read()")


def test_it_sees_no_other_process(holds) -> None:
    assert holds("len([p for p in os.listdir('/proc') if p.isdigit()]) <= 3")


def test_nothing_stays_of_it(holds, confined: Engine) -> None:
    assert holds("Path('/tmp/left').write_text('x')")
    assert holds("not Path('/tmp/left').exists()")


def test_a_grader_that_eats_all_memory_is_no_learners_fault(holds) -> None:
    with pytest.raises(InfrastructureError):
        holds("len([b'x' * (64 << 20) for _ in range(200)])")
    assert holds("True")


def test_its_processes_end_with_it(confined: Engine) -> None:
    job = Job("01-test/adder", "hidden", "def add(a, b): return a + b", seed=1)
    assert isinstance(list(confined.grade(job))[-1], Graded)
    time.sleep(0.2)
    server = confined._zygote._server._process.pid
    assert len(with_children(server)) == 3  # bubblewrap's two and the one that forks
