"""What the learner's code may use: memory of the host, and of the GPU where there is one."""

from __future__ import annotations

import os
import resource

import torch


def limit_memory(mebibytes: int) -> None:
    """Let this process map ``mebibytes`` more, for good. Asked for before the learner's code loads.

    An allocation that is refused can be told to the learner, line and all; a control group kills.
    """
    with open("/proc/self/statm") as statm:
        mapped = int(statm.read().split()[0]) * resource.getpagesize()
    ceiling = mapped + (mebibytes << 20)
    resource.setrlimit(resource.RLIMIT_AS, (ceiling, ceiling))


def warm_gpu() -> None:
    """Do ahead of need what is slow the first time: the context, cuBLAS, a kernel."""
    if os.path.exists("/dev/nvidiactl"):
        x = torch.ones(64, 64, device="cuda", requires_grad=True)
        (x @ x).softmax(-1).sum().backward()  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()


def use_gpu(mebibytes: int) -> torch.device:
    """Make the GPU the home of every tensor, with ``mebibytes`` for this process.

    The allocator keeps that bound for code that is honest; for code that isn't, the bound is that
    nobody else uses the GPU meanwhile. Products are of full precision unless code asks for less.
    """
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, (mebibytes << 20) / total))
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    device = torch.device("cuda")
    torch.set_default_device(device)
    return device
