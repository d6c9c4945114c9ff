"""The settings of a sandbox's container, as the engine's API takes them. Every one is a lock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from grading.sandboxes import gpus, seccomp
from grading.sandboxes.base import ENVIRONMENT, Limits

FIRST_SLOT_UID = 20_000  # below 65,536: a rootless engine, or one with userns-remap, has no more
SLOTS = 10_000
GVISOR_THREADS = 448
"""Threads of gVisor's own kernel, which the control group counts too."""
STREAM = "/opt/stream"
_AGENT = ("/opt/python/bin/python3", "-I", "-B", "/opt/site/sandbox/agent/__main__.py")

# Process 1 lets go of the engine's pipes first: through /proc/1/fd the learner's code could open
# them again and keep the engine busy with its output. It reaps orphans while the agent runs, and
# ends them with it. It stays for a while afterwards, because the control group, which knows why
# the agent died, goes with the last process.
_PROCESS_ONE = f"""
exec </dev/null >/dev/null 2>&1
(exec "$@" >{STREAM}/out <{STREAM}/in)
kill -9 -1
exec sleep 10
"""

_MASKED = (
    *("/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys"),
    *("/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug"),
    *("/proc/scsi", "/proc/kallsyms", "/proc/kpagecount", "/proc/kpageflags", "/proc/modules"),
    *("/sys/firmware", "/sys/devices/virtual/powercap", "/sys/kernel"),
)
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_ULIMITS = {
    "core": 0,
    "nofile": 256,
    "fsize": 128 << 20,
    "memlock": 64 << 10,
    "msgqueue": 0,
}


def settings(
    *,
    image: str,
    runtime: str,
    slot: int,
    limits: Limits,
    stream: Path,
    cpus: str,
    labels: dict[str, str],
    gpu: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the body of the request that creates the container; ``gpu`` is a device request.

    No text of a learner has a place in it.
    """
    uid = FIRST_SLOT_UID + slot % SLOTS
    return {
        "Image": image,
        "User": f"{uid}:{uid}",
        "WorkingDir": "/tmp",
        "Hostname": "sandbox",
        "Entrypoint": ["/bin/sh", "-c", _PROCESS_ONE, "sandbox", *_AGENT],
        "Cmd": [],
        "Env": [f"{name}={value}" for name, value in ENVIRONMENT.items()],
        "Tty": False,
        "OpenStdin": False,
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "StopSignal": "SIGKILL",
        "Labels": labels,
        "HostConfig": _isolation(runtime, stream, gpu) | _bounds(runtime, limits, cpus, gpu),
    }


def _isolation(runtime: str, stream: Path, gpu: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "Runtime": runtime,
        "NetworkMode": "none",
        "Dns": ["127.0.0.1"],  # or else the host's resolver and search domains are shown inside
        "DnsSearch": ["."],
        "IpcMode": "none",  # a namespace of its own; /dev/shm is among the bounds
        "PidMode": "",
        "UTSMode": "",
        "CgroupnsMode": "private",
        "Privileged": False,
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true", f"seccomp={seccomp.profile()}"],
        "MaskedPaths": list(_MASKED),
        "ReadonlyPaths": list(_READ_ONLY),
        # gVisor opens a pipe for writing only where the mount is writable, so each has its own.
        "Mounts": [_pipe(stream, "in", read_only=True), _pipe(stream, "out", read_only=False)],
        "DeviceRequests": [gpu] if gpu else [],
        "LogConfig": {"Type": "none"},
        "RestartPolicy": {"Name": "no"},
        "AutoRemove": False,
        # The engine's own init would keep the engine's pipes open; see process one.
        "Init": False,
    }


def _bounds(runtime: str, limits: Limits, cpus: str, gpu: dict[str, Any] | None) -> dict[str, Any]:
    memory = (limits.memory_mib + 512 + gpus.host_mib(gpu)) << 20
    scratch = f"rw,nosuid,nodev,size={limits.scratch_mib}m,nr_inodes=8192,mode=1777"
    return {
        "Memory": memory,
        "MemorySwap": memory,
        "PidsLimit": limits.processes + (GVISOR_THREADS if runtime == "runsc" else 0),
        "CpusetCpus": cpus,
        "CpuShares": 512,
        "OomScoreAdj": 500,
        "OomKillDisable": False,
        "Tmpfs": {"/tmp": scratch, "/dev/shm": scratch},
        "Ulimits": [
            {"Name": name, "Soft": value, "Hard": value} for name, value in _ULIMITS.items()
        ],
    }


def _pipe(stream: Path, name: str, *, read_only: bool) -> dict[str, Any]:
    return {
        "Type": "bind",
        "Source": str(stream / name),
        "Target": f"{STREAM}/{name}",
        "ReadOnly": read_only,
        "BindOptions": {"Propagation": "rprivate"},
    }
