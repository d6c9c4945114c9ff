"""What is done to processes from outside, while they come and go."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from grading.sandboxes import processes


def test_who_started_while_others_were_pinned_is_pinned_too() -> None:
    core = min(os.sched_getaffinity(0))
    children = [subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) for _ in range(3)]
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    looks = iter([[gone.pid, children[0].pid], [child.pid for child in children]])
    last = [child.pid for child in children]
    try:
        processes.pin(lambda: next(looks, last), {core})
        assert all(os.sched_getaffinity(child.pid) == {core} for child in children)
    finally:
        for child in children:
            child.kill()
            child.wait()


def test_every_thread_is_pinned() -> None:
    cores = os.sched_getaffinity(0)
    if len(cores) < 2:
        pytest.skip("one core")
    stop, number = threading.Event(), list[int]()
    thread = threading.Thread(
        target=lambda: (number.append(threading.get_native_id()), stop.wait())
    )
    thread.start()
    try:
        processes.pin(lambda: [os.getpid()], {min(cores)})
        assert os.sched_getaffinity(number[0]) == {min(cores)}
    finally:
        processes.pin(lambda: [os.getpid()], cores)
        stop.set()
        thread.join()
