"""Run inside a sandbox by the doctor, as a learner's code would be: what can be reached from here?

Each function tries what a promise of the sandbox rules out and returns what it found, as data.
"""

import contextlib
import ctypes
import os
import resource
import socket
import sys
import time
from typing import Any

import torch

_KEPT: list[Any] = []


def network() -> Any:
    """Return the kinds of sockets that can be made, and the interfaces that are up."""
    kinds = {"inet": socket.AF_INET, "inet6": socket.AF_INET6, "netlink": 16, "packet": 17}
    made = []
    for name, family in kinds.items():
        try:
            socket.socket(family, socket.SOCK_RAW if family > 10 else socket.SOCK_STREAM).close()
            made.append(name)
        except OSError:
            pass
    with open("/proc/net/dev") as table:
        names = [line.split(":")[0].strip() for line in table if ":" in line]
    return made + [name for name in names if name != "lo"]


def status() -> Any:
    """Return the fields of /proc/self/status."""
    with open("/proc/self/status") as file:
        pairs = [line.split(":", 1) for line in file if ":" in line]
    return {key: value.strip() for key, value in pairs}


def no_new_privileges() -> Any:
    """Return whether no program that is started can have more rights."""
    return ctypes.CDLL(None).prctl(39, 0, 0, 0, 0) == 1


def user_namespace() -> Any:
    """Return whether a new user namespace can be made."""
    return ctypes.CDLL(None).unshare(0x10000000) == 0


def writable() -> Any:
    """Return the places outside of scratch space that can be written to."""
    found = []
    roots = ("/", "/opt", "/opt/site", "/opt/stream", "/etc", "/usr", "/dev", "/proc/sys/kernel")
    for folder in roots:
        path = os.path.join(folder, "hostname" if folder.startswith("/proc") else "probe")
        try:
            os.close(os.open(path, os.O_WRONLY | (0 if "proc" in path else os.O_CREAT)))
            found.append(folder)
        except OSError:
            pass
    return found


def readable() -> Any:
    """Return the files and folders of a host that can be seen."""
    secrets = (
        *("/etc/passwd", "/etc/shadow", "/root", "/home", "/var/run/docker.sock", "/run/secrets"),
        *("/mnt", "/srv", "/var/lib", "/proc/kcore", "/proc/1/environ"),
    )
    return [path for path in secrets if _opens(path)]


def _opens(path: str) -> Any:
    try:
        if os.path.isdir(path):  # the interpreter may come from a home: its libraries only
            files = [name for _, _, names in os.walk(path) for name in names]
            return any(".so" not in name for name in files)
        with open(path, "rb") as file:
            content = file.read(4096)
    except OSError:
        return False
    names = {entry.split(b"=")[0].decode() for entry in content.split(b"\0") if b"=" in entry}
    return bool(content) if path != "/proc/1/environ" else not names <= set(os.environ)


def environment() -> Any:
    """Return the names in the environment."""
    return sorted(os.environ)


def descriptors() -> Any:
    """Return what each open descriptor leads to."""
    found = []
    for number in range(1024):
        with contextlib.suppress(OSError):
            found.append(os.readlink(f"/proc/self/fd/{number}"))
    return found


def processes() -> Any:
    """Return the numbers of the processes that can be seen."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def scratch() -> Any:
    """Return how many MiB fit into /tmp, up to 1024."""
    chunk, written = b"x" * (1 << 20), 0
    try:
        for number in range(256):
            with open(f"/tmp/probe{number}", "wb", buffering=0) as file:
                for _ in range(4):
                    written += file.write(chunk) >> 20
    except OSError:
        pass
    return written


def fill_memory(mebibytes: int) -> Any:
    """Hold memory that no process maps: only a control group can see it."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.getrlimit(resource.RLIMIT_FSIZE)[1],) * 2)
    for _ in range(mebibytes // 64 + 1):
        _KEPT.append(os.memfd_create("probe"))
        for _ in range(64):
            os.write(_KEPT[-1], b"x" * (1 << 20))
    return mebibytes


def map_memory(mebibytes: int) -> Any:
    """Return whether so much memory can be had by one process."""
    try:
        _KEPT.append(bytearray(b"x") * (mebibytes << 20))
    except MemoryError:
        return False
    return True


def fork(count: int) -> Any:
    """Return how many processes could be started, at most ``count``."""
    children = []
    try:
        for _ in range(count):
            pid = os.fork()
            if pid == 0:
                time.sleep(60)
                os._exit(0)
            children.append(pid)
    except OSError:
        pass
    for pid in children:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    return len(children)


def flood() -> Any:
    """Print much more than anybody may."""
    for _ in range(64):
        try:
            sys.stdout.write("x" * (1 << 20))
            sys.stdout.flush()
        except OSError:
            break
    return True


def kernel() -> Any:
    """Return the kernel's own description."""
    with open("/proc/version") as file:
        return file.read().strip()


def gpus() -> Any:
    """Return the names of the device files of GPUs."""
    shared = {"nvidiactl", "nvidia-uvm", "nvidia-uvm-tools"}
    names = [name for name in os.listdir("/dev") if name.startswith(("nvidia", "dri", "kfd"))]
    return [name for name in names if name not in shared]


def gpu_uuids() -> Any:
    """Return the GPUs that torch can use."""
    return [
        f"GPU-{torch.cuda.get_device_properties(index).uuid}"
        for index in range(torch.cuda.device_count())
    ]
