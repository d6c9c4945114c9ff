"""Start the agent: keep private copies of stdin and stdout, get warm, then serve one submission.

Writes ``READY`` as soon as torch is imported; frames follow.
"""

from __future__ import annotations

import fcntl
import os
import sys
from typing import Any

READY = b"ready"
PRIVATE_FD = 100


def _take_private_streams() -> tuple[int, int]:
    """Move the protocol off fds 0 and 1, so that the learner's prints can't reach it."""
    reader = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, PRIVATE_FD)
    writer = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, PRIVATE_FD)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    return reader, writer


def _warm_up(layer: Any) -> None:
    """Do once what is slow the first time: a backward pass, an optimizer's lazy imports."""
    import torch

    layer(torch.ones(1, 2)).sum().backward()
    torch.optim.SGD(layer.parameters(), lr=0.1).step()


def main() -> None:
    """Serve requests until the other side hangs up."""
    reader, writer = _take_private_streams()
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    import torch

    from sandbox.agent.service import Agent
    from sandbox.wire import Disconnected, Stream

    torch.set_num_threads(1)
    _warm_up(torch.nn.Linear(2, 2))
    os.write(writer, READY)
    agent = Agent(Stream(reader, writer))
    try:
        while True:
            agent.serve_one()
    except Disconnected:
        pass
    finally:
        os._exit(0)  # whatever the learner's code left behind must not hold up the end


if __name__ == "__main__":
    main()
