"""A fork's way into its own sandbox: namespaces, mounts, no privileges, a system call filter.

Used by warm processes (fork_server.py), which bubblewrap has put into a sandbox with its own user
namespace and just the capabilities that this needs. After ``renounce`` none is left, and
none can be had: no new privileges, no new user namespace, no set-user-id program in sight.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

# unshare(2); the user namespace is the template's, in which no further one may be made
_NEW_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000
# mount(2)
_READ_ONLY, _NO_SUID, _NO_DEVICES, _NO_EXEC, _REMOUNT, _BIND = 1, 2, 4, 8, 32, 4096
_RECURSIVE_PRIVATE = 16384 | 1 << 18
# prctl(2)
_SET_SECCOMP, _FILTER, _DROP_BOUNDING, _SET_NO_NEW_PRIVS, _AMBIENT = 22, 2, 24, 38, 47
_CLEAR_AMBIENT = 4
_CAPABILITY_VERSION = 0x20080522
_INODES = 8192

_libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def leave_namespaces() -> None:
    """Take new namespaces; of processes, the next fork's will be the first.

    Raises:
        OSError: this and everything below, when the kernel refuses; the text says what.
    """
    _do("unshare", ctypes.c_int(_NEW_NAMESPACES))


def mount_own(scratch_bytes: int) -> None:
    """Replace what the template's mounts would share with others: /proc, /dev, /tmp, /dev/shm."""
    _mount(None, "/", None, _RECURSIVE_PRIVATE)
    guarded = _NO_SUID | _NO_DEVICES
    _mount("proc", "/proc", "proc", guarded | _NO_EXEC)
    _mount("/proc/sys", "/proc/sys", None, _BIND)
    _seal("/proc/sys")
    for folder in ("/tmp", "/dev/shm"):
        room = f"size={scratch_bytes},nr_inodes={_INODES},mode=1777"
        _mount("tmpfs", folder, "tmpfs", guarded, room)
    # Terminals of one template would be everybody's: an empty folder instead.
    _mount("tmpfs", "/dev/pts", "tmpfs", guarded | _READ_ONLY, "size=4k,mode=555")
    _seal("/dev")


def renounce(program: bytes) -> None:
    """Drop all capabilities for good and install the system call filter ``program``."""
    for capability in range(64):
        if _libc.prctl(_DROP_BOUNDING, ctypes.c_ulong(capability), *_zeros(3)) != 0:
            break  # the kernel knows no more of them
    _prctl(_AMBIENT, _CLEAR_AMBIENT)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    _do("capset", header, (ctypes.c_uint32 * 6)())
    _prctl(_SET_NO_NEW_PRIVS, 1)
    filter_ = _Program(len(program) // 8, program)
    _do("prctl", _SET_SECCOMP, ctypes.c_ulong(_FILTER), ctypes.byref(filter_), *_zeros(2))


def _seal(folder: str) -> None:
    """Make a mount read-only, with whatever else holds for it already."""
    kept = os.statvfs(folder).f_flag & (_NO_SUID | _NO_DEVICES | _NO_EXEC)
    _mount(None, folder, None, _BIND | _REMOUNT | _READ_ONLY | kept)


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    texts = [None if text is None else text.encode() for text in (source, target, kind)]
    _do("mount", *texts, ctypes.c_ulong(flags), data.encode() or None, about=target)


def _prctl(option: int, value: int) -> None:
    _do("prctl", option, ctypes.c_ulong(value), *_zeros(3))


def _zeros(count: int) -> list[Any]:
    return [ctypes.c_ulong(0)] * count


def _do(call: str, *arguments: Any, about: str = "") -> None:
    if getattr(_libc, call)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call} {about}: {os.strerror(number)}")
