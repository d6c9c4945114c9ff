"""Every text of the site exists in Chinese."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polib
import pytest

LOCALE = Path(__file__).parents[1] / "platform" / "locale" / "zh_Hans" / "LC_MESSAGES"
FOLDERS = ("accounts", "config", "courses", "curriculum", "leaderboard", "submissions", "templates")
PLACEHOLDER = re.compile(r"%\((\w+)\)[.\d]*[sdf]|%%|\{(\w+)\}")


@pytest.fixture(scope="module")
def catalogue() -> polib.POFile:
    return polib.pofile(str(LOCALE / "django.po"))


def test_nothing_is_untranslated_fuzzy_or_left_over(catalogue: polib.POFile) -> None:
    assert [entry.msgid for entry in catalogue.untranslated_entries()] == []
    assert [entry.msgid for entry in catalogue.fuzzy_entries()] == []
    assert [entry.msgid for entry in catalogue.obsolete_entries()] == []


def test_placeholders_survive_translation(catalogue: polib.POFile) -> None:
    for entry in catalogue:
        for text in [entry.msgstr, *entry.msgstr_plural.values()]:
            if text:
                expected = sorted(m.group() for m in PLACEHOLDER.finditer(entry.msgid))
                assert sorted(m.group() for m in PLACEHOLDER.finditer(text)) == expected


def test_the_compiled_catalogue_is_up_to_date(catalogue: polib.POFile) -> None:
    def texts(entries: polib.POFile | polib.MOFile) -> dict[str, object]:
        return {e.msgid: e.msgstr_plural or e.msgstr for e in entries}

    assert texts(polib.mofile(str(LOCALE / "django.mo"))) == texts(catalogue)


@pytest.mark.skipif(shutil.which("xgettext") is None, reason="gettext is not installed")
def test_every_text_of_the_source_is_in_the_catalogue(
    catalogue: polib.POFile, tmp_path: Path
) -> None:
    """Extract the texts anew, as ``make messages`` does, and compare."""
    platform = LOCALE.parents[2]
    target = tmp_path / "locale" / "zh_Hans" / "LC_MESSAGES"
    target.mkdir(parents=True)
    for folder in FOLDERS:
        if (platform / folder).is_dir():
            shutil.copytree(platform / folder, tmp_path / folder)
    command = ["django-admin", "makemessages", "--locale", "zh_Hans", "--no-location"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, env=_environment())
    found = {entry.msgid for entry in polib.pofile(str(target / "django.po"))}
    assert found - {entry.msgid for entry in catalogue} == set()
    here = {
        entry.msgid
        for entry in catalogue
        if all((platform / file).is_file() for file, _ in entry.occurrences)
    }
    assert here - found == set()


def _environment() -> dict[str, str]:
    # The virtual environment's django-admin; no settings, so that ./locale is used.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    return kept | {"PATH": path}
