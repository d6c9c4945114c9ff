"""A course of one tiny exercise, a database file, and real worker processes on it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings

from grading.sandboxes.base import SandboxUnavailable
from grading.setup import find_bubblewrap

ROOT = Path(__file__).resolve().parents[2]
ADDER = ROOT / "tests" / "grading" / "adder"
PATIENCE_S = 120.0
STAGE = """\
[title]
en = "Test"
zh = "测试"

[summary]
en = "Of this test."
zh = "用于测试。"

[[topic]]
key = "T1.1a"
title = { en = "Sums", zh = "求和" }
"""
SUBMIT = """\
from uuid import uuid4

from accounts.models import User
from curriculum.models import Exercise
from submissions.services import submit

learner, _ = User.objects.get_or_create(username="mei")
code = Exercise.objects.get(slug="adder")
for _ in range({count}):
    # Each another text: the same one, sent twice at once, would be a double click.
    source = f"def add(a, b):\\n    return a + b\\n# {{uuid4()}}\\n"
    submit(learner=learner, exercise=code, tests="visible", source=source)
"""
FILES = {
    "exercises/01-test/stage.toml": STAGE,
}
# The database itself writes down every move, so that no code of ours can forget one.
WATCH = """\
CREATE TABLE moves (run TEXT, source TEXT, target TEXT, verdict TEXT);
CREATE TRIGGER watch AFTER UPDATE OF state ON submissions_gradingrun
BEGIN INSERT INTO moves VALUES (NEW.id, OLD.state, NEW.state, NEW.verdict); END;
"""


class Site:
    """A site without its web process: what runs is started and killed by the test."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        self.folder = folder
        self.database = folder / "db.sqlite3"
        self.runtime = folder / "runtime"
        # Its own name for the shared trees tells our sandboxes from those of other tests.
        settings.SANDBOX_RUNTIME_DIR.mkdir(parents=True, exist_ok=True)
        self.runtime.symlink_to(settings.SANDBOX_RUNTIME_DIR)
        for half in ("exercises", "graders"):
            (folder / half / "01-test").mkdir(parents=True)
            shutil.copytree(ADDER / half, folder / half / "01-test" / "adder")
        manifest = folder / "exercises" / "01-test" / "adder" / "exercise.toml"
        # A busy host must not look like slow code.
        patient = re.sub(r"(total_s|test_s) = .*", r"\1 = 100", manifest.read_text("utf-8"))
        manifest.write_text(patient, encoding="utf-8")
        for name, text in FILES.items():
            (folder / name).write_text(text, encoding="utf-8")
        self.environment = os.environ | {
            "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}",
            "PYTHONWARNINGS": "ignore",
            "DATA_DIR": str(folder / "data"),
            "DATABASE_URL": f"sqlite:///{self.database}",
            "REDIS_URL": redis_url,
            "EXERCISES_DIR": str(folder / "exercises"),
            "GRADERS_DIR": str(folder / "graders"),
            "SANDBOX_RUNTIME_DIR": str(self.runtime),
            "SANDBOX_POOL_SIZE": "2",
            "GRADING_LEASE_SECONDS": "3",
            "GRADING_REAPER_SECONDS": "1",
            "GRADING_RESEND_SECONDS": "3",
            "GRADING_MAX_ATTEMPTS": "20",
            "GRADING_SHUTDOWN_SECONDS": "0",
            "SUBMISSIONS_MAX_WAITING": "100",
        }
        self._started: list[subprocess.Popen[bytes]] = []

    def manage(self, *arguments: str) -> None:
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        subprocess.run(command, env=self.environment, check=True, stdout=subprocess.DEVNULL)

    def prepare(self) -> None:
        self.manage("migrate", "-v", "0")
        self.manage("load_curriculum", "--unproven")
        with contextlib.closing(self._connect()) as connection:
            connection.executescript(WATCH)

    def submit(self, count: int) -> None:
        """Submit right solutions."""
        self.manage("shell", "-c", SUBMIT.format(count=count))

    def worker(self) -> subprocess.Popen[bytes]:
        switches = ["--pool", "threads", "--concurrency", "2", "-Q", "cpu,housekeeping"]
        return self._start("worker", *switches, "--without-gossip", "--without-mingle")

    def beat(self) -> subprocess.Popen[bytes]:
        return self._start("beat", "--schedule", str(self.folder / "beat-schedule"))

    def _start(self, role: str, *switches: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{role}.log").open("ab") as log:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "celery",
                    "-A",
                    "config",
                    "-q",
                    role,
                    *switches,
                    "-l",
                    "info",
                ],
                env=self.environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def stop_all(self) -> None:
        for process in self._started:
            kill_group(process)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.database, timeout=20)

    def ask(self, query: str) -> list[tuple[object, ...]]:
        with contextlib.closing(self._connect()) as connection:
            return connection.execute(query).fetchall()

    def states(self) -> Counter[str]:
        rows = self.ask("SELECT state FROM submissions_gradingrun")
        return Counter(str(row[0]) for row in rows)

    def in_sandboxes(self) -> set[tuple[object, ...]]:
        """Return run and attempt of the code that is being graded, for all that is known."""
        rows = self.ask("SELECT id, attempt FROM submissions_gradingrun WHERE state = 'running'")
        return set(rows)

    def wait_for(self, what: str, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline:
                log = (self.folder / "worker.log").read_text(errors="replace")[-3000:]
                pytest.fail(f"waited in vain until {what}; runs: {self.states()}\n{log}")
            time.sleep(0.02)

    def sandboxes(self) -> list[int]:
        """Return the processes of this site's sandboxes."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if str(self.runtime).encode() in path.read_bytes():
                    found.append(int(path.parent.name))
        return found


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """kill -9 the process and whatever it started in its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def site(redis_url: str) -> Iterator[Site]:
    try:
        find_bubblewrap()
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    import redis

    redis.Redis.from_url(redis_url).flushall()  # what another test's workers left
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # a root's sandbox is another user, who must get to its file system
        made = Site(folder, redis_url)
        made.prepare()
        yield made
        made.stop_all()
