"""Sandboxes by a Docker engine: one container each, never reused, with runc or gVisor's runsc.

The stream to the agent is a pair of named pipes that are mounted into the container one by one,
not the engine's attach. Attach is framed and goes through the shim and the engine: five
times the latency and a quarter of the throughput of a pipe, as measured in turn on one machine.
A named pipe is a pipe like bubblewrap's, with descriptors that can be lent to a grader. It carries
bytes only, no descriptors; it may be opened in one direction only; and their folder isn't in the
container, so the worker never reads anything there that a learner made.

What this needs: an engine on this host that sees the worker's folder under the same path (a worker
in a container mounts it so), and for runsc the option ``--host-fifo=open``.

Limits are changed in the control group where this process may write there (root), which takes
less than a millisecond, else through the engine, which takes tens of them.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from docker import APIClient
from docker.errors import DockerException, ImageNotFound
from docker.utils import kwargs_from_env

from grading.sandboxes import container, gpus, image, processes
from grading.sandboxes.base import Limits, SandboxUnavailable
from grading.sandboxes.container_group import ContainerGroup
from grading.sandboxes.janitor import Janitor
from grading.sandboxes.named_pipes import NamedPipes
from grading.sandboxes.runtime import make_enterable

END_S = 5.0
WARM_MIB = 256  # what a warm agent takes, where it can't be measured
_REMOVERS = 2


class DockerSandbox:
    """One container, and the agent inside."""

    def __init__(self, backend: Docker, name: str, stream: NamedPipes, limits: Limits) -> None:
        self.reader, self.writer = stream.reader, stream.writer
        self._backend, self._name, self._stream = backend, name, stream
        self._limits, self._memory_mib = limits, limits.memory_mib
        self._reason: str | None = None
        self._gone = False
        self._cpus: str | None = None
        found = backend.client.inspect_container(name)
        # In this order: a number that is reused meanwhile isn't in the container's group.
        self._process = _open_process(found["State"]["Pid"])
        self._group = ContainerGroup.of(found["State"]["Pid"], found["Id"])
        if self._group is None and self._process is not None:
            os.close(self._process)
            self._process = None

    def resize(self, memory_mib: int) -> None:
        """Allow ``memory_mib`` on top of what the warm agent uses."""
        self._memory_mib = memory_mib
        memory_mib += gpus.host_mib(self._backend.gpu)
        if self._group is None or not self._group.set_memory(memory_mib):
            size = f"{memory_mib + WARM_MIB}m"
            self._ask_engine("update_container", mem_limit=size, memswap_limit=size)

    def pin(self, cpus: set[int]) -> None:
        """Allow ``cpus`` to the whole container; the code in it can't change that."""
        wanted = _cpu_list(cpus)
        if wanted == self._cpus:
            return
        self._cpus = wanted
        if self._group is None or not self._group.set_cpus(cpus):
            self._ask_engine("update_container", cpuset_cpus=wanted)

    @property
    def freezes(self) -> bool:
        """Whether ``freeze`` can stop it."""
        return self._group is not None and self._group.freezes

    def freeze(self) -> bool:
        """Stop every process in it, until ``thaw``; return whether all stand still."""
        return self._group is not None and self._group.freeze()

    def thaw(self) -> None:
        """Let its processes go on."""
        if self._group is not None:
            self._group.thaw()

    def cpu_s(self) -> float | None:
        """Return how many seconds its processes have computed; None where nobody can tell."""
        return self._group.cpu_s() if self._group else None

    def pids(self) -> list[int]:
        """Return its processes, if the host's groups are in view."""
        return self._group.pids() if self._group and not self._gone else []

    def alive(self) -> bool:
        """Return whether the agent still holds its end of the stream."""
        return not self._gone and not self._stream.hung_up()

    def exit_reason(self) -> str | None:
        """Return which limit ended the sandbox, if one did. Without a view of the host's control
        groups only "memory" can be told."""
        if self._reason is None and not self._gone:
            self._reason = self._group.exceeded() if self._group else None
            if self._reason is None and not self.alive():
                self._reason = self._engines_reason()
        return self._reason

    def kill(self) -> None:
        """Kill process one; the kernel ends all others with its process namespace."""
        if self._gone:
            return
        self.exit_reason()
        self._gone = True
        self._stream.close()
        if self._process is None:
            self._backend.remove(self._name)
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._process, signal.SIGKILL)
        self.thaw()  # what is frozen can't die (v1)
        processes.ended(self._process, END_S)
        os.close(self._process)
        self._backend.remove_later(self._name)

    def describe(self) -> dict[str, Any]:
        """Return the backend, the image by digest, the runtime and the limits."""
        return {
            **self._backend.describe(),
            "memory_mib": self._memory_mib,
            "processes": self._limits.processes,
        }

    def _engines_reason(self) -> str | None:
        """Ask the engine, which may hear of the end a moment after us."""
        deadline = time.monotonic() + END_S
        with contextlib.suppress(DockerException, OSError):
            if self._group is None:
                self._backend.client.kill(self._name)
            while time.monotonic() < deadline:
                state = self._backend.client.inspect_container(self._name)["State"]
                if state["OOMKilled"]:
                    return "memory"
                if not state["Running"] or self._group is not None:
                    return None
                time.sleep(0.02)
        return None

    def _ask_engine(self, call: str, **what: Any) -> None:
        """A dead sandbox can't be changed; whoever uses it will notice."""
        with contextlib.suppress(DockerException, OSError):
            getattr(self._backend.client, call)(self._name, **what)


