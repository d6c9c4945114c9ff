"""Make the engine that this site's settings ask for."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from django.conf import settings

from grading.engine import Engine
from grading.sandboxes.base import SandboxUnavailable
from grading.sandboxes.bubblewrap import Bubblewrap
from grading.sandboxes.pool import Pool


def make_engine(pool_size: int | None = None) -> Engine:
    """Return a started engine; the caller closes it.

    Raises:
        SandboxUnavailable: this host lacks what the sandbox needs.
    """
    cores = os.sched_getaffinity(0)
    timing_core = max(cores)
    # Warming up is hard work: never on the core where speed is measured, if there is another.
    backend = Bubblewrap(
        find_bubblewrap(), settings.SANDBOX_RUNTIME_DIR, start_cpus=cores - {timing_core} or cores
    )
    pool = Pool(backend, pool_size or settings.SANDBOX_POOL_SIZE)
    return Engine(pool, settings.EXERCISES_DIR, settings.GRADERS_DIR, timing_core)


def find_bubblewrap() -> str:
    """Return the path of ``bwrap``: the system's, else the virtual environment's.

    Raises:
        SandboxUnavailable: there is none.
    """
    own = Path(sys.prefix) / "bin" / "bwrap"
    found = shutil.which("bwrap") or (str(own) if own.exists() else None)
    if found is None:
        raise SandboxUnavailable(
            "bwrap is not installed: run `apt-get install bubblewrap`, or `make setup`"
        )
    return found
