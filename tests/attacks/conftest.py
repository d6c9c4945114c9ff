"""One engine for each runtime, and the suite's tables at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from grading.sandboxes.base import SandboxUnavailable
from tests.attacks import record
from tests.attacks.harness import Harness, harness

torch.set_num_threads(1)  # some of these tests fork; a fork of a threaded torch hangs

# The attacked course's own tests run in graders, not here.
collect_ignore = ["course"]

BACKENDS = [
    pytest.param("bubblewrap", marks=pytest.mark.sandbox),
    pytest.param("docker", marks=[pytest.mark.docker, pytest.mark.release]),
    pytest.param("docker-runsc", marks=[pytest.mark.docker, pytest.mark.release]),
]
WORKERS_CANARY = "CANARY-00ff00ff00ff00ff00ff00ff00ff00ff"
"""In this process's environment, as a database's password would be in a worker's."""


@pytest.fixture(scope="module", params=BACKENDS)
def runtime(request: pytest.FixtureRequest) -> Iterator[Harness]:
    """An engine that is used by all rows of a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", f"postgres://site:{WORKERS_CANARY}@localhost/site")
        patch.setenv("REDIS_URL", f"redis://:{WORKERS_CANARY}@localhost/0")
        try:
            with harness(request.param, patch) as made:
                made.wait_until_full()
                yield made
        except SandboxUnavailable as error:
            pytest.skip(str(error))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the tables, and write them to build/attacks.json."""
    if not record.rows and not record.sabotage:
        return
    record.write()
    terminalreporter.section("attacks")
    for line in record.summary():
        terminalreporter.line(line)
