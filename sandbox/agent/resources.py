"""What the learner's code may use: memory of the host, and of the GPU where there is one."""

from __future__ import annotations

import ctypes
import os
import resource
import time

import torch

_MADV_HUGEPAGE = 14
_PAGE = resource.getpagesize()
_CHUNK, _CHUNKS = 16 << 20, 8
"""Each small enough to come from the heap (``MALLOC_MMAP_THRESHOLD_``); together what calls of some
milliseconds need, with their inputs."""
_ROUSED_S = 0.002
"""On an H100 a longer time makes no call steadier."""


def warm_heap() -> None:
    """Touch memory ahead of need: a page that a timed call is the first to touch costs it a fault.

    The heap keeps what is freed here (see ``MALLOC_*`` in the sandbox's environment). Where the
    kernel has huge pages these are few faults, at a fraction of the time.
    """
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    size = ctypes.c_size_t(_CHUNK)
    chunks = [place for _ in range(_CHUNKS) if (place := libc.malloc(size))]
    start = min(chunks) // _PAGE * _PAGE
    whole = ctypes.c_size_t(max(chunks) + _CHUNK - start)
    libc.madvise(ctypes.c_void_p(start), whole, _MADV_HUGEPAGE)
    for chunk in chunks:
        ctypes.memset(chunk, 1, _CHUNK)
        libc.free(ctypes.c_void_p(chunk))


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


def rouse_gpu() -> None:
    """Compute for a moment: a GPU that had nothing to do is late to answer, and slow at first.

    Of calls of a millisecond, equal ones differed by a tenth when each found the GPU at rest.
    """
    x = torch.ones(1024, 1024, device="cuda")
    end = time.perf_counter() + _ROUSED_S
    while time.perf_counter() < end:
        x @ x
        torch.cuda.synchronize()
