"""Grading against running the same tests by hand, in turn, in one run: ``make bench``.

Three figures a round, on the attention exercise's reference:

- submit to verdict: from ``services.submit`` to the verdict's row, through Redis, a Celery worker
  and a warm sandbox (of each backend that this machine has);
- by hand: ``python -m pytest`` on the same tests, in a fresh process;
- floor: the same in a fork of a process that already has torch and pytest.

Then streams of one submission a second to each backend: of one exercise without a speed test, of
all that are answered with a file of code in turn, and of attention alone, whose speed is measured
each time. How long does a grading wait for sandboxes, and for the core where speed is measured,
which serves one at a time?

Last, how long people wait (``verdicts.py``): p50 and p95 of submit to verdict over by hand, for an
exercise with a speed test and one without, right and wrong, alone and with a second stream of one
submission a second beside it; and an endless loop on Run. ``ONLY=verdicts`` measures this alone.

Prints a table and writes build/bench.json. Only ratios and differences travel between machines.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from config.runtime_folder import runtime_folder
from tools.bench import by_hand, site, verdicts
from tools.bench.site import ROOT
from tools.run import own_redis

EXERCISE = verdicts.TIMED
REFERENCE = ROOT / "graders" / EXERCISE / "reference.py"
STREAMS = {
    "untimed": [verdicts.UNTIMED],
    "all code in turn": sorted(
        str(path.parent.relative_to(ROOT / "exercises"))
        for path in ROOT.glob("exercises/*/*/starter.py")
    ),
    "timed": [EXERCISE],
}
ROUNDS = int(os.environ.get("ROUNDS", "7"))
STREAM = int(os.environ.get("STREAM", "30"))
"""Submissions in each stream."""
IDLE_S = float(os.environ.get("IDLE_S", "8"))
"""Seconds between two rounds, in which the pool gets warm again."""
ONLY = os.environ.get("ONLY", "")


def main() -> None:
    """Measure and report."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        os.environ |= {
            "DATA_DIR": f"{folder}/data",
            "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
            "SANDBOX_RUNTIME_DIR": str(runtime_folder(ROOT / "var")),
            "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}",
            "PYTHONWARNINGS": "ignore",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "LOG_LEVEL": "ERROR",
            "SUBMISSIONS_MAX_WAITING": "1000",
        }
        Path(folder).chmod(0o755)
        tests = by_hand.prepare(Path(folder, "tests"), EXERCISE, REFERENCE)
        with own_redis(), by_hand.forking_process() as floor:
            learner = site.start()
            seconds: dict[str, list[float]] = {"by hand": [], "floor": []}
            waits: dict[str, list[float]] = {}
            people: dict[str, list[float]] = {}
            for backend in os.environ.get("BACKENDS", "").split() or site.backends():
                with site.worker(backend):
                    if ONLY != "verdicts":
                        _rounds(backend, seconds, tests, floor, learner)
                        for name, paths in STREAMS.items():
                            for what, waited in _stream(learner, paths).items():
                                waits[f"{backend} {name}, {what}"] = waited
                    found = verdicts.measure(learner, Path(folder, backend))
                    people |= {f"{backend} {name}": values for name, values in found.items()}
    _report(seconds, waits, people)


def _rounds(
    backend: str, seconds: dict[str, list[float]], tests: Path, floor: Any, learner: Any
) -> None:
    seconds[backend] = []
    for number in range(ROUNDS + 1):
        time.sleep(IDLE_S)
        run = _accepted(site.send(learner, EXERCISE, site.reference_of(EXERCISE)))
        graded = site.seconds_of(run)
        hand, forked = by_hand.run(tests), by_hand.forked(floor, tests)
        print(f"{backend} {graded:.3f}  by hand {hand:.3f}  floor {forked:.3f}", flush=True)
        if number:  # the first round warms caches
            seconds[backend].append(graded)
            seconds["by hand"].append(hand)
            seconds["floor"].append(forked)


def _accepted(submission: Any) -> Any:
    run = site.graded(submission)
    assert run.verdict == "accepted", run.verdict
    return run


def _stream(learner: Any, paths: list[str]) -> dict[str, list[float]]:
    """Submit once a second, from ``paths`` in turn; return how long each grading waited, by what
    for."""
    time.sleep(IDLE_S)
    submissions = []
    for path in itertools.islice(itertools.cycle(paths), STREAM):
        submissions.append(site.send(learner, path, site.reference_of(path)))
        time.sleep(1)
    timings = [_accepted(submission).timings for submission in submissions]
    return {what: [each[what] for each in timings] for what in ("sandboxes", "timing_core")}


def _report(
    seconds: dict[str, list[float]], waits: dict[str, list[float]], people: dict[str, list[float]]
) -> None:
    rows = {f"{name}, s": _spread(values) for name, values in seconds.items() if values}
    backends = [name for name in seconds if name not in ("by hand", "floor")]
    for index, name in enumerate(backends):
        # The rounds of one backend stand together, in the order in which they were measured.
        part = slice(index * ROUNDS, (index + 1) * ROUNDS)
        hand, floor = seconds["by hand"][part], seconds["floor"][part]
        pairs = list(zip(seconds[name], hand, floor, strict=True))
        rows[f"{name} / by hand"] = _spread([graded / by for graded, by, _ in pairs])
        rows[f"{name} - floor, s"] = _spread([graded - least for graded, _, least in pairs])
    for name, values in waits.items():
        rows[f"{name}, s"] = _spread(values)
    for label, (low, middle, high) in rows.items():
        print(f"{label:52} min {low:7.3f}  median {middle:7.3f}  max {high:7.3f}")
    print(*verdicts.rows(people), sep="\n")
    target = ROOT / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    found = {"exercise": EXERCISE, "rows": rows, "seconds": seconds, "waits": waits}
    target.write_text(json.dumps(found | {"people": people}, indent=2))


def _spread(values: list[float]) -> tuple[float, float, float]:
    return min(values), statistics.median(values), max(values)


if __name__ == "__main__":
    main()
