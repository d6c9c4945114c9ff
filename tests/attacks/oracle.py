"""What must hold after every attack, S0 to S7 of the corpus; each check returns what is wrong."""

from __future__ import annotations

import os
import re
import time
import tomllib
import unicodedata
from collections.abc import Callable

from grading.engine import BUSY
from grading.report import Diagnosed, NotebookRun
from tests.attacks.harness import CONTROL, COURSE, STAGE, Harness
from tests.attacks.rows.base import FULL, Row
from tests.attacks.seen import Seen

CANARY = re.compile(r"CANARY-[0-9a-f]{32}")
SECRETS = ("test_hidden.py", "reference.py", str(COURSE.parents[2]), "site-packages")
"""Texts that tell where the grader's files are."""
MAX_TEXT = 16_400
LATE_S = 5.0
LEFT_S = 5.0
_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn"}


def judge(harness: Harness, row: Row, *, alone: bool = False) -> list[str]:
    """Run one row, with its neighbours unless ``alone``; return everything that did not hold."""
    harness.wait_for(2)
    with harness.neighbour(row.with_neighbour and not alone) as beside:
        seen, other = harness.run(row)
    problems = [*_verdict(row, seen), *_shown(row, seen), *left_over(seen), *_time(row, seen)]
    problems += [problem for text in seen.texts for problem in _text(text)]
    if row.inspect is not None:
        problems += row.inspect(seen, other)
    problems += [f"S4 beside: {problem}" for each in beside for problem in control(each)]
    # A container is slow to make: there, only the rows that use up resources have a control each.
    if alone or (harness.backend != "bubblewrap" and not row.with_neighbour):
        return problems
    harness.wait_for(1)
    afterwards = harness.grade(CONTROL["victim"])
    problems += [f"S4 afterwards: {problem}" for problem in control(afterwards)]
    return problems


def _verdict(row: Row, seen: Seen) -> list[str]:
    """S0 and S1: one verdict, never a fault of ours, and no more points than without the attack."""
    if seen.fault:
        return [f"S1 a fault of ours: {seen.fault[:300]}"]
    if len(seen.verdicts) != 1:
        return [f"S1 {len(seen.verdicts)} verdicts"]
    after = seen.events[seen.events.index(seen.verdicts[0]) + 1 :]
    if not all(isinstance(event, Diagnosed | NotebookRun) for event in after):
        return [f"S1 after the verdict came {after}"[:300]]
    graded = seen.verdicts[0]
    problems = []
    if graded.verdict not in row.expect:
        said = (graded.message or {}).get("en", "")
        firsts = [text for text in seen.texts if "BREACH" in text or "raised" in text][:1]
        problems.append(
            f"S1 {graded.verdict} instead of {'/'.join(sorted(row.expect))}: {said or firsts}"[:400]
        )
    if row.score is not None and graded.score != row.score:
        problems.append(f"S0 {graded.score:g} points instead of {row.score:g}")
    return problems


def _shown(row: Row, seen: Seen) -> list[str]:
    """S3: no secret is shown, nothing was found, and the attack was really tried."""
    text = "\n".join(seen.texts)
    problems = [f"S3 a canary is shown: {found}" for found in set(CANARY.findall(text))]
    problems += [f"S3 shown: {secret}" for secret in SECRETS if secret in text]
    if "BREACH" in text:
        problems.append(text[text.index("BREACH") :].split("\n")[0][:300])
    missing = [mark for mark in row.shows if mark not in text]
    return problems + [f"the attack did not get to say {mark!r}" for mark in missing]


def left_over(seen: Seen) -> list[str]:
    """S2: 5 s later no process, control group or container of the sandboxes is left."""
    deadline = time.monotonic() + LEFT_S
    while True:
        left = [what for sandbox in seen.sandboxes for what in sandbox.left()]
        if not left or time.monotonic() > deadline:
            return [f"S2 left: {what}" for what in left]
        time.sleep(0.05)


def _time(row: Row, seen: Seen) -> list[str]:
    """S5: handling takes no longer than the limit and 5 s; where others keep the host busy, up to
    twice the limit and 5 s."""
    manifest = (COURSE / "exercises" / STAGE / row.exercise / "exercise.toml").read_text("utf-8")
    busy = row.with_neighbour or row.beside or os.getloadavg()[0] > len(os.sched_getaffinity(0))
    limit = tomllib.loads(manifest)["limits"]["total_s"] * (BUSY if busy else 1) + LATE_S
    return [] if seen.seconds <= limit else [f"S5 {seen.seconds:.1f} s, {limit} s are allowed"]


def _text(text: str) -> list[str]:
    """S7: valid UTF-8, capped, no controls, nothing that reverses the direction of reading."""
    problems = []
    if len(text) > MAX_TEXT:
        problems.append(f"S7 a text of {len(text)} characters")
    bad = {
        char for char in text if char not in "\n\t" and unicodedata.category(char) in _CATEGORIES
    }
    if bad:
        problems.append(f"S7 characters {sorted(map(ascii, bad))[:5]} in {text[:80]!a}")
    return problems


def control(seen: Seen) -> list[str]:
    """S4: a right submission gets its usual verdict."""
    if seen.fault or not seen.verdicts:
        return [f"a fault of ours: {seen.fault}"]
    graded = seen.verdicts[0]
    usual = graded.verdict == "accepted" and graded.score == FULL
    return [] if usual else [f"{graded.verdict}, {graded.score:g} points"]


Judge = Callable[[Harness, Row], list[str]]
