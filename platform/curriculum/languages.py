"""Choose the reader's language out of a bilingual text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import get_language


def key() -> str:
    """Return "zh" when the active language is Chinese, else "en"."""
    return "zh" if (get_language() or "").startswith("zh") else "en"


def pick(text: Mapping[str, str] | None) -> str:
    """Return the reader's half of ``{"en": ..., "zh": ...}``; nothing of nothing."""
    return text[key()] if text else ""


class LocalizedField:
    """A read-only attribute that stands for ``<name>_en`` or ``<name>_zh``."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else getattr(instance, f"{self._name}_{key()}")
