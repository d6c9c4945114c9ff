"""Each promise of the sandbox, probed from inside a real one of either kind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grading.remote.peer import GraderPeer
from grading.sandboxes.base import ENVIRONMENT, Backend, Limits, Sandbox
from grading.sandboxes.bubblewrap import BubblewrapSandbox
from grading.sandboxes.pool import Pool
from sandbox.errors import RemoteError
from sandbox.stream import Disconnected, Stream

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

def start_spinning():
    import threading
    def spin():
        while True: pass
    threading.Thread(target=spin, daemon=True).start()

def fill_memory_files(megabytes):
    resource.setrlimit(resource.RLIMIT_FSIZE, (128 << 20, 128 << 20))
    kept = []
    for _ in range(megabytes // 100):
        kept.append(os.memfd_create("x"))
        for _ in range(100):
            os.write(kept[-1], b"x" * (1 << 20))
    return True

def daemonise():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            import time
            time.sleep(600)
        os._exit(0)
    return True
"""


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("bubblewrap", marks=pytest.mark.sandbox),
        pytest.param("docker", marks=pytest.mark.docker),
    ],
)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def pool(kind: str, backend: Callable[[str], Backend]) -> Iterator[Pool]:
    made = Pool(backend(kind), 1)
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
    peer.request("limit", 256, 0)
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


def test_nothing_of_the_host_is_visible(inside, kind):
    seen = set(eval(inside.attempt("list(os.environ)")))
    seen |= {entry.split("=")[0] for entry in inside.read("/proc/1/environ").split("\0") if entry}
    assert seen <= ENVIRONMENT.keys() | {"PWD", "LC_CTYPE", "TORCHINDUCTOR_CACHE_DIR", "HOSTNAME"}
    roots = eval(inside.attempt("os.listdir('/')"))
    theirs = {"sys"} if kind == "docker" else set()  # mounted by the engine, read-only
    assert not {"home", "var", "run", "sys", "srv"} & set(roots) - theirs
    assert inside.attempt(f"os.path.exists({str(Path(__file__).parents[2])!r})") == "False"
    assert inside.attempt("len([p for p in os.listdir('/proc') if p.isdigit()])") in {"1", "2", "3"}


def test_etc_tells_nothing(inside, kind):
    files = set(eval(inside.attempt("os.listdir('/etc')")))
    if kind == "bubblewrap":
        assert not files
        return
    # The loader's, and what the engine puts there.
    loader = {"ld.so.cache", "ld.so.conf", "ld.so.conf.d"}
    assert files <= loader | {"hosts", "hostname", "resolv.conf", "mtab"}
    assert inside.read("/etc/hostname") == "sandbox\n"
    resolvers = inside.read("/etc/resolv.conf").splitlines()
    assert {line.split()[1] for line in resolvers if line.startswith("nameserver")} == {"127.0.0.1"}
    assert not [line for line in resolvers if line.startswith("search")]


def test_no_descriptor_is_inherited(inside, kind):
    names = inside.descriptors()
    assert not [name for name in names if name.startswith("socket")]
    pipes = [name for name in names if name.startswith(("pipe:", "/opt/stream/"))]
    assert len(pipes) == 2  # the protocol, and nothing else


def test_the_sandbox_is_never_the_hosts_root(sandbox):
    pids = pids_of(sandbox)
    owners = {Path(f"/proc/{pid}").stat().st_uid for pid in pids}
    assert 0 not in owners and len(pids) >= 2


def pids_of(sandbox: Sandbox) -> list[int]:
    """Return the sandbox's processes, one that all others depend on first."""
    if isinstance(sandbox, BubblewrapSandbox):
        return sandbox.pids()
    members = sandbox._group._folders["pids"] / "cgroup.procs"
    return sorted(map(int, members.read_text().split()))


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
    pids = pids_of(sandbox)
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
    os.kill(pids_of(pool._warm[0])[0], 9)
    time.sleep(0.2)
    taken = pool.take(Limits())
    assert taken.alive()
    taken.kill()


def test_cores_can_be_chosen(sandbox, inside):
    core = max(os.sched_getaffinity(0))
    sandbox.pin({core})
    assert eval(inside.attempt("os.sched_getaffinity(0)")) == {core}


def test_no_signal_wakes_what_is_frozen(sandbox, inside):
    assert sandbox.freezes, "this process may not make control groups with a freezer"
    inside.start_spinning()
    before = sandbox.cpu_s()
    time.sleep(0.05)
    assert sandbox.cpu_s() > before
    assert sandbox.freeze()
    before = sandbox.cpu_s()
    for pid in pids_of(sandbox):
        os.kill(pid, signal.SIGCONT)
    time.sleep(0.05)
    assert sandbox.cpu_s() == before
    sandbox.thaw()
    time.sleep(0.05)
    assert sandbox.cpu_s() > before


def test_what_is_frozen_can_be_killed(sandbox):
    pids = pids_of(sandbox)
    assert sandbox.freeze()
    sandbox.kill()
    assert not any(map(_lives, pids))


def test_memory_beyond_the_limit_is_refused_or_ends_it(sandbox, inside):
    try:
        assert "Error" in inside.attempt("len(bytearray(b'x' * (400 << 20)))")
    except Disconnected:
        assert sandbox.exit_reason() == "memory"


def test_memory_that_no_process_maps_counts_too(sandbox, inside):
    with pytest.raises(Disconnected):
        inside.fill_memory_files(900)
    assert sandbox.exit_reason() == "memory"


def test_a_sandbox_says_what_it_is(sandbox, kind):
    said = sandbox.describe()
    assert said["backend"] == kind and said["memory_mib"] == 256
