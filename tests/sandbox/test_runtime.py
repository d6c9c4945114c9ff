"""What the file system of a sandbox is made of."""

from __future__ import annotations

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
