"""The doctor finds nothing wrong with a sound sandbox, and each layer's absence."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grading.sandboxes import cgroups, doctor, seccomp
from grading.sandboxes.base import Backend
from grading.sandboxes.bubblewrap import Bubblewrap
from grading.sandboxes.promises import PROMISES

ALLOW_ALL = seccomp._op(seccomp._RETURN, seccomp._ALLOW)


@pytest.fixture(
    params=[
        pytest.param("bubblewrap", marks=pytest.mark.sandbox),
        pytest.param("docker", marks=pytest.mark.docker),
    ]
)
def sound(request: pytest.FixtureRequest, backend: Callable[[str], Backend]) -> Iterator[Backend]:
    made = backend(request.param)
    yield made
    made.close()


def test_every_promise_of_a_sound_sandbox_holds(sound: Backend) -> None:
    findings = doctor.examine(sound)
    assert [finding.promise for finding in findings] == list(PROMISES)
    assert {finding.promise: finding.seen for finding in findings if not finding.held} == {}


def test_every_promise_is_told_in_both_languages() -> None:
    for language, word in (("en", "network"), ("zh", "网络")):
        broken = [doctor.Finding(name, held=False, seen="x") for name in PROMISES]
        lines = doctor.describe(broken, language)
        assert len(lines) == 2 * len(PROMISES)
        assert word in lines[0]


@pytest.fixture
def bubblewrap(backend: Callable[[str], Backend]) -> Iterator[Bubblewrap]:
    made = backend("bubblewrap")
    assert isinstance(made, Bubblewrap)
    yield made
    made.close()


def broken(made: Bubblewrap) -> set[str]:
    made.close()  # a template of before the change would still be sound
    return {finding.promise for finding in doctor.examine(made) if not finding.held}


@pytest.fixture
def isolation(bubblewrap: Bubblewrap, tmp_path: Path) -> Iterator[Callable[[str, str], None]]:
    """Change the text of isolation.py in a copy of the runtime tree."""
    sound = bubblewrap._tree
    copy = sound.with_name(f"{sound.name}-sabotaged-{os.getpid()}")
    shutil.copytree(sound, copy, copy_function=os.link, symlinks=True)
    file = copy / "opt/site/sandbox/agent/isolation.py"

    def change(old: str, new: str) -> None:
        text = file.read_text("utf-8")
        assert old in text
        file.unlink()
        file.write_text(text.replace(old, new), "utf-8")
        file.chmod(0o644)
        shutil.rmtree(file.parent / "__pycache__")
        bubblewrap._tree = copy

    yield change
    bubblewrap.close()
    shutil.rmtree(copy)


@pytest.mark.sandbox
def test_a_sandbox_with_capabilities_is_found(bubblewrap, isolation) -> None:
    isolation('    _do("capset", header, (ctypes.c_uint32 * 6)())\n', "")
    assert "privileges" in broken(bubblewrap)


@pytest.mark.sandbox
def test_a_sandbox_whose_devices_can_be_written_is_found(bubblewrap, isolation) -> None:
    isolation('    _seal("/dev")\n', "")
    assert "read_only" in broken(bubblewrap)


@pytest.mark.sandbox
def test_a_sandbox_without_bounds_of_scratch_is_found(bubblewrap, isolation) -> None:
    isolation("size={scratch_bytes},", "")
    assert "scratch" in broken(bubblewrap)


@pytest.mark.sandbox
def test_a_sandbox_without_a_filter_is_found(bubblewrap, monkeypatch) -> None:
    monkeypatch.setattr(seccomp, "program", lambda *, memfd: ALLOW_ALL)
    assert "network" in broken(bubblewrap)


@pytest.mark.sandbox
def test_a_sandbox_without_a_control_group_is_for_trusted_learners(bubblewrap, monkeypatch) -> None:
    monkeypatch.setattr(cgroups, "make", lambda: None)
    bubblewrap.close()
    findings = doctor.examine(bubblewrap)
    assert {finding.promise for finding in findings if not finding.held} == {
        "all_memory",
        "processes",
    }
    assert not any(finding.fatal for finding in findings)