class Docker:
    """The backend. ``image_name`` is resolved once; ``folder`` is where streams are kept.

    Every sandbox has ``gpu``, if there is one; ``gpu_driver`` is how the engine knows it.

    Raises:
        SandboxUnavailable: the engine, the image or the runtime isn't there; or it isn't ours.
    """

    disturbs_timing = True
    """Starting a container keeps a core busy for a second."""

    def __init__(
        self,
        image_name: str,
        folder: Path,
        runtime: str = "runc",
        gpu: gpus.Gpu | None = None,
        gpu_driver: str = "nvidia",
    ) -> None:
        self.gpu, self._gpu_driver = gpu, gpu_driver
        self.client = connect()
        self._image, self._runtime = _resolve(self.client, image_name), runtime
        self._engine = _check_runtime(self.client, runtime)
        self._numbers = itertools.count()
        self._first_slot = os.getpid()
        self._removers = ThreadPoolExecutor(_REMOVERS, "sandbox-remover")
        make_enterable(folder)
        self._janitor = Janitor(self.client, folder.resolve())
        self._janitor.sweep()
        self._janitor.sweep_regularly()

    def start(self, limits: Limits) -> DockerSandbox:
        """Start a sandbox.

        Raises:
            SandboxUnavailable: the engine can't, or its container ended at once.
        """
        number = next(self._numbers)
        name = f"sandbox-{self._janitor.owner}-{number}"
        try:
            stream = NamedPipes(self._janitor.folder / str(number))
        except OSError as error:
            raise SandboxUnavailable(f"no named pipes can be made: {error}") from error
        try:
            body = container.settings(
                image=self._image,
                runtime=self._runtime,
                slot=self._first_slot + number,
                limits=limits,
                stream=stream.folder,
                cpus=_cpu_list(os.sched_getaffinity(0)),
                labels=self._janitor.register(name),
                gpu=gpus.device_request(self.gpu, self._gpu_driver) if self.gpu else None,
            )
            self.client.create_container_from_config(body, name)
            self.client.start(name)
            stream.open_writer()
            return DockerSandbox(self, name, stream, limits)
        except (DockerException, OSError) as error:
            stream.close()
            self.remove(name)
            raise SandboxUnavailable(f"the Docker engine could not start it: {error}") from error

    def close(self) -> None:
        """Nothing was started but sandboxes, and those are killed one by one."""

    def remove(self, name: str) -> None:
        """Remove a container; if the engine fails, the janitor will."""
        with contextlib.suppress(DockerException, OSError):
            self._janitor.remove(name)

    def remove_later(self, name: str) -> None:
        """Remove a container that has ended; nobody need wait for the engine."""
        self._removers.submit(self.remove, name)

    def describe(self) -> dict[str, Any]:
        """Return what is the same for all sandboxes of this backend."""
        return {
            "backend": "docker",
            "image": self._image,
            "runtime": self._runtime,
            "engine": self._engine,
            "gpu": self.gpu.uuid if self.gpu else None,
        }


def connect() -> APIClient:
    """Return a client of this host's engine.

    Raises:
        SandboxUnavailable: none answers.
    """
    try:
        client = APIClient(version="auto", **kwargs_from_env())
    except (DockerException, OSError) as error:
        raise SandboxUnavailable(
            "the Docker engine doesn't answer. Is it running, and may this user open its socket "
            f"(DOCKER_HOST, by default /var/run/docker.sock)? {error}"
        ) from error
    if not client.base_url.startswith("http+docker://"):
        raise SandboxUnavailable(
            "DOCKER_HOST names an engine on the network; sandboxes need one on this host"
        )
    return client


def _resolve(client: APIClient, name: str) -> str:
    """Return the digest of the image, so that all sandboxes of this worker are the same."""
    try:
        found = client.inspect_image(name)
    except ImageNotFound as error:
        raise SandboxUnavailable(
            f"there is no image {name} (SANDBOX_IMAGE): run `make sandbox-image`"
        ) from error
    labels = found["Config"].get("Labels") or {}
    if labels.get(image.DIGEST_LABEL) != image.digest():
        raise SandboxUnavailable(
            f"the image {name} was made from another version of sandbox/: run `make sandbox-image`"
        )
    return str(found["Id"])


def _check_runtime(client: APIClient, runtime: str) -> str:
    """Return the engine's version, if it has the runtime."""
    info = client.info()
    if runtime not in info["Runtimes"]:
        raise SandboxUnavailable(
            f"the Docker engine has no runtime {runtime} (SANDBOX_DOCKER_RUNTIME); it has "
            + ", ".join(sorted(info["Runtimes"]))
        )
    return str(info["ServerVersion"])


def _open_process(pid: int) -> int | None:
    """Return a descriptor of the process, if this process may signal it."""
    try:
        process = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(process, 0)
        except OSError:
            os.close(process)
            raise
    except OSError:
        return None
    return process


def _cpu_list(cpus: set[int]) -> str:
    return ",".join(map(str, sorted(cpus)))
