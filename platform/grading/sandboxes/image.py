"""What ties a container image to this checkout: the digest of all that went into it."""

from __future__ import annotations

import hashlib
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[3] / "sandbox"
DIGEST_LABEL = "llm-course.digest"


def digest() -> str:
    """Return the digest of the agent, the packages and the recipe; the image carries it."""
    found = hashlib.sha256()
    recipe = [FOLDER / "Dockerfile", FOLDER / "requirements.txt"]
    for file in [*recipe, *sorted(FOLDER.glob("*.py")), *sorted(FOLDER.glob("agent/*.py"))]:
        found.update(f"{file.relative_to(FOLDER)}\0".encode())
        found.update(file.read_bytes())
    return found.hexdigest()[:20]
