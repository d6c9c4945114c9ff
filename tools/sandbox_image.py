"""Build the image that Docker sandboxes run: ``make sandbox-image``.

Needs a running engine and this checkout. The packages come as wheels from wherever pip is
configured to find them; the build itself has no need of a network.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]

from docker import APIClient  # noqa: E402
from docker.errors import DockerException, ImageNotFound  # noqa: E402

from grading.sandboxes import image  # noqa: E402
from grading.sandboxes.base import SandboxUnavailable  # noqa: E402
from grading.sandboxes.docker import connect  # noqa: E402
from tools.images import BuildFailed, fetch_wheels, find_base, follow  # noqa: E402

WHEELS = image.FOLDER / "wheels"


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
    chosen = find_base(client, base)
    fetch_wheels(_requirements(), WHEELS)
    print(f"Building {name} from {chosen} ...", flush=True)
    progress = client.build(
        path=str(image.FOLDER),
        tag=name,
        buildargs={"BASE": chosen, "DIGEST": image.digest()},
        rm=True,
        forcerm=True,
        decode=True,
    )
    follow(progress)
    print(f"{name} is {client.inspect_image(name)['Id']}")


def _requirements() -> str:
    text = (image.FOLDER / "requirements.txt").read_text(encoding="utf-8")
    if torch := os.environ.get("TORCH"):  # a CUDA build, from wherever pip finds it
        text = re.sub(r"^torch==.*$", torch, text, flags=re.MULTILINE)
    return text


def _is_current(client: APIClient, name: str) -> bool:
    try:
        labels = client.inspect_image(name)["Config"].get("Labels") or {}
    except ImageNotFound:
        return False
    return bool(labels.get(image.DIGEST_LABEL) == image.digest())


if __name__ == "__main__":
    main()
