"""The layers of isolation, and how each is switched off: in these tests only.

A layer of the sandbox, or of the grader, is a few lines of a file that bubblewrap puts into their
tree: an edited copy is bound over it. A layer of the worker is patched in this process. Of a
container it is a setting.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from grading import forks
from grading.sandboxes import bubblewrap, cgroups, container, forkserver, seccomp
from tests.attacks.watch import WatchedPool

ROOT = Path(__file__).resolve().parents[2]
SITE = "/opt/site"
CANARY = "CANARY-0123456789abcdef0123456789abcdef"

Patch = Callable[[pytest.MonkeyPatch], None]
Command = Callable[..., list[str]]


@dataclass(frozen=True)
class Edit:
    """Replace ``old`` by ``new`` in a file of the tree; ``new`` may be empty."""

    file: str
    old: str
    new: str = ""

    def apply(self, text: str) -> str:
        """Return the edited text.

        Raises:
            LookupError: the file has changed, so this edit must change as well.
        """
        if self.old not in text:
            raise LookupError(f"{self.file} has no {self.old!r} any more")
        return text.replace(self.old, self.new)


@dataclass(frozen=True)
class Layer:
    """One layer: ``edits`` go into the tree of ``side``, ``patch`` into this process."""

    name: str
    side: str = "sandbox"
    edits: tuple[Edit, ...] = ()
    patch: Patch | None = None
    backend: str = "bubblewrap"

    @contextlib.contextmanager
    def off(self) -> Iterator[pytest.MonkeyPatch]:
        """Switch it off for whatever is started meanwhile."""
        folder = Path(tempfile.mkdtemp(prefix="sabotage-", dir="/tmp"))
        folder.chmod(0o755)
        try:
            with pytest.MonkeyPatch.context() as patch:
                if self.edits:
                    module = bubblewrap if self.side == "sandbox" else forks
                    bound = self._bound(folder)
                    patch.setattr(module, "in_bubblewrap", _with(forkserver.in_bubblewrap, bound))
                if self.patch is not None:
                    self.patch(patch)
                yield patch
        finally:
            shutil.rmtree(folder)

    def edited(self) -> dict[str, str]:
        """Return the edited files' texts.

        Raises:
            LookupError: one has changed, so its edit must change as well.
        """
        texts: dict[str, str] = {}
        for edit in self.edits:
            texts[edit.file] = edit.apply(texts.get(edit.file) or _source(edit.file))
        return texts

    def _bound(self, folder: Path) -> list[str]:
        """Return bwrap's options that put the edited files into the tree."""
        options: list[str] = []
        for number, (file, text) in enumerate(self.edited().items()):
            copy = folder / f"{number}.py"
            copy.write_text(text, "utf-8")
            copy.chmod(0o644)
            options += ["--ro-bind", str(copy), f"{SITE}/{file}"]
        return options


def _source(file: str) -> str:
    top = ROOT if file.startswith("sandbox/") else ROOT / "platform"
    return (top / file).read_text("utf-8")


def _with(command: Command, options: list[str]) -> Command:
    """Return ``in_bubblewrap`` with options behind those that make the tree."""

    def make(*arguments: Any, **more: Any) -> list[str]:
        made = command(*arguments, **more)
        place = made.index("--remount-ro") if "--remount-ro" in made else made.index("--")
        return [*made[:place], *options, *made[place:]]

    return make


def _isolation(name: str, *pairs: tuple[str, str]) -> Layer:
    file = "sandbox/agent/isolation.py"
    return Layer(name, edits=tuple(Edit(file, old, new) for old, new in pairs))


def _grader(name: str, file: str, *pairs: tuple[str, str]) -> Layer:
    return Layer(name, side="grader", edits=tuple(Edit(file, old, new) for old, new in pairs))


def _allow_every_call(patch: pytest.MonkeyPatch) -> None:
    allow = struct.pack("<HBBI", 0x06, 0, 0, 0x7FFF0000)
    patch.setattr(seccomp, "program", lambda *, memfd: allow)


