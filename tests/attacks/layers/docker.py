"""The layers of a container: each is a setting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from grading.sandboxes import container
from tests.attacks.layers.base import CANARY, Layer


def _settings(name: str, change: Callable[[dict[str, Any]], None]) -> Layer:
    """Return a layer of a container: ``change`` what the engine is asked for."""

    def patch_(patch: pytest.MonkeyPatch) -> None:
        honest = container.settings

        def settings(**given: Any) -> dict[str, Any]:
            made = honest(**given)
            change(made)
            return made

        patch.setattr(container, "settings", settings)

    return Layer(name, patch=patch_, backend="docker")


def _host(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda made: made["HostConfig"].update(changes)


def _without_filter(made: dict[str, Any]) -> None:
    made["HostConfig"]["SecurityOpt"] = ["no-new-privileges:true", "seccomp=unconfined"]


def _may_gain_privileges(made: dict[str, Any]) -> None:
    options = made["HostConfig"]["SecurityOpt"]
    made["HostConfig"]["SecurityOpt"] = [o for o in options if not o.startswith("no-new")]


def _unbounded_scratch(made: dict[str, Any]) -> None:
    tmpfs = "rw,nosuid,nodev,size=4g,nr_inodes=200000,mode=1777"
    made["HostConfig"]["Tmpfs"] = {"/tmp": tmpfs, "/dev/shm": tmpfs}


def _unbounded_memory(patch: pytest.MonkeyPatch) -> None:
    from grading.sandboxes.docker import DockerSandbox

    layer = _settings("memory limit", _host(Memory=0, MemorySwap=0))
    assert layer.patch is not None
    layer.patch(patch)
    patch.setattr(DockerSandbox, "resize", lambda sandbox, memory_mib: None)


def _suid_scratch(made: dict[str, Any]) -> None:
    tmpfs = made["HostConfig"]["Tmpfs"]
    for folder, options in tmpfs.items():
        tmpfs[folder] = options.replace("nosuid,nodev", "suid,dev")


LAYERS = [
    _settings("network", _host(NetworkMode="bridge")),
    _settings("capabilities", _host(CapDrop=[])),
    _settings("seccomp", _without_filter),
    _settings("no new privileges", _may_gain_privileges),
    _settings("read-only root", _host(ReadonlyRootfs=False)),
    _settings("process limit", _host(PidsLimit=4000)),
    Layer("memory limit", patch=_unbounded_memory, backend="docker"),
    _settings("scratch size", _unbounded_scratch),
    _settings("inodes", _unbounded_scratch),
    _settings("nosuid", _suid_scratch),
    _settings("resource limits", _host(Ulimits=[])),
    _settings("unprivileged user", lambda made: made.update(User="0:0")),
    _settings("masked paths", _host(MaskedPaths=[], ReadonlyPaths=[])),
    _settings("pid namespace", _host(PidMode="host")),
    _settings("ipc namespace", _host(IpcMode="host")),
    _settings("cgroup namespace", _host(CgroupnsMode="host")),
    _settings("uts namespace", _host(UTSMode="host")),
    _settings("environment", lambda made: made["Env"].append(f"SITE_SECRET={CANARY}")),
]
