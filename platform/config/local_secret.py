"""A secret key for a machine that was given none: made once, kept in a file."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path


def local_secret(path: Path) -> str:
    """Return the secret in ``path``, which is made, readable by its owner alone, if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        # It gets its name once it is whole: web and worker start at the same time.
        with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="ascii") as file:
            file.write(secrets.token_urlsafe(64))
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    return path.read_text(encoding="ascii")
