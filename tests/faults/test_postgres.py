"""What holds on SQLite holds on PostgreSQL, where writers really run at once."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.postgres import USER, NoPostgres, own_cluster

ROOT = Path(__file__).resolve().parents[2]
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
from submissions.verdicts import Verdict
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
    "test_results.py",
    "test_runs.py",
    "test_submit.py",
]
"""What speaks of rows and rules, and so of the database."""
pytestmark = [pytest.mark.postgres, pytest.mark.slow]


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    """A cluster of its own on a Unix socket, gone afterwards."""
    pytest.importorskip("psycopg")
    with contextlib.ExitStack() as stack:
        try:
            yield stack.enter_context(own_cluster())
        except NoPostgres as error:
            pytest.skip(str(error))


def environment(database_url: str, data: Path) -> dict[str, str]:
    return os.environ | {
        "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database_url,
        "PGUSER": USER,
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
