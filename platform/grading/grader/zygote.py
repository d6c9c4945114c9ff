"""The fork server: imports torch and pytest once, then forks a warm grader for each submission.

Started by the worker, in a sandbox of its own as ``zygote.py FD``, or as ``python -m
grading.grader.zygote --unconfined FD``. Each request on the Unix socket FD carries the descriptor
of one grader's line to the worker; see sandbox/agent/fork_server.py.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import resource
import signal
import socket
import sys
import tempfile
from collections import deque
from pathlib import Path
from typing import NoReturn

if __name__ == "__main__" and "--unconfined" not in sys.argv:
    # Isolated mode: nothing is on the path but Python's own.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import _pytest.assertion
import _pytest.runner  # noqa: F401  (imported once here, not in each fork)
import pytest
import torch

from grading.grader.faults import out_of_memory
from grading.grader.plugin import GraderPlugin
from grading.grader.session import PYTEST_OPTIONS, Session
from grading.grader.worker_line import WorkerLine
from sandbox.agent import fork_server

# Imported while nobody waits: what an optimizer's first step needs (torch's compiler), and what
# hidden tests commonly compare with.
PRELOAD = (
    "sandbox.agent.service",
    "torch._dynamo",
    "torch.testing",
    "transformers.models.gpt2.modeling_gpt2",
    "transformers.models.llama.modeling_llama",
)

DATA_MIB = 3072
"""What one grading may add to the memory of this process: results that a test holds, copies of
them, gradients, modules. A submission decides how large those are, so a lack of memory has to be an
error here, which can be told, before a control group or the host kills (``MEMORY_MIB``)."""


def main() -> None:
    """Serve until the worker hangs up."""
    torch.set_num_threads(1)
    _rehearse_pytest()
    gc.freeze()  # pytest collects garbage over the whole heap twice per session otherwise
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the worker's affair
    preload = deque(PRELOAD)

    def idle() -> bool:
        if preload:
            _preload(preload.popleft())
        return bool(preload)

    control = socket.socket(fileno=int(sys.argv[-1]))
    fork_server.serve(control, _grade, confined="--unconfined" not in sys.argv, idle=idle)


def _rehearse_pytest() -> None:
    """Run pytest once on an empty test: its plugins and their lazy imports are then warm."""
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as null:
        test = Path(folder, "test_nothing.py")
        test.write_text("def test_nothing(): pass\n")
        with contextlib.redirect_stdout(null), contextlib.redirect_stderr(null):
            pytest.main([*PYTEST_OPTIONS, f"--rootdir={folder}", str(test)])
    sys.modules.pop("test_nothing", None)


def _preload(name: str) -> None:
    try:
        importlib.import_module(name)
    except ImportError:  # not installed here: then no grader of this site uses it
        return
    gc.freeze()


def _grade(descriptors: list[int], _again: bool) -> NoReturn:
    """Grade one submission, tell the worker, and end this fork."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(null, descriptor)
    _limit_data()
    line = WorkerLine(socket.socket(fileno=descriptors[0]))
    try:
        Session(line).run(GraderPlugin)
        line.hang_up()
    except BaseException as error:  # noqa: BLE001  (whatever it is, it is ours to report)
        line.fault(f"{type(error).__name__}: {error}", memory=out_of_memory(error))
        os._exit(1)
    os._exit(0)


def _limit_data() -> None:
    with open("/proc/self/statm") as statm:
        data = int(statm.read().split()[5]) * resource.getpagesize()
    ceiling = data + (DATA_MIB << 20)
    resource.setrlimit(resource.RLIMIT_DATA, (ceiling, ceiling))


if __name__ == "__main__":
    main()
