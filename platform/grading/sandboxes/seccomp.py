"""The system calls that a sandbox has no business making: one list, for every backend.

Everything else is allowed: namespaces, capabilities and limits hold the rest. The list is that of
Docker's default profile, less what it allows to root only and what has been a way out before.
Bubblewrap takes it as a classic BPF program, a Docker engine as a profile in JSON.
"""

from __future__ import annotations

import errno
import json
import platform
import struct
from typing import Any

_LOAD, _JUMP_EQ, _JUMP_GE, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER_AT, _ARCH_AT, _ARG0_AT = 0, 4, 16
_NEW_NAMESPACES = (
    0x7E020080  # CLONE_NEWTIME | NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET
)
_AF_UNIX = 1

_ARCHES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# name: (x86_64, aarch64); None where the architecture lacks the call
_DENIED: dict[str, tuple[int | None, int | None]] = {
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "userfaultfd": (323, 282),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "vmsplice": (278, 75),
    "syslog": (103, 116),
    "memfd_secret": (447, 447),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "pidfd_getfd": (438, 438),
    "mbind": (237, 235),
    "set_mempolicy": (238, 237),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "personality": (135, 92),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    # Timers that fire while a sandbox is frozen take their time from whoever's turn it is.
    "timer_create": (222, 107),
    "timerfd_create": (283, 85),
    "modify_ldt": (154, None),
    "iopl": (172, None),
    "ioperm": (173, None),
    "msgget": (68, 186),
    "semget": (64, 190),
    "shmget": (29, 194),
    "mq_open": (240, 180),
}
_MEMFD = {"x86_64": 319, "aarch64": 279}
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE3 = 435
_SOCKET = {"x86_64": (41, 53), "aarch64": (198, 199)}


def program(*, memfd: bool) -> bytes:
    """Return the filter for this machine; ``memfd`` says whether memory files may be made.

    Raises:
        NotImplementedError: the machine's architecture isn't known here.
    """
    machine = platform.machine()
    if machine not in _ARCHES:
        raise NotImplementedError(f"no seccomp filter is written for {machine}")
    index = list(_ARCHES).index(machine)
    denied = [numbers[index] for numbers in _DENIED.values()]
    if not memfd:
        denied.append(_MEMFD[machine])
    code = [
        _op(_LOAD, _ARCH_AT),
        _op(_JUMP_EQ, _ARCHES[machine], 1, 0),
        _op(_RETURN, _KILL),
        _op(_LOAD, _NUMBER_AT),
        _op(_JUMP_GE, 0x40000000, 0, 1),  # the x32 calls of x86_64
        _op(_RETURN, _ERRNO | errno.ENOSYS),
    ]
    for number in denied:
        if number is not None:
            code += [_op(_JUMP_EQ, number, 0, 1), _op(_RETURN, _ERRNO | errno.EPERM)]
    code += [_op(_JUMP_EQ, _CLONE3, 0, 1), _op(_RETURN, _ERRNO | errno.ENOSYS)]
    code += [
        _op(_JUMP_EQ, _CLONE[machine], 0, 4),
        _op(_LOAD, _ARG0_AT),
        _op(_JUMP_SET, _NEW_NAMESPACES, 0, 1),
        _op(_RETURN, _ERRNO | errno.EPERM),
        _op(_RETURN, _ALLOW),
    ]
    for number in _SOCKET[machine]:
        code += [
            _op(_JUMP_EQ, number, 0, 4),
            _op(_LOAD, _ARG0_AT),
            _op(_JUMP_EQ, _AF_UNIX, 1, 0),
            _op(_RETURN, _ERRNO | errno.EACCES),
            _op(_RETURN, _ALLOW),
        ]
    return b"".join([*code, _op(_RETURN, _ALLOW)])


def profile() -> str:
    """Return the same filter for a Docker engine; memory files are the control group's matter.

    Raises:
        NotImplementedError: the machine's architecture isn't known here.
    """
    machine = platform.machine()
    if machine not in _ARCHES:
        raise NotImplementedError(f"no seccomp filter is written for {machine}")
    index = list(_ARCHES).index(machine)
    denied = [name for name, numbers in _DENIED.items() if numbers[index] is not None]
    bits = [1 << bit for bit in range(32) if _NEW_NAMESPACES >> bit & 1]
    rules = [
        _refuse(denied, errno.EPERM),
        _refuse(["clone3"], errno.ENOSYS),
        *(
            _refuse(["clone"], errno.EPERM, op="SCMP_CMP_MASKED_EQ", value=bit, valueTwo=bit)
            for bit in bits
        ),
        _refuse(["socket", "socketpair"], errno.EACCES, op="SCMP_CMP_NE", value=_AF_UNIX),
    ]
    return json.dumps(
        {
            "defaultAction": "SCMP_ACT_ALLOW",
            # Naming one keeps out the calls of all others, the x32 ones among them.
            "architectures": [f"SCMP_ARCH_{machine.upper()}"],
            "syscalls": rules,
        }
    )


def _refuse(names: list[str], error: int, **first_argument: Any) -> dict[str, Any]:
    rule: dict[str, Any] = {"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": error}
    return rule | ({"args": [{"index": 0, **first_argument}]} if first_argument else {})


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)
