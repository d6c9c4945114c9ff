"""A PostgreSQL cluster of one's own, for tests and benchmarks."""

from __future__ import annotations

import contextlib
import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

USER = "course"


class NoPostgres(Exception):
    """There is none on this machine; the text says what is missing."""


@contextlib.contextmanager
def own_cluster() -> Iterator[str]:
    """Start a cluster on a Unix socket; yield its database's URL (PGUSER is ``USER``).

    Raises:
        NoPostgres: it isn't installed, or there is nobody to run it as.
    """
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        raise NoPostgres("PostgreSQL is not installed")
    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        try:
            entry = pwd.getpwnam("postgres")
        except KeyError:
            raise NoPostgres("there is no user postgres to run PostgreSQL as") from None
        as_user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def call(program: str, *arguments: str) -> None:
        command = [str(programs[-1] / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **as_user)

    with tempfile.TemporaryDirectory() as name:
        if as_user:
            os.chown(name, as_user["user"], as_user["group"])
        Path(name).chmod(0o755)
        data = f"{name}/data"
        call("initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses= -c unix_socket_directories={name} -c fsync=off"
        call("pg_ctl", "-D", data, "-l", f"{name}/log", "-w", "-o", options, "start")
        try:
            call("createdb", "-h", name, "-U", USER, USER)
            yield f"postgres:///{name}/{USER}"
        finally:
            call("pg_ctl", "-D", data, "-m", "immediate", "stop")
