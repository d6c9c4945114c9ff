"""The warm template of bubblewrap sandboxes: imports torch once, then forks an agent for each.

Started in a sandbox of its own as ``template.py FD``. It never sees a learner's code: each fork
goes into namespaces of its own and gives up every privilege before it reads a byte.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
from typing import NoReturn

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from sandbox.agent import fork_server
from sandbox.agent.__main__ import import_torch, serve


def main() -> None:
    """Serve until the worker hangs up."""
    import_torch()
    _step_once()
    gc.collect()
    gc.freeze()  # a collection in a fork would copy every page of what is shared
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)  # so far what went wrong was told to the worker; forks must not reach it
    os.close(null)
    fork_server.serve(socket.socket(fileno=int(sys.argv[1])), _agent, confined=True)


def _step_once() -> None:
    """Take an optimizer's first step, which imports torch's compiler: a second, for all forks.

    Containers can't share it, and leave it to who takes a step. No backward pass: a process that
    has had one can't fork others that have one.
    """
    import torch

    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.grad = torch.ones(2)
    torch.optim.SGD([parameter], lr=0.1).step()


def _agent(stream: list[int], again: bool) -> NoReturn:
    serve(stream[0], stream[1], again)


if __name__ == "__main__":
    main()
