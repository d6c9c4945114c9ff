"""Where the file systems of sandboxes are built, on a machine that was told no place."""

from __future__ import annotations

import os
from pathlib import Path

SHARED = Path("/var/cache/llm-course/runtime")


def runtime_folder(data: Path) -> Path:
    """Return a folder below ``data``, or, for root, one that a sandbox's own user can reach."""
    return SHARED if os.geteuid() == 0 else data.resolve() / "runtime"
