"""The file system that a bubblewrap sandbox sees: Python, packages, files of ours, nothing else.

Built once by hard links (copies where the target is on another disk) and found again by a digest
of what went into it, so a change of the agent or of a package makes a new tree.
"""

from __future__ import annotations

import compileall
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = "/opt/site/sandbox/agent/template.py"
ZYGOTE = "/opt/site/grading/grader/zygote.py"
PYTHON = "/opt/python/bin/python3"
_SKIPPED = frozenset({"site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter"})
_EMPTY = ("proc", "dev", "tmp", "etc", "opt/driver")


@dataclass(frozen=True)
class Contents:
    """What a tree holds besides Python: packages with all that they need, and files of ours."""

    packages: tuple[str, ...]
    files: tuple[tuple[Path, str], ...]
    """A folder of ours, and the pattern of what is taken from it."""


_SANDBOX = (ROOT, "sandbox/*.py"), (ROOT, "sandbox/agent/*.py")
_REQUIREMENTS = ROOT / "sandbox" / "requirements.txt"
AGENT = Contents(
    tuple(re.findall(r"^([\w.-]+)==", _REQUIREMENTS.read_text(encoding="utf-8"), re.MULTILINE)),
    _SANDBOX,
)
GRADER = Contents(
    ("torch", "numpy", "msgpack", "cryptography", "pytest", "transformers", "nbformat"),
    (
        *_SANDBOX,
        (ROOT / "platform", "grading/*.py"),
        (ROOT / "platform", "grading/grader/*.py"),
        (ROOT / "platform", "grading/remote/*.py"),
        (ROOT / "platform", "curriculum/*.py"),
        (ROOT / "platform", "submissions/__init__.py"),
        (ROOT / "platform", "submissions/verdicts.py"),
        (ROOT / "platform", "submissions/speeds.py"),
    ),
)


def ensure(folder: Path, contents: Contents) -> Path:
    """Return the runtime tree of ``contents`` below ``folder``, built if it isn't there yet."""
    tree = folder / _digest(contents)
    if not tree.exists():
        make_enterable(folder)
        partial = folder / f"{tree.name}.partial-{os.getpid()}"
        shutil.rmtree(partial, ignore_errors=True)
        _build(partial, contents)
        try:
            partial.rename(tree)
        except OSError:  # another process was first
            shutil.rmtree(partial, ignore_errors=True)
    return tree


def make_enterable(folder: Path) -> None:
    """Make ``folder`` and what lacks above it, for a sandbox's own user to pass through."""
    if not folder.exists():
        make_enterable(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o711)  # whatever the umask


def _digest(contents: Contents) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for distribution in _closure(contents.packages):
        digest.update(f"{distribution.name}=={distribution.version}\n".encode())
    for file, name in _own_files(contents):
        digest.update(name.encode() + file.read_bytes())
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()[:20]


def _own_files(contents: Contents) -> list[tuple[Path, str]]:
    """Return each file and its name in the tree's site folder."""
    return sorted(
        (file, str(file.relative_to(folder)))
        for folder, pattern in contents.files
        for file in folder.glob(pattern)
    )


def _build(tree: Path, contents: Contents) -> None:
    tree.mkdir(parents=True)
    for name in _EMPTY:
        (tree / name).mkdir(parents=True)
    executable = Path(sys.executable).resolve()
    _link(executable, tree / PYTHON.lstrip("/"))
    standard = Path(sysconfig.get_path("stdlib"))
    for file in _walk(standard):
        _link(file, tree / "opt/python/lib" / standard.name / file.relative_to(standard))
    site = tree / "opt/site"
    for distribution in _closure(contents.packages):
        for member in distribution.files or ():
            source = Path(str(distribution.locate_file(member)))
            inside = not {"..", "tests", "__pycache__"} & set(member.parts)
            if inside and source.is_file():
                _link(source, site / member)
                _link_bytecode(source, site / member)
    for file, name in _own_files(contents):
        target = site / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target)
    for part in {Path(name).parts[0] for _, name in _own_files(contents)}:
        compileall.compile_dir(site / part, quiet=1)
    for library in _shared_libraries(executable, [standard / "lib-dynload", site]):
        _link(library, tree / str(library).lstrip("/"), follow=True)
    _link_loader(tree)
    _let_everyone_read(tree)


def _let_everyone_read(tree: Path) -> None:
    """Let the sandbox's user read what was made here, whatever the umask; links are others'."""
    for parent, _, files in os.walk(tree):
        Path(parent).chmod(0o755)
        for file in (Path(parent, name) for name in files):
            found = file.stat()
            if found.st_nlink == 1:
                file.chmod(found.st_mode | 0o444)


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _SKIPPED]
        yield from (Path(parent, name) for name in files)


def _link(source: Path, target: Path, *, follow: bool = True) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        return
    origin = source.resolve() if follow else source
    try:
        os.link(origin, target)
    except OSError:
        shutil.copy2(origin, target)


def _link_bytecode(source: Path, target: Path) -> None:
    name = f"{source.stem}.{sys.implementation.cache_tag}.pyc"
    if (cached := source.parent / "__pycache__" / name).exists():
        _link(cached, target.parent / "__pycache__" / name)


def _closure(packages: tuple[str, ...]) -> list[metadata.Distribution]:
    """Return the distributions of ``packages`` and all that they need at run time."""
    found: dict[str, metadata.Distribution] = {}
    pending, seen = [Requirement(package) for package in packages], set[str]()
    while pending:
        needed = pending.pop()
        name = canonicalize_name(needed.name)
        if f"{name}{sorted(needed.extras)}" in seen:
            continue
        seen.add(f"{name}{sorted(needed.extras)}")
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # one that this platform doesn't need after all
            continue
        for requirement in map(Requirement, found[name].requires or ()):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": x}) for x in ("", *needed.extras)):
                pending.append(requirement)
    return [found[name] for name in sorted(found)]


def _shared_libraries(executable: Path, folders: Iterable[Path]) -> set[Path]:
    """Return the system's libraries that the interpreter and the extensions load."""
    objects = [executable, *(file for folder in folders for file in folder.rglob("*.so*"))]
    output = subprocess.run(
        ["ldd", *map(str, objects)], capture_output=True, text=True, check=False
    ).stdout
    paths = {Path(found) for found in re.findall(r"=> (/.+) \(0x", output)}
    own = [Path(sys.prefix), *folders]
    return {p for p in paths if not any(p.is_relative_to(folder) for folder in own)}


def _link_loader(tree: Path) -> None:
    """Add the dynamic loader at the path that programs name."""
    output = subprocess.run(
        ["ldd", sys.executable], capture_output=True, text=True, check=False
    ).stdout
    for found in re.findall(r"^\s*(/.*ld-linux.*) \(0x", output, re.MULTILINE):
        _link(Path(found), tree / found.lstrip("/"))
