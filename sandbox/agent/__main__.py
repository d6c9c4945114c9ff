"""Start the agent: keep private copies of stdin and stdout, get warm, then serve one submission.

Writes ``READY`` as soon as torch is imported; frames follow.
"""

from __future__ import annotations

import fcntl
import gc
import os
import sys
from typing import NoReturn

PRIVATE_FD = 100


def import_torch() -> None:
    """Import what every submission needs, to stay for good: no collection need look at it."""
    gc.disable()
    import torch

    from sandbox.agent import service  # noqa: F401

    torch.set_num_threads(1)
    gc.freeze()
    gc.enable()


def _rehearse() -> None:
    """Touch ahead of need what a submission will touch: code, and memory for its tensors."""
    import torch

    from sandbox.agent.resources import warm_gpu, warm_heap

    warm_heap()
    warm_gpu()
    x = torch.ones(2, 8, 8, requires_grad=True)
    (x @ x.mT).softmax(-1).sum().backward()  # type: ignore[no-untyped-call]


def serve(reader: int, writer: int, again: bool) -> NoReturn:
    """Answer requests until the other side hangs up, then end this process.

    Says ``READY`` first, or a frame of its own when it replaces another one in the middle of a
    conversation. The protocol is moved out of the reach of the learner's prints; 0 and 1 are
    /dev/null.
    """
    private = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, PRIVATE_FD) for fd in (reader, writer)]
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in {0, 1, reader, writer}:
        os.dup2(null, descriptor) if descriptor < 2 else os.close(descriptor)
    os.close(null)
    from sandbox.agent.fork_server import READY
    from sandbox.agent.service import Agent
    from sandbox.peer import RESTARTED
    from sandbox.stream import Disconnected, Stream

    _seed_anew()
    _rehearse()
    if not again:
        os.write(private[1], READY)
    stream = Stream(*private)
    if again:
        stream.send(RESTARTED, [])
    agent = Agent(stream)
    try:
        while True:
            agent.serve_one()
    except Disconnected:
        pass
    finally:
        os._exit(0)  # whatever the learner's code left behind must not hold up the end


def _seed_anew() -> None:
    """Forks share the state of every generator that was seeded at import."""
    import random

    import numpy

    random.seed()
    numpy.random.seed()


def main() -> None:
    """Be the agent of a sandbox that was started for it."""
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    import_torch()
    from sandbox.agent.supervisor import supervise

    supervise(lambda again: serve(0, 1, again))


if __name__ == "__main__":
    main()
