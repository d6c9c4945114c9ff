"""The folder with the database, the sessions and the seeds: the site's own user's alone."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

OTHERS = 0o077


def private_folder(folder: Path) -> Path:
    """Return ``folder``, closed to everybody else if it is there already.

    What this process and its children make from now on, here or elsewhere, is their user's alone.

    Raises:
        ImproperlyConfigured: others can enter it, and this user may not change that.
    """
    os.umask(OTHERS)
    if not folder.exists():
        return folder
    # Folders below are closed by this one; a link may lead to one that others should enter.
    with contextlib.suppress(OSError):
        for path in (folder, *folder.iterdir()):
            if path == folder or (path.is_file() and not path.is_symlink()):
                _close(path)
    if folder.stat().st_mode & 0o007:
        raise ImproperlyConfigured(
            f"Others on this machine can read {folder} (DATA_DIR), where the database is, and this "
            f"user may not change that: `chmod 700 {folder}` as its owner"
        )
    return folder


def _close(path: Path) -> None:
    # Somebody else's file, a read-only disk, or a journal that is gone by now.
    with contextlib.suppress(OSError):
        if (mode := path.stat().st_mode) & OTHERS:
            path.chmod(mode & 0o7700)
