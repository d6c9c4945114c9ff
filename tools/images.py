"""What the tools that build images share: a base, wheels, and the engine's progress."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from docker import APIClient
from docker.errors import DockerException, ImageNotFound

from grading.sandboxes.base import SandboxUnavailable

PYTHON_IMAGE = "python:3.11-slim-bookworm"
DEBOOTSTRAP = "debootstrap"
OWN_BASE = "llm-course-base:bookworm"
MIRROR = "http://deb.debian.org/debian"


class BuildFailed(Exception):
    """The image can't be built; the text says why and what to do."""


def find_base(client: APIClient, wanted: str | None) -> str:
    """Return an image with Python 3.11: the one that is wanted, the official one, or one made here.

    Raises:
        BuildFailed, SandboxUnavailable: there is none, and none can be made.
    """
    if wanted == DEBOOTSTRAP:
        return _debootstrap(client)
    for name in [wanted] if wanted else [PYTHON_IMAGE, OWN_BASE]:
        if _exists(client, name):
            return name
    try:
        print(f"Fetching {wanted or PYTHON_IMAGE} ...", flush=True)
        client.pull(*(wanted or PYTHON_IMAGE).rsplit(":", 1))
    except DockerException as error:
        if wanted:
            raise BuildFailed(f"{wanted} can't be fetched: {error}") from error
        print("No registry can be reached.", flush=True)
        return _debootstrap(client)
    return wanted or PYTHON_IMAGE


def _exists(client: APIClient, name: str) -> bool:
    try:
        client.inspect_image(name)
    except ImageNotFound:
        return False
    return True


def _debootstrap(client: APIClient) -> str:
    """Make the base from Debian's packages: no registry, but root."""
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        raise SandboxUnavailable(
            f"without a registry that has {PYTHON_IMAGE}, run `apt-get install debootstrap` and "
            "`make sandbox-image BASE=debootstrap` as root, or name an image with Python 3.11: "
            "`make sandbox-image BASE=...`"
        )
    print("Making a base with debootstrap, which takes a minute ...", flush=True)
    with tempfile.TemporaryDirectory(prefix="sandbox-base-") as folder:
        root = Path(folder, "root")
        mirror = os.environ.get("DEBIAN_MIRROR", MIRROR)
        made = subprocess.run(
            [
                *("debootstrap", "--variant=minbase", "--include=python3"),
                *("bookworm", str(root), mirror),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise BuildFailed(f"debootstrap failed: {made.stdout[-800:]}{made.stderr[-800:]}")
        with tempfile.TemporaryFile(dir=folder) as archive:
            # var holds the downloaded packages, dev what the engine makes anyway.
            skipped = ["--exclude=./var/*", "--exclude=./dev/*"]
            tar = ["tar", "-C", str(root), *skipped, "-c", "."]
            subprocess.run(tar, stdout=archive, check=True)
            archive.seek(0)
            chunks = iter(partial(archive.read, 1 << 20), b"")
            client.import_image_from_stream(chunks, *OWN_BASE.split(":"))
    return OWN_BASE


def fetch_wheels(requirements: str, folder: Path, *options: str) -> None:
    """Fill the folder that a build copies with wheels for the image's Python.

    It holds ``requirements.txt`` too. Nothing is done if it holds what is wanted already.

    Raises:
        BuildFailed: pip can't.
    """
    stamp = folder / "requirements.txt"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == requirements:
        return
    print("Fetching wheels ...", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    chosen = folder / "chosen.txt"
    chosen.write_text(requirements, encoding="utf-8")
    made = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--python-version", "3.11", "--only-binary", ":all:", "--dest", str(folder)),
            *(*options, "--requirement", str(chosen), "pip"),
        ],
        check=False,
    )
    if made.returncode:
        raise BuildFailed("pip could not fetch the packages that the image needs")
    chosen.rename(stamp)


def follow(progress: Any) -> None:
    """Print the steps; on failure everything that the failing step said.

    Raises:
        BuildFailed: a step failed.
    """
    said: list[str] = []
    for entry in progress:
        text = entry.get("stream", "")
        if text.startswith("Step "):
            print(f"  {text.strip()[:90]}", flush=True)
            said.clear()
        said.append(text)
        if "error" in entry:
            raise BuildFailed(f"{''.join(said)[-4000:]}{entry['error']}")
