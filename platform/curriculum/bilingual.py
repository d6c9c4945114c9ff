"""One text in both of the course's languages. Without Django, for graders have none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

TextDocument = dict[str, str]
"""A ``Text`` as data, with the keys ``en`` and ``zh``: in events, rows and templates."""


@dataclass(frozen=True)
class Text:
    """One text in English and in Chinese."""

    en: str
    zh: str

    def __add__(self, other: Text) -> Text:
        return Text(self.en + other.en, self.zh + other.zh)

    def map(self, function: Callable[[str], str]) -> Text:
        """Return what ``function`` makes of each language."""
        return Text(function(self.en), function(self.zh))

    def document(self) -> TextDocument:
        """Return it as data."""
        return {"en": self.en, "zh": self.zh}


class BilingualError(Exception):
    """``text`` tells the learner what is wrong and what to do."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.text = Text(en, zh)
