"""Where the file systems of sandboxes are built, on a machine that was told no place."""

from __future__ import annotations

import os
from pathlib import Path

SHARED = Path("/var/lib/llm-course/runtime")


def runtime_folder(data: Path) -> Path:
    """Return a folder below ``data``, or, for root, one that a sandbox's own user can reach."""
    folder = data.resolve() / "runtime"
    closed = any(p.exists() and not p.stat().st_mode & 0o001 for p in folder.parents)
    return SHARED if os.geteuid() == 0 and closed else folder
