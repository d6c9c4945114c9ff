"""Whether this host can hold a sandbox, asked before anybody submits."""

from __future__ import annotations

import os
import subprocess
from typing import Any

from django.conf import settings

from grading.sandboxes import cgroups
from grading.sandboxes.base import SandboxUnavailable
from grading.setup import find_bubblewrap

UNPRIVILEGED = 65_534
_NO_NAMESPACES = """\
this host forbids unprivileged user namespaces, which bubblewrap needs: {error}
Either allow them, as root:
    sysctl -w kernel.apparmor_restrict_unprivileged_userns=0   (Ubuntu 24.04 and later)
    sysctl -w kernel.unprivileged_userns_clone=1               (older Debian)
    sysctl -w user.max_user_namespaces=15000                   (where it is 0)
or use Docker: `make sandbox-image`, then SANDBOX_BACKEND=docker make run."""
_TRUSTED_ONLY = (
    "No control group can be made here (that takes root, or a delegated group), so the memory "
    "limit holds for each process only: use this with learners you trust, or use Docker."
)


def check_host() -> list[str]:
    """Return what the operator should know, nothing when all is well.

    Raises:
        SandboxUnavailable: no sandbox can run; the text says why and what to do.
    """
    if settings.SANDBOX_BACKEND != "bubblewrap":
        return []
    drop: dict[str, Any] = {}
    if os.geteuid() == 0:
        drop = {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []}
    probe = subprocess.run(
        [
            *(find_bubblewrap(), "--unshare-all", "--unshare-user", "--disable-userns"),
            *("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--", "/bin/true"),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        **drop,
    )
    if probe.returncode:
        raise SandboxUnavailable(_NO_NAMESPACES.format(error=probe.stderr.strip()[:300]))
    group = cgroups.make()
    if group is None:
        return [_TRUSTED_ONLY]
    group.remove()
    return []
