"""A worker's GPU: found by its UUID, lent to one run at a time, given up when it is ill.

A worker has one GPU or none; a host with several runs a worker for each (docs/operator.md).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from grading.sandboxes.base import SandboxUnavailable
from grading.sandboxes.runtime import make_enterable

DRIVER = "/opt/driver"
"""Where a bubblewrap sandbox finds the driver's libraries."""
ENVIRONMENT = {"LD_LIBRARY_PATH": DRIVER, "CUDA_CACHE_PATH": "/tmp/cuda"}
_KNOWN = Path("/proc/driver/nvidia/gpus")
_LIBRARIES = re.compile(r"lib(cuda|nvidia-(ptxjitcompiler|nvvm|gpucomp|ml))\.so")
_ANSWER_S = 20.0
_POLL_S = 0.1


@dataclass(frozen=True)
class Gpu:
    """One device of this host; ``minor`` is the number of its device file."""

    uuid: str
    name: str
    minor: int

    def devices(self) -> list[str]:
        """Return the device files that a process needs in order to use it, and no other."""
        return ["/dev/nvidiactl", "/dev/nvidia-uvm", f"/dev/nvidia{self.minor}"]


def host_mib(gpu: object) -> int:
    """Return the host's memory that a process with a CUDA context takes, if there is a GPU."""
    return 2048 if gpu else 0


def find(uuid: str) -> Gpu:
    """Return the GPU of this UUID.

    Raises:
        SandboxUnavailable: there is none; the text names those that are there.
    """
    found = [_read(folder / "information") for folder in sorted(_KNOWN.glob("*"))]
    for gpu in found:
        if gpu.uuid == uuid:
            return gpu
    there = ", ".join(f"{gpu.uuid} ({gpu.name})" for gpu in found) or "none"
    raise SandboxUnavailable(f"there is no GPU {uuid} (SANDBOX_GPU) on this host; there: {there}")


def _read(information: Path) -> Gpu:
    fields = dict(re.findall(r"^([^:]+):\s*(.*?)\s*$", information.read_text(), re.MULTILINE))
    return Gpu(fields["GPU UUID"], fields["Model"], int(fields["Device Minor"]))


def libraries() -> list[Path]:
    """Return the driver's libraries on this host.

    Raises:
        SandboxUnavailable: the driver isn't installed.
    """
    known = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
    for path in re.findall(r"libcuda\.so\.1 .*=> (\S+)", known):
        beside = Path(path).parent
        return sorted(file for file in beside.iterdir() if _LIBRARIES.match(file.name))
    raise SandboxUnavailable("the NVIDIA driver (libcuda.so.1) is not installed on this host")


def fault(gpu: Gpu) -> str | None:
    """Ask the driver after the GPU's health; return what is wrong with it, or None."""
    try:
        asked = subprocess.run(
            [
                *("nvidia-smi", "-i", gpu.uuid, "--format=csv,noheader,nounits"),
                "--query-gpu=ecc.errors.uncorrected.volatile.total",
            ],
            capture_output=True,
            text=True,
            timeout=_ANSWER_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"nvidia-smi doesn't answer: {error}"
    if asked.returncode:
        return (asked.stdout + asked.stderr).strip()[:500]
    count = asked.stdout.strip()
    if count.isdigit() and int(count) > 0:  # "[N/A]" where the memory has no check bits
        return f"{count} uncorrected memory errors: the GPU needs a reset"
    return None


class Slot:
    """The right to use one GPU, held by one run at a time, of whatever process."""

    def __init__(self, gpu: Gpu, folder: Path) -> None:
        self.gpu = gpu
        self.fault: str | None = None
        """Why no run gets it any more."""
        make_enterable(folder)
        self._lock = folder / f"{gpu.uuid}.lock"

    @contextlib.contextmanager
    def lease(self, check: Callable[[], None]) -> Iterator[None]:
        """Hold the GPU; afterwards see whether it is still well. ``check`` may end the wait.

        Raises:
            SandboxUnavailable: it is ill.
        """
        if self.fault is not None:
            raise SandboxUnavailable(f"the GPU is out of order: {self.fault}")
        with self._lock.open("w") as file:  # the kernel gives the lock back when a worker dies
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    check()
                    time.sleep(_POLL_S)
            try:
                yield
            finally:
                self.fault = fault(self.gpu)


def device_request(gpu: Gpu, driver: str) -> dict[str, object]:
    """Return how a Docker engine is asked for this one GPU; ``driver`` is "nvidia" or "cdi"."""
    if driver == "cdi":
        return {"Driver": "cdi", "DeviceIDs": [f"nvidia.com/gpu={gpu.uuid}"]}
    return {
        "Driver": "nvidia",
        "DeviceIDs": [gpu.uuid],
        "Capabilities": [["gpu", "compute", "utility"]],
    }


def binds(gpu: Gpu) -> list[str]:
    """Return bubblewrap's options that show a sandbox this GPU and its driver."""
    options = [part for path in gpu.devices() for part in ("--dev-bind", path, path)]
    options += ["--tmpfs", DRIVER]
    for library in libraries():
        options += ["--ro-bind", os.path.realpath(library), f"{DRIVER}/{library.name}"]
    return options
