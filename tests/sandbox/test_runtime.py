"""What the file system of a sandbox is made of."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from grading.sandboxes import runtime

SAID = """\
\tlinux-vdso.so.1 (0x00007ffd)
\tliba.so => /a b/liba.so (0x00007f01)
\tlibmissing.so => not found
\t/lib64/ld-linux-x86-64.so.2 (0x00007f02)
"""


def test_libraries_are_found_in_paths_with_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    done = subprocess.CompletedProcess([], 0, SAID)
    monkeypatch.setattr(runtime.subprocess, "run", lambda *_, **__: done)
    assert runtime._shared_libraries(Path("/python"), []) == {Path("/a b/liba.so")}
    linked: list[str] = []
    monkeypatch.setattr(runtime, "_link", lambda source, target: linked.append(str(source)))
    runtime._link_loader(Path("/tree"))
    assert linked == ["/lib64/ld-linux-x86-64.so.2"]


def test_a_sandboxs_own_user_gets_in_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        folder = tmp_path / "shared" / "runtime"
        runtime.make_enterable(folder)
        (folder / "tree" / "opt").mkdir(parents=True)
        (folder / "tree" / "opt" / "own.pyc").write_text("")
        (tmp_path / "others").write_text("")
        os.link(tmp_path / "others", folder / "tree" / "linked")
        runtime._let_everyone_read(folder / "tree")
    finally:
        os.umask(before)
    modes = {
        str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode)
        for path in tmp_path.rglob("*")
    }
    assert modes == {
        "others": 0o600,
        "shared": 0o711,
        "shared/runtime": 0o711,
        "shared/runtime/tree": 0o755,
        "shared/runtime/tree/linked": 0o600,
        "shared/runtime/tree/opt": 0o755,
        "shared/runtime/tree/opt/own.pyc": 0o644,
    }
