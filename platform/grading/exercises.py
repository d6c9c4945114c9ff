"""Find exercises by slug, and the secret half of each."""

from __future__ import annotations

import difflib
from pathlib import Path

from django.conf import settings

from curriculum.manifest import Manifest, ManifestError, load_manifest
from curriculum.services import content_hash


def manifests() -> list[Manifest]:
    """Return every exercise's manifest, in the course's order.

    Raises:
        ManifestError: some can't be read; the text lists all problems of all.
    """
    found, problems = [], []
    for path in sorted(settings.EXERCISES_DIR.glob("*/*/exercise.toml")):
        try:
            found.append(load_manifest(path))
        except ManifestError as error:
            problems.append(str(error))
    if problems:
        raise ManifestError("\n".join(problems))
    return sorted(found, key=lambda manifest: (manifest.stage, manifest.order, manifest.slug))


def find(slug: str) -> Manifest:
    """Return the manifest of the exercise ``slug``.

    Raises:
        ManifestError: there is none, or it can't be read.
    """
    paths = {path.parent.name: path for path in settings.EXERCISES_DIR.glob("*/*/exercise.toml")}
    if slug not in paths:
        near = difflib.get_close_matches(slug, paths, n=3)
        hint = f" Did you mean {', '.join(near)}?" if near else ""
        raise ManifestError(f"There is no exercise {slug!r}.{hint}")
    return load_manifest(paths[slug])


def secret_half(manifest: Manifest) -> Path:
    """Return the folder that no learner may see."""
    return Path(settings.GRADERS_DIR) / manifest.path


def digest(manifest: Manifest) -> str:
    """Return the content hash of both halves, which names a version."""
    public = Path(settings.EXERCISES_DIR) / manifest.path
    return content_hash([public, secret_half(manifest)])
