"""How a layer of isolation is switched off: in these tests only.

A layer of the sandbox, or of the grader, is a few lines of a file that bubblewrap puts into their
tree: an edited copy is bound over it. A layer of the worker is patched in this process. Of a
container it is a setting.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from grading import grader_process
from grading.sandboxes import bubblewrap, warm_process

ROOT = Path(__file__).resolve().parents[3]
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
                    module = bubblewrap if self.side == "sandbox" else grader_process
                    bound = self._bound(folder)
                    patch.setattr(module, "in_bubblewrap", _with(warm_process.in_bubblewrap, bound))
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
