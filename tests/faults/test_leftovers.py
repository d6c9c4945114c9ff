"""What a killed worker leaves on the host does no harm to the next one, and is swept away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from grading.sandboxes import cgroups

pytestmark = pytest.mark.sandbox

ROOT = Path(__file__).resolve().parents[2]
NUMBER = 2**22 + 1  # more than the kernel gives
MAKE_AND_DIE = f"""\
import os, signal
from grading.sandboxes import cgroups

os.getpid, mine = (lambda: {NUMBER}), os.getpid()
group = cgroups.make()
print(*set(group._folders.values()) if group else "", flush=True)
os.kill(mine, signal.SIGKILL)
"""


def make_and_die() -> list[Path]:
    """Return the folders of a control group whose worker, number ``NUMBER``, was killed."""
    died = subprocess.run(
        [sys.executable, "-c", MAKE_AND_DIE],
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert died.returncode == -9, died.stderr
    return [Path(name) for name in died.stdout.split()]


def test_a_group_that_has_just_gone_holds_no_process() -> None:
    group = cgroups.make()
    if group is None:
        pytest.skip("no control group can be made here")
    group.remove()
    assert group.pids() == []


def test_groups_of_killed_workers_are_in_nobodys_way_and_swept() -> None:
    living = cgroups.make()
    if living is None:
        pytest.skip("no control group can be made here")
    first, second = make_and_die(), make_and_die()  # in containers numbers come again at once
    assert first and second and not set(first) & set(second)
    assert all(folder.exists() for folder in (*first, *second))
    cgroups.sweep()
    assert not any(folder.exists() for folder in (*first, *second))
    assert all(folder.exists() for folder in living._folders.values())
    living.remove()


def test_what_a_killed_worker_had_frozen_is_thawed_and_ends() -> None:
    group = cgroups.make()
    if group is None or not group.freezes:
        pytest.skip("no control group with a freezer can be made here")
    child = subprocess.Popen(["sleep", "600"])
    for folder in set(group._folders.values()):
        (folder / "cgroup.procs").write_text(str(child.pid))
    assert group.freeze()
    child.kill()
    orphan = {
        folder: folder.with_name(f"sandbox-{NUMBER}-left") for folder in group._folders.values()
    }
    for folder, name in orphan.items():
        folder.rename(name)
    cgroups.sweep()
    assert child.wait(timeout=5) == -9
    assert not any(name.exists() for name in orphan.values())
