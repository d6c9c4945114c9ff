"""Real workers that are killed or stopped in the middle: nothing is lost or judged twice."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.faults.conftest import Site

pytestmark = [pytest.mark.sandbox, pytest.mark.redis, pytest.mark.slow]

SUBMISSIONS = 50
KILLS = 5


def test_fifty_submissions_survive_five_kills_with_one_verdict_each(site: Site) -> None:
    site.submit(SUBMISSIONS)
    site.beat()
    worker = site.worker()
    dead: set[tuple[object, ...]] = set()  # these attempts died with their worker
    for kill in range(1, KILLS + 1):
        site.wait_for(
            f"code is in a sandbox before kill {kill}",
            lambda least=6 * kill, old=frozenset(dead): (
                site.states()["graded"] >= least and site.in_sandboxes() - old != set()
            ),
        )
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        dead |= site.in_sandboxes()
        worker = site.worker()
    site.wait_for("all are graded", lambda: site.states()["graded"] == SUBMISSIONS)

    assert site.states() == {"graded": SUBMISSIONS}
    _each_was_accepted_once(site, SUBMISSIONS)
    assert len(dead) >= KILLS - 1, "the kills were meant to hit runs"
    back = site.ask("SELECT 1 FROM moves WHERE source = 'running' AND target = 'queued'")
    assert len(back) >= len(dead)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    site.wait_for("no sandbox is left", lambda: site.sandboxes() == [])


def test_a_worker_that_is_asked_to_stop_hands_its_runs_back(site: Site) -> None:
    count = 6
    site.environment["GRADING_LEASE_SECONDS"] = "60"  # a busy host must not look like a dead worker
    site.submit(count)
    worker = site.worker()
    site.wait_for(
        "a run is in the middle",
        lambda: site.states()["graded"] >= 1 and site.in_sandboxes() != set(),
    )
    worker.send_signal(signal.SIGTERM)
    worker.wait(timeout=60)

    left = site.states()
    assert left["running"] == 0, "a run was left to its lease"
    assert left["queued"] > 0, "the worker was meant to stop in the middle"
    assert left["graded"] + left["queued"] == count
    site.wait_for("no sandbox is left", lambda: site.sandboxes() == [])
    assert (
        site.ask(
            "SELECT 1 FROM submissions_outcome o JOIN submissions_gradingrun r"
            " ON o.run_id = r.id WHERE r.state = 'queued'"
        )
        == []
    )

    site.beat()
    site.worker()
    site.wait_for("all are graded", lambda: site.states()["graded"] == count)
    _each_was_accepted_once(site, count)
    attempts = site.ask("SELECT DISTINCT attempt FROM submissions_gradingrun")
    assert attempts == [(1,)], "a run that is handed back costs no attempt"


def _each_was_accepted_once(site: Site, count: int) -> None:
    ends = site.ask("SELECT run, verdict FROM moves WHERE target NOT IN ('queued', 'running')")
    assert len(ends) == len({run for run, _ in ends}) == count
    assert {verdict for _, verdict in ends} == {"accepted"}
    outcomes = site.ask(
        "SELECT r.id, count(o.id), max(o.name), max(o.kind) FROM submissions_gradingrun r"
        " LEFT JOIN submissions_outcome o ON o.run_id = r.id GROUP BY r.id"
    )
    assert {row[1:] for row in outcomes} == {(1, "test_one_and_two", "passed")}
