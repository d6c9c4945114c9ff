"""A container's control group, made by the engine and changed here without asking it."""

from __future__ import annotations

import os
from pathlib import Path

from grading.sandboxes import cgroups


class ContainerGroup(cgroups.ControlGroup):
    """The container's control group, seen from the host."""

    @classmethod
    def of(cls, pid: int, container_id: str) -> ContainerGroup | None:
        """Return the container's group, or None where the host's groups aren't in view."""
        try:
            lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
        except OSError:
            return None
        paths: dict[str, str] = {}
        for line in lines:
            _, controllers, path = line.split(":", 2)
            paths |= {name: path.lstrip("/") for name in controllers.split(",")}
        names = ("memory", "pids", "freezer", "cpuacct", "cpuset")
        folders = dict.fromkeys(names, cgroups.MOUNT / paths.get("", ""))
        version = 2
        if all(name in paths for name in names):
            folders = {name: cgroups.MOUNT / name / paths[name] for name in names}
            version = 1
        ours = all(
            container_id in str(folder) and (folder / "cgroup.procs").exists()
            for folder in folders.values()
        )
        return cls(folders, version) if ours else None

    @property
    def freezes(self) -> bool:
        """Whether this process may stop the container's processes."""
        name = "cgroup.freeze" if self._version == 2 else "freezer.state"
        return os.access(self._folders["freezer"] / name, os.W_OK)

    def exceeded(self) -> str | None:
        """Return the limit that has been hit, if one has."""
        if self.out_of_memory():
            return "memory"
        return "process_limit" if self.out_of_processes() else None

    def set_memory(self, memory_mib: int) -> bool:
        """Allow ``memory_mib`` more than is in use; return whether this process may say so."""
        memory = self._folders["memory"]
        try:
            size = str(self._used() + (memory_mib << 20))
            if self._version == 2:
                (memory / "memory.max").write_text(size)
            else:
                _write_both(memory, size)
        except OSError:
            return False
        return True

    def _used(self) -> int:
        """Return the bytes in use that can't be dropped like a file's pages."""
        memory = self._folders["memory"]
        name, prefix = "memory.current", ""
        if self._version == 1:
            name, prefix = "memory.usage_in_bytes", "total_"
        stat = dict(line.split() for line in (memory / "memory.stat").read_text().splitlines())
        files = sum(int(stat[f"{prefix}{kind}active_file"]) for kind in ("", "in"))
        return max(0, int((memory / name).read_text()) - files)


def _write_both(memory: Path, size: str) -> None:
    """Set memory and memory with swap (v1): the first may never be above the second."""
    names = ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]
    if int(size) > int((memory / names[1]).read_text()):
        names.reverse()
    for name in names:
        (memory / name).write_text(size)
