"""Sandboxes forked from one template know nothing of each other, and the template can be lost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from grading.remote.peer import GraderPeer
from grading.sandboxes.base import Limits, SandboxUnavailable
from grading.sandboxes.bubblewrap import Bubblewrap, BubblewrapSandbox
from sandbox.stream import Stream

pytestmark = pytest.mark.sandbox

PROBE = """
import os, random, socket
import numpy

def attempt(action):
    try:
        return repr(eval(action))
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
"""


@pytest.fixture(scope="module")
def bubblewrap(backend) -> Iterator[Bubblewrap]:
    made = backend("bubblewrap")
    yield made
    made.close()


class Inside:
    """A sandbox and a way to run an expression in it."""

    def __init__(self, sandbox: BubblewrapSandbox) -> None:
        self.sandbox = sandbox
        os.set_blocking(sandbox.reader, True)
        assert os.read(sandbox.reader, 5) == b"ready"
        peer = GraderPeer(Stream(os.dup(sandbox.reader), os.dup(sandbox.writer)))
        peer.stream.deadline = time.monotonic() + 20
        self.attempt = peer.request("load", PROBE)["attempt"]


@pytest.fixture
def siblings(bubblewrap: Bubblewrap) -> Iterator[tuple[Inside, Inside]]:
    pair = [bubblewrap.start(Limits()) for _ in range(2)]
    yield Inside(pair[0]), Inside(pair[1])
    for sandbox in pair:
        sandbox.kill()


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])
def test_scratch_is_a_siblings_own(siblings, folder):
    one, other = siblings
    assert one.attempt(f"open('{folder}/note', 'w').write('x')") == "1"
    assert other.attempt(f"os.listdir('{folder}')") == "[]"


def test_no_folder_is_shared_for_writing(siblings):
    one, _ = siblings
    assert "Read-only file system" in one.attempt("open('/dev/note', 'w')")
    assert "Error" in one.attempt("open('/dev/ptmx', 'r+b')")
    assert one.attempt("os.listdir('/dev/pts')") == "[]"


def test_siblings_have_no_common_names(siblings):
    one, other = siblings
    listen = "socket.socket(socket.AF_UNIX)"
    one.attempt(f"globals().__setitem__('s', {listen})")
    one.attempt("s.bind('\\0here')")
    one.attempt("s.listen()")
    assert "refused" in other.attempt(f"{listen}.connect('\\0here')")
    for name in ("pid", "net", "ipc", "mnt", "uts", "cgroup"):
        link = f"os.readlink('/proc/self/ns/{name}')"
        assert one.attempt(link) != other.attempt(link), name


def test_siblings_draw_different_numbers(siblings):
    one, other = siblings
    for draw in ("random.random()", "numpy.random.rand()"):
        assert one.attempt(draw) != other.attempt(draw)


def test_orphans_are_reaped(siblings):
    one, _ = siblings
    one.attempt("[os.fork() or (os.fork(), os._exit(0)) and None for _ in range(1)]")
    one.attempt("os.wait()")
    time.sleep(0.3)
    states = (
        "[open(f'/proc/{p}/stat').read().rpartition(')')[2].split()[0] "
        "for p in os.listdir('/proc') if p.isdigit()]"
    )
    assert "Z" not in one.attempt(states)


def test_a_lost_template_costs_one_start(bubblewrap: Bubblewrap):
    bubblewrap.start(Limits()).kill()
    template = bubblewrap._template
    os.kill(template._process.pid, signal.SIGKILL)
    template._process.wait()
    with pytest.raises(SandboxUnavailable):
        bubblewrap.start(Limits())
    Inside(bubblewrap.start(Limits())).sandbox.kill()


def test_what_the_kernel_refuses_is_told(bubblewrap: Bubblewrap):
    bubblewrap.start(Limits()).kill()
    ends = os.pipe()
    try:
        with pytest.raises(SandboxUnavailable, match="prctl"):
            bubblewrap._template.fork([*ends], [], 16, b"not a filter")
    finally:
        for end in ends:
            os.close(end)
