"""The warm template of bubblewrap sandboxes: imports torch once, then forks one for each request.

Started in a sandbox of its own as ``template.py FD``. It never sees a learner's code: each fork
goes into namespaces of its own and gives up every privilege before it reads a byte. A request on
the Unix socket FD is the bytes of /tmp (u64) and the system call filter, with the descriptors of
the agent's stream, and those of the control group to join; the answer is "ok" with a descriptor
of the sandbox's first process, or a text that says why there is none.
"""

from __future__ import annotations

import gc
import os
import random
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from sandbox.agent import isolation
from sandbox.agent.__main__ import READY, import_torch, serve

REQUEST_BYTES = 1 << 16


def main() -> None:
    """Serve until the worker hangs up."""
    control = socket.socket(fileno=int(sys.argv[1]))
    import_torch()
    gc.collect()
    gc.freeze()  # a collection in a fork would copy every page of what is shared
    control.send(READY)
    while True:
        request, descriptors, _, _ = socket.recv_fds(control, REQUEST_BYTES, 8)
        if not request:
            return
        pid = os.fork()
        if pid == 0:
            _start(control, request, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        os.waitpid(pid, 0)


def _start(control: socket.socket, request: bytes, descriptors: list[int]) -> None:
    """Start a sandbox, tell the worker, and end this process."""
    try:
        reader, writer, *entrances = descriptors
        for entrance in entrances:
            os.write(entrance, b"0")
            os.close(entrance)
        isolation.leave_namespaces()
        fault, report = os.pipe()
        first = os.fork()
        if first == 0:
            control.close()
            os.close(fault)
            _be_first(request, report, reader, writer)
        os.close(report)
        if text := os.read(fault, REQUEST_BYTES):
            raise OSError(text.decode())
        socket.send_fds(control, [b"ok"], [os.pidfd_open(first)])
    except BaseException as error:  # noqa: BLE001  (a fork must never go on as the template)
        control.send(f"{type(error).__name__}: {error}".encode())
    finally:
        os._exit(0)


def _be_first(request: bytes, report: int, reader: int, writer: int) -> None:
    """Be the first process of a sandbox: confine it, start the agent, reap what it orphans."""
    try:
        (scratch_bytes,) = struct.unpack_from("<Q", request)
        isolation.mount_own(scratch_bytes)
        isolation.renounce(request[8:])
    except BaseException as error:  # noqa: BLE001
        os.write(report, str(error).encode())
        os._exit(1)
    os.close(report)
    agent = os.fork()
    if agent == 0:
        _reseed()
        serve(reader, writer)
    os.close(reader)
    os.close(writer)
    while os.wait()[0] != agent:
        pass
    os._exit(0)


def _reseed() -> None:
    """Forks share the state of every generator that was seeded at import."""
    import numpy

    random.seed()
    numpy.random.seed()


if __name__ == "__main__":
    main()
