"""What holds on SQLite holds on PostgreSQL, where writers really run at once."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
RACE = """\
import json
import threading
import django
django.setup()
from concurrent.futures import ThreadPoolExecutor
from django.core.management import call_command
from django.db import connection
from accounts.models import User
from submissions import queue, services
from submissions.models import GradingRun
from submissions.states import Verdict
from tests.browser.stagehand import make_exercise

assert connection.vendor == "postgresql"
call_command("migrate", verbosity=0)
queue.enqueue = queue.announce = lambda *message: None
exercise, learner = make_exercise(), User.objects.create(username="mei")
winners = []
for _ in range(20):
    sent = services.submit(learner=learner, exercise=exercise, tests="visible", source="x = 1")
    run = sent.latest_run
    start = threading.Barrier(16)

    def race(_):
        try:
            connection.ensure_connection()
            start.wait()
            return services.claim(run.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(16) as pool:
        claims = [claim for claim in pool.map(race, range(16)) if claim]
    winners.append(len(claims))
    for claim in claims:
        services.record_verdict(claim, verdict=Verdict.ACCEPTED, score=0, max_score=0)
runs = list(GradingRun.objects.values_list("state", "attempt"))
print(json.dumps({"winners": winners, "runs": runs}))
"""
TESTS = [
    "test_constraints.py",
    "test_drafts.py",
    "test_races.py",
    "test_runs.py",
    "test_submit.py",
]
"""What speaks of rows and rules, and so of the database."""
pytestmark = [pytest.mark.postgres, pytest.mark.slow]


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    """A cluster of its own on a Unix socket, gone afterwards."""
    if not PROGRAMS:
        pytest.skip("PostgreSQL is not installed")
    pytest.importorskip("psycopg")
    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        try:
            entry = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("there is no user postgres to run PostgreSQL as")
        as_user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def call(program: str, *arguments: str) -> None:
        command = [str(PROGRAMS[-1] / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **as_user)

    with tempfile.TemporaryDirectory() as name:
        if as_user:
            os.chown(name, as_user["user"], as_user["group"])
        Path(name).chmod(0o755)
        data = f"{name}/data"
        call("initdb", "-D", data, "-U", "course", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses= -c unix_socket_directories={name} -c fsync=off"
        call("pg_ctl", "-D", data, "-l", f"{name}/log", "-w", "-o", options, "start")
        try:
            call("createdb", "-h", name, "-U", "course", "course")
            yield f"postgres:///{name}/course"
        finally:
            call("pg_ctl", "-D", data, "-m", "immediate", "stop")


def environment(database_url: str, data: Path) -> dict[str, str]:
    return os.environ | {
        "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database_url,
        "PGUSER": "course",
        "DATA_DIR": str(data),
    }


def test_of_sixteen_workers_that_claim_at_once_exactly_one_wins(
    database_url: str, tmp_path: Path
) -> None:
    raced = subprocess.run(
        [sys.executable, "-c", RACE],
        env=environment(database_url, tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert raced.returncode == 0, raced.stderr
    found = json.loads(raced.stdout)
    assert found["winners"] == [1] * 20
    assert found["runs"] == [["graded", 1]] * 20


@pytest.mark.parametrize("tests", TESTS)
def test_the_same_rules_hold_on_postgresql(database_url: str, tmp_path: Path, tests: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--create-db"]
    tested = subprocess.run(
        [*command, str(ROOT / "tests" / "submissions" / tests)],
        env=environment(database_url, tmp_path),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout[-5000:]
