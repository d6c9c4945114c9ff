"""Each promise of the sandbox, probed from inside a real one."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from grading.remote.peer import GraderPeer
from grading.sandboxes.base import Limits, Sandbox, SandboxUnavailable
from grading.sandboxes.pool import Pool
from sandbox.errors import RemoteError
from sandbox.wire import Stream

pytestmark = pytest.mark.sandbox

PROBE = """
import os, socket, ctypes, resource

def read(path):
    with open(path) as file: return file.read()

def attempt(action):
    try:
        return repr(eval(action))
    except BaseException as error:
        return f"{type(error).__name__}: {error}"

def status():
    lines = read("/proc/self/status").splitlines()
    return {k: v.strip() for k, _, v in (line.partition(":") for line in lines)}

def call(number, *args):
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.syscall(number, *args), ctypes.get_errno()

def descriptors():
    found = []
    for fd in range(1024):
        try: found.append(os.readlink(f"/proc/self/fd/{fd}"))
        except OSError: pass
    return found

def daemonise():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            import time
            time.sleep(600)
        os._exit(0)
    return True
"""


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    from django.conf import settings

    from grading.sandboxes.bubblewrap import Bubblewrap
    from grading.setup import find_bubblewrap

    try:
        made = Pool(Bubblewrap(find_bubblewrap(), settings.SANDBOX_RUNTIME_DIR), 1)
        made.take(Limits()).kill()
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    yield made
    made.close()


@pytest.fixture
def sandbox(pool: Pool) -> Iterator[Sandbox]:
    taken = pool.take(Limits(memory_mib=256))
    yield taken
    taken.kill()


@pytest.fixture
def inside(sandbox: Sandbox):
    peer = GraderPeer(Stream(os.dup(sandbox.reader), os.dup(sandbox.writer)))
    peer.stream.deadline = time.monotonic() + 20
    members = peer.request("load", PROBE)
    yield type("Inside", (), members)
    peer.stream.close()


def test_no_network(inside):
    assert "Permission denied" in inside.attempt("socket.socket()")
    assert inside.read("/proc/net/dev").count(":") == 1  # lo


def test_no_privileges(inside):
    status = inside.status()
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"


def test_dangerous_system_calls_are_refused(inside):
    import errno
    import platform

    if platform.machine() != "x86_64":
        pytest.skip("the numbers are those of x86_64")
    for number in (101, 272, 165, 308, 321, 298, 323, 425, 250, 310, 155):
        assert inside.call(number, 0, 0, 0, 0, 0) == (-1, errno.EPERM), number
    assert inside.call(56, 0x10000000, 0, 0, 0, 0) == (-1, errno.EPERM)  # clone(CLONE_NEWUSER)
    assert inside.call(435, 0, 0) == (-1, errno.ENOSYS)  # clone3


def test_the_file_system_is_read_only_but_for_scratch(inside):
    for path in ("/x", "/opt/x", "/opt/site/x", "/proc/sys/kernel/core_pattern"):
        assert "Error" in inside.attempt(f"open({path!r}, 'w')"), path
    assert "TextIOWrapper" in inside.attempt("open('/tmp/x', 'w')")


def test_nothing_of_the_host_is_visible(inside):
    assert inside.read("/proc/1/environ") == ""
    assert set(eval(inside.attempt("list(os.environ)"))) <= {
        *("PATH", "HOME", "LANG", "OMP_NUM_THREADS", "PYTHONHASHSEED", "PWD", "LC_CTYPE"),
        *("TORCHINDUCTOR_CACHE_DIR",),
    }
    roots = eval(inside.attempt("os.listdir('/')"))
    assert not {"home", "work", "var", "run", "sys", "srv"} & set(roots)
    assert inside.attempt("os.listdir('/etc')") == "[]"
    assert inside.attempt("len([p for p in os.listdir('/proc') if p.isdigit()])") in {"1", "2", "3"}


def test_no_descriptor_is_inherited(inside):
    kinds = [name.split(":")[0] for name in inside.descriptors()]
    assert kinds.count("pipe") == 2  # the protocol, and nothing else
    assert not [name for name in inside.descriptors() if name.startswith("socket")]


def test_the_sandbox_is_never_the_hosts_root(sandbox):
    pids = sandbox._pids()
    owners = {Path(f"/proc/{pid}").stat().st_uid for pid in pids}
    assert 0 not in owners and len(pids) >= 2


def test_scratch_space_is_bounded(inside):
    with pytest.raises((RemoteError, OSError)):
        for name in range(40):
            inside.attempt("1")
            assert "Error" not in inside.attempt(
                f"open('/tmp/big{name}', 'wb').write(b'x' * (7 << 20))"
            ) or _raise(OSError("full"))


def _raise(error: Exception) -> None:
    raise error


def test_nothing_survives_a_kill(sandbox, inside):
    assert inside.daemonise()
    pids = sandbox._pids()
    sandbox.kill()
    deadline = time.monotonic() + 5
    while any(map(_lives, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in pids if _lives(pid)]
    sandbox.kill()  # twice does no harm


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_warm_sandbox_is_taken_at_once_and_replaced(pool):
    pool.take(Limits()).kill()
    deadline = time.monotonic() + 30
    while not pool._warm and time.monotonic() < deadline:
        time.sleep(0.1)
    started = time.monotonic()
    taken = pool.take(Limits())
    assert time.monotonic() - started < 1  # against more than a second for a cold one
    assert taken.alive()
    taken.kill()


def test_a_dead_warm_sandbox_is_not_handed_out(pool):
    deadline = time.monotonic() + 30
    while not pool._warm and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(pool._warm[0]._pids()[0], 9)
    time.sleep(0.2)
    taken = pool.take(Limits())
    assert taken.alive()
    taken.kill()
