"""The learner's guide: ``docs/learner.md``, and the packages that a learner's code may import."""

from __future__ import annotations

from django.conf import settings

from curriculum import languages

_REQUIREMENTS = "sandbox/requirements.txt"
_FILES = {"en": "docs/learner.md", "zh": "docs/learner.zh.md"}


def text() -> str:
    """Return the guide in the reader's language, as Markdown."""
    return str((settings.ROOT / _FILES[languages.key()]).read_text(encoding="utf-8"))


def packages() -> list[tuple[str, str]]:
    """Return names and versions of the packages that exercises are meant to use.

    What these need in turn is there too, and comes after an empty line in the file.
    """
    lines = (settings.ROOT / _REQUIREMENTS).read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines[: lines.index("")] if not line.startswith("#")]
    return [(name, version) for name, _, version in (pin.partition("==") for pin in pins)]
