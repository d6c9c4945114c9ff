"""Names that can be told apart: which are refused, and which look alike."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from confusable_homoglyphs.categories import unique_aliases
from confusable_homoglyphs.confusables import confusables_data
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

_TOGETHER = {"LATIN", "HAN", "HIRAGANA", "KATAKANA", "BOPOMOFO", "HANGUL"}
"""Scripts that people mix; all others stand alone."""
_OF_ANY_SCRIPT = {"COMMON", "INHERITED"}
_LEFT_TO_RIGHT = "\u200e"  # in the table, around what is written from right to left


def check_readable(name: str) -> None:
    """Refuse what can't be seen, and mixtures such as of Latin and Cyrillic letters.

    Raises:
        ValidationError: why not.
    """
    if any(unicodedata.category(char)[0] == "C" or "FILLER" in _named(char) for char in name):
        raise ValidationError(_("This name has characters that can't be seen."), "invisible")
    scripts = unique_aliases(name) - _OF_ANY_SCRIPT
    if len(scripts) > 1 and not scripts <= _TOGETHER:
        raise ValidationError(
            _("This name mixes letters of several scripts. Use those of one."), "mixed"
        )


def skeleton(name: str) -> str:
    """Return what all names that look like ``name`` have in common, in whatever case.

    After Unicode's Technical Standard 39: "mei" and "rnei" have the same one, and "ian", "Ian"
    and "lan".
    """
    look = _prototypes(unicodedata.normalize("NFKC", name))
    return _prototypes(_prototypes(look.casefold()).upper())


def _named(char: str) -> str:
    return unicodedata.name(char, "")


def _prototypes(text: str) -> str:
    return "".join(map(_prototype, text))


@lru_cache(maxsize=4096)
def _prototype(char: str) -> str:
    """Return what stands for all that look like ``char``: the plainest of them."""
    return min(_alike(char), key=lambda look: (not look.isascii(), -len(look), look))


def _alike(char: str) -> Iterator[str]:
    seen, todo = {char}, [char]
    while todo:
        looks = todo.pop()
        yield looks.strip(_LEFT_TO_RIGHT)
        new = {found["c"] for found in confusables_data.get(looks, ())} - seen
        seen |= new
        todo += new
