"""What only the Docker backend promises: one-way pipes, an engine out of reach, no leftovers."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from grading.remote.peer import GraderPeer
from grading.sandboxes import image, runtime, seccomp
from grading.sandboxes.base import Limits, SandboxUnavailable
from sandbox.stream import Disconnected, Stream

ROOT = Path(__file__).resolve().parents[2]

PROBE = """
import os

def attempt(action):
    try:
        return repr(eval(action))
    except BaseException as error:
        return f"{type(error).__name__}: {error}"

def links(pid):
    folder = f"/proc/{pid}/fd"
    return [os.readlink(f"{folder}/{name}") for name in os.listdir(folder)]

def leave_a_child_and_end():
    if os.fork() == 0:
        import time
        time.sleep(600)
    os._exit(0)
"""


@pytest.fixture(scope="module")
def docker(backend):
    return backend("docker")


@pytest.fixture
def sandbox(docker) -> Iterator:
    made = docker.start(Limits())
    assert os.read(made.reader, 5) == b"ready"
    yield made
    made.kill()


@pytest.fixture
def inside(sandbox) -> Iterator:
    peer = GraderPeer(Stream(os.dup(sandbox.reader), os.dup(sandbox.writer)))
    peer.stream.deadline = time.monotonic() + 20
    yield type("Inside", (), peer.request("load", PROBE))
    peer.stream.close()


@pytest.mark.docker
def test_the_pipes_go_one_way_and_the_folder_is_closed(inside):
    assert "Permission" in inside.attempt("os.open('/opt/stream/in', os.O_WRONLY)")
    assert "Permission" in inside.attempt("os.open('/opt/stream/out', os.O_RDONLY)")
    assert inside.attempt("sorted(os.listdir('/opt/stream'))") == "['in', 'out']"
    for action in ("os.mkdir('/opt/stream/x')", "os.chmod('/opt/stream/in', 0o666)"):
        assert "Read-only" in inside.attempt(action) or "Permission" in inside.attempt(action)


@pytest.mark.docker
def test_the_engines_own_pipes_are_out_of_reach(inside):
    assert set(inside.links(1)) <= {"/dev/null"}


@pytest.mark.docker
def test_the_end_of_the_agent_is_seen_at_once_and_its_children_end_with_it(sandbox, inside):
    started = time.monotonic()
    with pytest.raises(Disconnected):
        inside.leave_a_child_and_end()
    assert time.monotonic() - started < 2
    assert not sandbox.alive()
    assert sandbox.exit_reason() is None


@pytest.mark.docker
def test_the_container_is_as_its_settings_say(docker, sandbox):
    found = docker.client.inspect_container(sandbox._name)
    host = found["HostConfig"]
    assert host["NetworkMode"] == "none" and host["ReadonlyRootfs"] and not host["Privileged"]
    assert host["CapDrop"] == ["ALL"] and not host["AutoRemove"]
    assert host["Memory"] == host["MemorySwap"] > 0 and host["PidsLimit"] == 64
    assert host["LogConfig"]["Type"] == "none"
    assert "/proc/kcore" in host["MaskedPaths"] and "/proc/sys" in host["ReadonlyPaths"]
    assert found["Image"] == sandbox.describe()["image"]
    assert found["Config"]["User"] not in {"", "0", "0:0"}


@pytest.mark.docker
def test_no_two_sandboxes_share_a_user(docker):
    pair = [docker.start(Limits()) for _ in range(2)]
    users = {docker.client.inspect_container(each._name)["Config"]["User"] for each in pair}
    for each in pair:
        each.kill()
    assert len(users) == 2


@pytest.mark.docker
def test_limits_can_be_changed_without_a_view_of_control_groups(docker, monkeypatch):
    from grading.sandboxes.docker import ContainerGroup

    monkeypatch.setattr(ContainerGroup, "of", lambda *_: None)
    made = docker.start(Limits())
    assert os.read(made.reader, 5) == b"ready"
    made.resize(300)
    made.pin({0})
    host = docker.client.inspect_container(made._name)["HostConfig"]
    assert host["Memory"] == (300 + 256) << 20 and host["CpusetCpus"] == "0"
    peer = GraderPeer(Stream(os.dup(made.reader), os.dup(made.writer)))
    members = peer.request("load", "def eat():\n    x = []\n    while True: x.append(b'x' * 10**7)")
    peer.stream.deadline = time.monotonic() + 20
    with pytest.raises(Disconnected):
        members["eat"]()
    assert made.exit_reason() == "memory"
    made.kill()
    peer.stream.close()
    assert not _exists(docker, made._name)


@pytest.mark.docker
def test_a_killed_sandbox_leaves_nothing(docker):
    made = docker.start(Limits())
    folder = made._stream.folder
    made.kill()
    made.kill()
    assert not folder.exists()
    _wait_until(lambda: not _exists(docker, made._name))


LEAVE_BEHIND = """
import os, sys, time
import django
django.setup()
from grading.sandboxes.base import Limits
from grading.setup import make_backend
sandbox = make_backend("docker").start(Limits())
assert os.read(sandbox.reader, 5) == b"ready"
print(sandbox._name, flush=True)
time.sleep(600)
"""


@pytest.mark.docker
def test_what_a_killed_worker_left_is_removed_and_what_a_live_one_has_is_not(docker, sandbox):
    worker = subprocess.Popen(
        [sys.executable, "-c", LEAVE_BEHIND],
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}",
            "DJANGO_SETTINGS_MODULE": "config.settings",
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    left = worker.stdout.readline().strip()
    owner = left.removeprefix("sandbox-").rpartition("-")[0]
    assert _exists(docker, left)
    docker._janitor.sweep()
    assert _exists(docker, left)  # its worker lives

    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    docker._janitor.sweep()
    assert not _exists(docker, left)
    assert not (docker._janitor.folder.parent / owner).exists()
    assert sandbox.alive() and _exists(docker, sandbox._name)


@pytest.mark.docker
def test_a_container_whose_creation_got_lost_is_removed(docker, sandbox):
    labels = docker._janitor.register("sandbox-lost")
    body = {"Image": docker._image, "Entrypoint": ["/bin/sleep", "60"], "Labels": labels}
    docker.client.create_container_from_config(body, "sandbox-lost")
    docker._janitor._alive.discard("sandbox-lost")
    assert docker._janitor.sweep() >= 1
    assert not _exists(docker, "sandbox-lost") and _exists(docker, sandbox._name)


@pytest.mark.docker
def test_what_is_missing_is_said(docker, settings, monkeypatch):
    from grading.sandboxes.docker import Docker

    folder = docker._janitor.folder.parent
    with pytest.raises(SandboxUnavailable, match="run `make sandbox-image`"):
        Docker("no-such-image", folder)
    with pytest.raises(SandboxUnavailable, match="no runtime nothing"):
        Docker(settings.SANDBOX_IMAGE, folder, "nothing")
    monkeypatch.setattr(image, "digest", lambda: "another")
    with pytest.raises(SandboxUnavailable, match="another version of sandbox/"):
        Docker(settings.SANDBOX_IMAGE, folder)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(SandboxUnavailable, match="doesn't answer"):
        Docker(settings.SANDBOX_IMAGE, folder)


@pytest.mark.docker
def test_an_engine_that_went_away_makes_no_other_exception(docker, monkeypatch):
    def gone(*_):
        raise ConnectionError(errno.ECONNREFUSED, "refused")

    monkeypatch.setattr(docker.client, "create_container_from_config", gone)
    with pytest.raises(SandboxUnavailable, match="could not start"):
        docker.start(Limits())


def test_both_filters_come_from_one_list():
    import json

    rules = json.loads(seccomp.profile())["syscalls"]
    refused = {name for rule in rules for name in rule["names"]}
    assert set(seccomp._DENIED) - refused <= {"modify_ldt", "iopl", "ioperm"}  # x86 only
    assert {"clone", "clone3", "socket", "socketpair"} <= refused
    bits = [rule["args"][0]["value"] for rule in rules if rule["names"] == ["clone"]]
    assert sum(bits) == seccomp._NEW_NAMESPACES


def test_the_image_has_the_packages_of_this_environment():
    pinned = _pins(ROOT / "constraints.txt")
    ours = _pins(ROOT / "sandbox" / "requirements.txt")
    assert {"torch", "numpy", "msgpack"} <= ours.keys()
    assert not {name for name in ours.keys() & pinned.keys() if ours[name] != pinned[name]}
    assert set(ours) == {
        canonicalize_name(d.name) for d in runtime._closure(runtime.AGENT.packages)
    }


def _pins(file: Path) -> dict[str, str]:
    lines = [line.partition("#")[0].strip() for line in file.read_text().splitlines()]
    pairs = [line.split("==") for line in lines if "==" in line]
    return {name.lower().replace("_", "-"): version for name, version in pairs}


def _exists(docker, name: str) -> bool:
    return bool(docker.client.containers(all=True, filters={"name": f"^/{name}$"}))


def _wait_until(condition, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition()