def _limit_less(memory: bool) -> Patch:
    def patch_(patch: pytest.MonkeyPatch) -> None:
        honest = cgroups.ControlGroup.limit

        def limit(group: cgroups.ControlGroup, memory_mib: int, processes: int) -> None:
            honest(group, 8192 if memory else memory_mib, processes if memory else 4000)

        patch.setattr(cgroups.ControlGroup, "limit", limit)

    return patch_


def _leak_descriptor(patch: pytest.MonkeyPatch) -> None:
    file = tempfile.TemporaryFile()  # noqa: SIM115  (as long as the process that leaks it)
    file.write(CANARY.encode())
    file.flush()
    descriptor = os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDONLY)
    _popen(patch, lambda more: more | {"pass_fds": [*more["pass_fds"], descriptor]})


def _keep_environment(patch: pytest.MonkeyPatch) -> None:
    _popen(patch, lambda more: more | {"env": {**os.environ, "SITE_SECRET": CANARY}})
    honest = forkserver.in_bubblewrap

    def command(*arguments: Any) -> list[str]:
        return [part for part in honest(*arguments) if part != "--clearenv"]

    patch.setattr(bubblewrap, "in_bubblewrap", command)


def _popen(patch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    class Popen(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, command: list[str], **more: Any) -> None:
            super().__init__(
                command, **(change(more) if command[-2].endswith("template.py") else more)
            )

    module = type("subprocess", (), {**vars(subprocess), "Popen": Popen})
    patch.setattr(forkserver, "subprocess", module)


def _writable_root(patch: pytest.MonkeyPatch) -> None:
    honest = forkserver.in_bubblewrap

    def command(*arguments: Any) -> list[str]:
        made = honest(*arguments)
        made[made.index("--ro-bind")] = "--bind"
        del made[made.index("--remount-ro") : made.index("--remount-ro") + 2]
        return made

    patch.setattr(bubblewrap, "in_bubblewrap", command)


def _outer_root(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(forkserver, "FIRST_UID", 0)
    patch.setattr(forkserver, "UIDS", 1)


def _use_again(patch: pytest.MonkeyPatch) -> None:
    honest, kept = WatchedPool.take, []

    class Kept:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        def kill(self) -> None:
            pass

        def left(self) -> list[str]:
            return []

    def take(pool: WatchedPool, *arguments: Any) -> Any:
        if not kept or not kept[0].alive():
            kept[:] = [Kept(honest(pool, *arguments))]
        return kept[0]

    patch.setattr(WatchedPool, "take", take)


_NAMESPACES = {
    "mount namespace": "0x00020000 | ",
    "cgroup namespace": "0x02000000 | ",
    "uts namespace": "0x04000000 | ",
    "ipc namespace": "0x08000000 | ",
    "network": " | 0x40000000",
}
_PROC = '    _mount("proc", "/proc", "proc", guarded | _NO_EXEC)\n'
_ROOM = 'room = f"size={scratch_bytes},nr_inodes={_INODES},mode=1777"'

BUBBLEWRAP = [
    *(_isolation(name, (flag, "")) for name, flag in _NAMESPACES.items()),
    _isolation("pid namespace", ("0x20000000 | ", ""), (_PROC, "")),
    _isolation("own /proc", (_PROC, "")),
    _isolation(
        "read-only /proc/sys",
        ('    _mount("/proc/sys", "/proc/sys", None, _BIND)\n', ""),
        ('    _seal("/proc/sys")\n', ""),
    ),
    _isolation("own /tmp", ('for folder in ("/tmp", "/dev/shm"):', 'for folder in ("/dev/shm",):')),
    _isolation("own /dev/shm", ('for folder in ("/tmp", "/dev/shm"):', 'for folder in ("/tmp",):')),
    _isolation("sealed /dev", ('    _seal("/dev")\n', "")),
    _isolation("scratch size", (_ROOM, 'room = f"nr_inodes={_INODES},mode=1777"')),
    _isolation("inodes", (_ROOM, 'room = f"size={scratch_bytes},nr_inodes=0,mode=1777"')),
    _isolation("nosuid", ("guarded = _NO_SUID | _NO_DEVICES", "guarded = 0")),
    _isolation(
        "capabilities",
        ("range(64)", "range(0)"),
        ('    _do("capset", header, (ctypes.c_uint32 * 6)())\n', "    del header\n"),
    ),
    Layer("seccomp", patch=_allow_every_call),
    Layer("descriptors", patch=_leak_descriptor),
    Layer(
        "template's socket",
        edits=(
            Edit(
                "sandbox/agent/forks.py",
                "        if first == 0:\n            control.close()\n",
                "        if first == 0:\n",
            ),
        ),
    ),
    Layer("environment", patch=_keep_environment),
    Layer(
        "reseeding",
        edits=(
            Edit(
                "sandbox/agent/__main__.py",
                "    random.seed()\n    numpy.random.seed()\n",
                "    del numpy\n",
            ),
        ),
    ),
    Layer("memory limit", patch=_limit_less(memory=True)),
    Layer("process limit", patch=_limit_less(memory=False)),
    Layer(
        "address limit",
        edits=(
            Edit(
                "sandbox/agent/resources.py",
                "    resource.setrlimit(resource.RLIMIT_AS, (ceiling, ceiling))\n",
                "    del ceiling\n",
            ),
        ),
    ),
    Layer("resource limits", patch=lambda patch: patch.setattr(forkserver, "_RLIMITS", {})),
    Layer(
        "output cap",
        edits=(
            Edit(
                "sandbox/agent/capture.py", "MAX_FILE_BYTES = 8 << 20", "MAX_FILE_BYTES = 128 << 20"
            ),
        ),
    ),
    Layer("single use", patch=_use_again),
    Layer("unprivileged user", patch=_outer_root),
    Layer("read-only root", patch=_writable_root),
]

GRADER = [
    _grader(
        "comparison",
        "grading/checks.py",
        (
            "    _close(actual, expected, (rtol, atol), _label(label), oracle)\n",
            "    assert bool(((actual - expected).abs() < 1e-3).all())\n",
        ),
    ),
    _grader(
        "check of NaN", "grading/checks.py", ("        _same_nonfinite(left, right, name)\n", "")
    ),
    _grader(
        "check of shapes",
        "grading/checks.py",
        ("        _same_layout(actual, expected, name)\n", "        pass\n"),
    ),
    _grader(
        "check of types",
        "grading/checks.py",
        ("    if _kind(actual) != _kind(expected):\n", "    if False:\n"),
    ),
    _grader(
        "assertion texts",
        "grading/grader/faults.py",
        (
            'return Fault("wrong_answer", messages.wrong(last_call))',
            'return Fault("wrong_answer", Text(str(error), str(error)))',
        ),
    ),
    _grader(
        "cleaning of texts",
        "grading/messages.py",
        ('    if "\\x1b" in text or "\\r" in text:\n', '    return text\n    if "\\r" in text:\n'),
    ),
    _grader(
        "wire bounds",
        "sandbox/stream.py",
        ("if body_size > MAX_BODY_BYTES or count > MAX_BLOBS:", "if False:"),
        ("if sum(sizes) > MAX_BLOB_BYTES:", "if False:"),
    ),
    _grader(
        "strict parser",
        "sandbox/wire.py",
        (
            "max_map_len=0,\n            max_ext_len=0,\n            strict_map_key=True",
            "strict_map_key=False",
        ),
    ),
    _grader(
        "closed operations",
        "grading/remote/peer.py",
        ('"next": self._next}', '"next": self._next, "attribute": lambda *_: 1}'),
    ),
    _grader(
        "check of timed results",
        "grading/grader/speed.py",
        ("not same_result(taken.result, truth.result)", "False"),
    ),
    _grader(
        "digest before result",
        "grading/grader/sides.py",
        ("        if commitment.digest(body, blobs) != promised:\n", "        if False:\n"),
    ),
    _grader(
        "fresh inputs",
        "grading/grader/speed.py",
        (
            "        limit_log = math.log(bound)\n",
            "        limit_log = math.log(bound)\n"
            "        make_inputs = cycle([make_inputs()]).__next__\n",
        ),
    ),
    _grader(
        "charge for slow sending",
        "grading/grader/speed.py",
        ("max(0.0, taken.sending - DAWDLE * truth.sending)", "0.0"),
    ),
    _grader(
        "deadline",
        "grading/grader/subject.py",
        ("min(time.monotonic() + self._test_s, self._total_deadline())", "time.monotonic() + 99.0"),
    ),
]


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


DOCKER = [
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
