"""Which exercises are proven, and with which content: ``graders/proven.json``.

Written by ``check_exercises --record``, kept in version control beside what it speaks of, and
read by ``load_curriculum``: an exercise that isn't proven as it stands isn't published.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

from django.conf import settings

FULL_SEEDS = 20
"""Seeds that a proof must have been run with to be recorded."""


class Ledger:
    """Content hashes of proven exercises by "<stage>/<slug>"."""

    def __init__(self, hashes: dict[str, str]) -> None:
        self._hashes = hashes

    @classmethod
    def read(cls) -> Ledger:
        """Return the site's ledger; an empty one when there is none."""
        path = _path()
        return cls(json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {})

    def proves(self, exercise: str, digest: str) -> bool:
        """Return whether ``exercise`` was proven with exactly this content."""
        return self._hashes.get(exercise) == digest

    def record(self, exercise: str, digest: str) -> None:
        """Write down that ``exercise`` is proven as it stands, beside what others wrote meanwhile:
        several may prove exercises at once, and whoever reads finds a whole ledger."""
        path = _path()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            self._hashes = self.read()._hashes | {exercise: digest}
            text = json.dumps(self._hashes, indent=2, sort_keys=True)
            fresh = path.with_suffix(".json.new")
            fresh.write_text(text + "\n", encoding="utf-8")
            fresh.replace(path)
        finally:
            os.close(folder)


def _path() -> Path:
    return Path(settings.GRADERS_DIR) / "proven.json"
