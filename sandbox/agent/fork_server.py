"""A warm process that forks on request, each fork into a sandbox of its own.

A request on the control socket is the bytes of /tmp (u64), how many descriptors the fork is to have
(u8) and its system call filter, with these descriptors and then those of the control groups that
it joins. The answer is "ok" with a descriptor of the fork's first process, or a text that says
why there is none.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
from collections.abc import Callable
from typing import NoReturn

from sandbox.agent import isolation
from sandbox.agent.supervisor import supervise

READY = b"ready"
HEADER = struct.Struct("<QB")
REQUEST_BYTES = 1 << 16

Run = Callable[[list[int], bool], NoReturn]
"""Takes the descriptors of its request, and whether it replaces another one."""


def serve(
    control: socket.socket, run: Run, *, confined: bool, idle: Callable[[], bool] = lambda: False
) -> None:
    """Fork ``run`` with the descriptors of each request, until the other side hangs up.

    ``idle`` is called while nobody asks, as long as it returns True. A fork that isn't
    ``confined`` keeps this process's rights.
    """
    control.send(READY)
    asked = select.poll()
    asked.register(control, select.POLLIN)
    while True:
        if not asked.poll(0) and idle():
            continue
        request, descriptors, _, _ = socket.recv_fds(control, REQUEST_BYTES, 8)
        if not request:
            return
        if confined:
            pid = os.fork()
            if pid == 0:
                _start(control, request, descriptors, run)
            os.waitpid(pid, 0)
        else:
            _start_here(control, descriptors, run)
        for descriptor in descriptors:
            os.close(descriptor)


def _start_here(control: socket.socket, descriptors: list[int], run: Run) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
    pid = os.fork()
    if pid == 0:
        control.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        run(descriptors, False)
    process = os.pidfd_open(pid)
    socket.send_fds(control, [b"ok"], [process])
    os.close(process)


def _start(control: socket.socket, request: bytes, descriptors: list[int], run: Run) -> NoReturn:
    """Start a sandbox, tell who asked, and end this process."""
    try:
        scratch_bytes, count = HEADER.unpack_from(request)
        for file in descriptors[count:]:
            os.write(file, b"0")
            os.close(file)
        isolation.leave_namespaces()
        fault, report = os.pipe()
        first = os.fork()
        if first == 0:
            control.close()
            os.close(fault)
            _confine(scratch_bytes, request[HEADER.size :], report)
            supervise(lambda again: run(descriptors[:count], again))
        os.close(report)
        if text := os.read(fault, REQUEST_BYTES):
            raise OSError(text.decode())
        socket.send_fds(control, [b"ok"], [os.pidfd_open(first)])
    except BaseException as error:  # noqa: BLE001  (a fork must never go on as the template)
        control.send(f"{type(error).__name__}: {error}".encode())
    finally:
        os._exit(0)


def _confine(scratch_bytes: int, filter_: bytes, report: int) -> None:
    try:
        isolation.mount_own(scratch_bytes)
        isolation.renounce(filter_)
    except BaseException as error:  # noqa: BLE001
        os.write(report, str(error).encode())
        os._exit(1)
    os.close(report)
