"""Build the image that Docker sandboxes run: ``make sandbox-image``.

Needs a running engine and this checkout. The packages come as wheels from wherever pip is
configured to find them; the build itself has no need of a network.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]

from docker import APIClient  # noqa: E402
from docker.errors import DockerException, ImageNotFound  # noqa: E402

from grading.sandboxes import image  # noqa: E402
from grading.sandboxes.base import SandboxUnavailable  # noqa: E402
from grading.sandboxes.docker import connect  # noqa: E402

PYTHON_IMAGE = "python:3.11-slim-bookworm"
DEBOOTSTRAP = "debootstrap"
OWN_BASE = "llm-course-base:bookworm"
WHEELS = image.FOLDER / "wheels"
MIRROR = "http://deb.debian.org/debian"


class BuildFailed(Exception):
    """The image can't be built; the text says why and what to do."""


def main() -> None:
    """Build, with the base that the command line names."""
    name = os.environ.get("SANDBOX_IMAGE", "llm-course-sandbox")
    try:
        ensure(name, sys.argv[1] if len(sys.argv) > 1 else None)
    except (BuildFailed, SandboxUnavailable, DockerException) as error:
        raise SystemExit(f"no image was built: {error}") from error


def ensure(name: str, base: str | None = None) -> None:
    """Build the image ``name``, unless it is there and up to date.

    ``base`` is an image with Python 3.11, or "debootstrap". Without one it is the official Python
    image, or else a debootstrap, where no registry can be reached.

    Raises:
        SandboxUnavailable: there is no engine here, or no base to build on.
        BuildFailed, DockerException: it can't be built.
    """
    client = connect()
    client.timeout = 900
    if base is None and _is_current(client, name):
        print(f"{name} is up to date")
        return
    chosen = _base(client, base)
    _download_wheels()
    print(f"Building {name} from {chosen} ...", flush=True)
    progress = client.build(
        path=str(image.FOLDER),
        tag=name,
        buildargs={"BASE": chosen, "DIGEST": image.digest()},
        rm=True,
        forcerm=True,
        decode=True,
    )
    _follow(progress)
    print(f"{name} is {client.inspect_image(name)['Id']}")


def _is_current(client: APIClient, name: str) -> bool:
    try:
        labels = client.inspect_image(name)["Config"].get("Labels") or {}
    except ImageNotFound:
        return False
    return bool(labels.get(image.DIGEST_LABEL) == image.digest())


def _base(client: APIClient, wanted: str | None) -> str:
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


def _download_wheels() -> None:
    """Fill the folder that the build copies, unless it holds what is wanted already."""
    wanted = (image.FOLDER / "requirements.txt").read_text(encoding="utf-8")
    if torch := os.environ.get("TORCH"):  # a CUDA build, from wherever pip finds it
        wanted = re.sub(r"^torch==.*$", torch, wanted, flags=re.MULTILINE)
    stamp = WHEELS / "requirements.txt"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    print("Fetching wheels ...", flush=True)
    shutil.rmtree(WHEELS, ignore_errors=True)
    WHEELS.mkdir()
    chosen = WHEELS / "chosen.txt"
    chosen.write_text(wanted, encoding="utf-8")
    made = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--python-version", "3.11", "--only-binary", ":all:", "--dest", str(WHEELS)),
            *("--requirement", str(chosen), "pip"),
        ],
        check=False,
    )
    if made.returncode:
        raise BuildFailed("pip could not fetch the packages of sandbox/requirements.txt")
    chosen.rename(stamp)


def _follow(progress: Any) -> None:
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


if __name__ == "__main__":
    main()
