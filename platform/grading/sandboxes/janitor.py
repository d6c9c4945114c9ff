"""Removes the containers that a killed worker, or a rebooted host, has left behind.

A container's labels name its owner, and the owner holds a lock on a file. The kernel gives the
lock back when the owner dies, however it dies: a lease without a heartbeat, a clock or a process
number that somebody else could get. After a reboot nobody holds it either.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
import shutil
import threading
import time
from pathlib import Path
from typing import Any

from docker import APIClient
from docker.errors import DockerException, NotFound

from grading.sandboxes.container_group import ContainerGroup

ROLE = "llm-course.role"
FOLDER = "llm-course.folder"
OWNER = "llm-course.owner"
STARTED = "llm-course.started"
SWEEP_S = 30.0
_LOCK = "lock"

log = logging.getLogger(__name__)


class Janitor:
    """One owner of containers, and its broom. Safe for threads.

    ``folder`` is shared by all workers of this installation; containers that belong to another
    one are left alone.
    """

    def __init__(self, client: APIClient, folder: Path) -> None:
        self._client, self._root = client, folder
        self._alive: set[str] = set()
        self.owner = f"{os.getpid()}-{secrets.token_hex(8)}"
        self.folder = folder / self.owner
        self._lease = _take_lease(self.folder)

    def register(self, name: str) -> dict[str, str]:
        """Return the labels of the container that is going to be called ``name``."""
        self._alive.add(name)
        return {
            ROLE: "sandbox",
            FOLDER: str(self._root),
            OWNER: self.owner,
            STARTED: str(int(time.time())),
        }

    def remove(self, name: str) -> None:
        """Remove a container, dead or alive; none of that name will do as well.

        Raises:
            DockerException, OSError: the engine doesn't; the next sweep tries again.
        """
        try:
            with contextlib.suppress(NotFound):
                self._client.remove_container(name, force=True, v=True)
        finally:
            self._alive.discard(name)

    def sweep(self) -> int:
        """Remove what has lost its owner, and return how many containers that were.

        Raises:
            DockerException, OSError: the engine doesn't answer.
        """
        swept = 0
        filters = {"label": [f"{ROLE}=sandbox", f"{FOLDER}={self._root}"]}
        for container in self._client.containers(all=True, filters=filters):
            if self._is_lost(container):
                self._thaw(container["Id"])
                self.remove(container["Names"][0].lstrip("/"))
                swept += 1
        for folder in self._root.iterdir():
            if not folder.name.startswith(".") and not self._owns(folder.name):
                shutil.rmtree(folder, ignore_errors=True)
        if swept:
            log.warning("sandbox.swept containers=%d", swept)
        return swept

    def _thaw(self, container_id: str) -> None:
        """Let go on what its owner had frozen when it died: else it can't end."""
        with contextlib.suppress(NotFound):
            pid = self._client.inspect_container(container_id)["State"]["Pid"]
            if (group := ContainerGroup.of(pid, container_id)) is not None:
                group.thaw()

    def sweep_regularly(self) -> None:
        """Sweep now and then, in a thread, as long as the process lives."""
        threading.Thread(target=self._sweep_for_ever, name="sandbox-janitor", daemon=True).start()

    def _sweep_for_ever(self) -> None:
        while True:
            time.sleep(SWEEP_S)
            try:
                self.sweep()
            except (DockerException, OSError) as error:
                log.warning("sandbox.sweep_failed error=%s", type(error).__name__)

    def _is_lost(self, container: dict[str, Any]) -> bool:
        owner = container["Labels"].get(OWNER, "")
        if owner == self.owner:  # of ours, but no sandbox of ours: its removal failed
            return container["Names"][0].lstrip("/") not in self._alive
        return not self._owns(owner)

    def _owns(self, owner: str) -> bool:
        """Return whether ``owner`` lives: whether its lock can't be had."""
        if owner == self.owner:
            return True
        try:
            lock = os.open(self._root / owner / _LOCK, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False


def _take_lease(folder: Path) -> int:
    """Make ``folder`` with a lock in it that is held from the first moment it can be seen."""
    hidden = folder.with_name(f".{folder.name}")
    hidden.mkdir(parents=True)
    # Its name can't be guessed and its parent can't be listed: the only way in is the mount.
    hidden.parent.chmod(0o711)
    hidden.chmod(0o711)
    lock = os.open(hidden / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    hidden.rename(folder)
    return lock
