"""Prove an exercise: its grader accepts what is right and rejects each known mistake.

An exercise that isn't proven can't be published.
"""

from __future__ import annotations

import json
import math
import re
import time
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError

from curriculum import notebooks
from curriculum.manifest import Manifest
from grading.engine import Engine, Job
from grading.grader_process import InfrastructureError
from grading.report import (
    Collected,
    Event,
    Finished,
    Graded,
    NotebookRun,
    PlannedTest,
    graded_in,
)
from submissions.models import Outcome
from submissions.verdicts import PASSING, OutcomeKind, Verdict

MIN_WRONG_SOLUTIONS = 4
PUBLIC_FILES = ("statement.en.md", "statement.zh.md")
VERDICT_FOLDERS = (
    *(Verdict.WRONG_ANSWER, Verdict.TOO_SLOW, Verdict.RUNTIME_ERROR, Verdict.TIME_LIMIT),
)
HEADROOM = 0.5
"""The share of each limit that the reference may use."""


@dataclass
class Proof:
    """What was found out about one exercise; it is proven when there are no problems."""

    exercise: str
    problems: list[str] = field(default_factory=list)
    runs: int = 0
    seconds: float = 0.0
    slowest_run_s: float = 0.0
    wrong_solutions: int = 0

    @property
    def proven(self) -> bool:
        """Whether every check held."""
        return not self.problems


class Prover:
    """Proves exercises with one engine."""

    def __init__(self, engine: Engine, exercises: Path, graders: Path, seeds: int) -> None:
        self._engine, self._exercises, self._graders = engine, exercises, graders
        self._seeds = seeds

    def prove(self, manifest: Manifest) -> Proof:
        """Run all proofs of one exercise."""
        proof = Proof(manifest.path)
        started = time.monotonic()
        code = (self._reference, self._starter, self._visible, self._wrong)
        checks = {"quiz": (self._quiz,), "notebook": (self._notebook, *code)}
        try:
            for check in (self._texts, *checks.get(manifest.kind, code)):
                proof.problems += check(manifest, proof)
        except notebooks.NotebookError as error:
            proof.problems.append(f"{_starter_name(manifest)}: {error}")
        except InfrastructureError as error:
            proof.problems.append(f"the grader fails: {error}")
        proof.seconds = time.monotonic() - started
        return proof

    def _grade(
        self, manifest: Manifest, source: str, seed: int, proof: Proof, tests: str = "hidden"
    ) -> tuple[Graded, list[Finished]]:
        events = self._events(manifest, source, seed, proof, tests)
        return graded_in(events), [event for event in events if isinstance(event, Finished)]

    def _events(
        self, manifest: Manifest, source: str, seed: int, proof: Proof, tests: str
    ) -> list[Event]:
        proof.runs += 1
        events = list(self._engine.grade(Job(manifest.path, tests, source, seed)))
        found = (each for event in events if isinstance(event, Collected) for each in event.tests)
        proof.problems += [each for each in _unstorable(found) if each not in proof.problems]
        return events

    def _handed_in(self, manifest: Manifest, file: Path) -> str:
        """Return a solution as a learner would hand it in: for notebooks, in the starter."""
        source = file.read_text("utf-8")
        if manifest.kind != "notebook":
            return source
        starter = self._exercises / manifest.path / _starter_name(manifest)
        return notebooks.fill(starter.read_text("utf-8"), source)

    def _texts(self, manifest: Manifest, proof: Proof) -> Iterator[str]:
        folder = self._exercises / manifest.path
        code = () if manifest.kind == "quiz" else (_starter_name(manifest), "test_visible.py")
        for name in (*PUBLIC_FILES, *code):
            if not (folder / name).is_file() or not (folder / name).read_text("utf-8").strip():
                yield f"{name} is missing or empty"
        for name in PUBLIC_FILES:
            text = (folder / name).read_text("utf-8") if (folder / name).is_file() else ""
            yield from (
                f"{name} does not name the entry point {entry}"
                for entry in manifest.entry
                if not re.search(rf"\b{re.escape(entry)}\b", text)
            )

    def _reference(self, manifest: Manifest, proof: Proof) -> Iterator[str]:
        source = self._handed_in(manifest, self._graders / manifest.path / "reference.py")
        for seed in range(self._seeds):
            verdict, finished = self._grade(manifest, source, seed, proof)
            total = verdict.timings.get("total", 0.0)
            proof.slowest_run_s = max(proof.slowest_run_s, total)
            if verdict.verdict != Verdict.ACCEPTED:
                failed = [f.outcome.name for f in finished if f.outcome.kind != OutcomeKind.PASSED]
                yield f"seed {seed}: the reference is not accepted: {verdict.verdict} {failed}"
            if total > manifest.limits.total_s * HEADROOM:
                yield f"seed {seed}: the reference takes {total:.1f} s, over half of the limit"
            for each in finished:
                timed = each.outcome.speed is not None
                if not timed and each.outcome.seconds > manifest.limits.test_s * HEADROOM:
                    yield f"seed {seed}: {each.outcome.name} takes over half of its limit"

    def _starter(self, manifest: Manifest, proof: Proof) -> Iterator[str]:
        source = (self._exercises / manifest.path / _starter_name(manifest)).read_text("utf-8")
        verdict, _ = self._grade(manifest, source, 0, proof)
        if verdict.verdict in PASSING or verdict.score > 0:
            yield f"the starter gets {verdict.score:g} points: {verdict.verdict}"
        if verdict.verdict == Verdict.SYNTAX_ERROR:
            yield "the starter is no valid Python"

    def _visible(self, manifest: Manifest, proof: Proof) -> Iterator[str]:
        source = self._handed_in(manifest, self._graders / manifest.path / "reference.py")
        verdict, finished = self._grade(manifest, source, 0, proof, tests="visible")
        if verdict.verdict != Verdict.ACCEPTED:
            failed = [f.outcome.name for f in finished if f.outcome.kind != OutcomeKind.PASSED]
            yield f"the reference fails visible tests: {failed}"

    def _notebook(self, manifest: Manifest, proof: Proof) -> Iterator[str]:
        """All cells must run when the answer is right; none may come with an answer's output."""
        starter = (self._exercises / manifest.path / "starter.ipynb").read_text("utf-8")
        if any(cell.get("outputs") for cell in json.loads(starter)["cells"]):
            yield "starter.ipynb has outputs, which may give the answer away: clear them"
        source = self._handed_in(manifest, self._graders / manifest.path / "reference.py")
        events = self._events(manifest, source, 0, proof, "visible")
        runs = [event for event in events if isinstance(event, NotebookRun)]
        if not runs:
            yield "the notebook was not run"
        for number, cell in enumerate(runs[0].cells if runs else [], 1):
            if cell["error"]:
                yield f"cell {number} fails with the reference: {cell['error']['en']}"

    def _wrong(self, manifest: Manifest, proof: Proof) -> Iterator[str]:
        folder = self._graders / manifest.path
        files = [(name, file) for name in VERDICT_FOLDERS for file in (folder / name).glob("*.py")]
        proof.wrong_solutions = len(files)
        if len(files) < MIN_WRONG_SOLUTIONS:
            yield f"only {len(files)} wrong solutions; at least {MIN_WRONG_SOLUTIONS} are needed"
        for expected, file in sorted(files):
            for seed in range(min(self._seeds, 3)):
                source = self._handed_in(manifest, file)
                verdict, _ = self._grade(manifest, source, seed, proof)
                if verdict.verdict != expected:
                    yield f"{expected}/{file.name} gets {verdict.verdict} with seed {seed}"

    def _quiz(self, manifest: Manifest, proof: Proof) -> Iterator[str]:
        answers: list[dict[str, Any]] = tomllib.loads(
            (self._graders / manifest.path / "answers.toml").read_text("utf-8")
        )["answer"]
        questions = tomllib.loads(
            (self._exercises / manifest.path / "quiz.toml").read_text("utf-8")
        )["question"]
        key = {answer["question"]: answer["correct"] for answer in answers}
        if self._grade(manifest, json.dumps(key), 0, proof)[0].verdict != Verdict.ACCEPTED:
            yield "the right answers are not accepted"
        if self._grade(manifest, "{}", 0, proof)[0].score:
            yield "no answers get points"
        choices = {q["id"]: {choice["id"] for choice in q["choice"]} for q in questions}
        if choices.keys() != key.keys():
            yield f"questions and answers differ: {sorted(choices.keys() ^ key.keys())}"
        for answer in answers:
            texts = answer["feedback"]
            if set(texts) != choices.get(answer["question"], set()):
                yield f"{answer['question']}: not exactly one feedback for each choice"
            if not all({"en", "zh"} <= text.keys() for text in texts.values()):
                yield f"{answer['question']}: a feedback lacks a language"


def _unstorable(tests: Iterable[PlannedTest]) -> Iterator[str]:
    """Name what the database, or a page in either language, would refuse of a run's tests."""
    names = set[str]()
    for position, test in enumerate(tests, 1):
        row = Outcome(position=position, name=test.name, title=test.title, max_points=test.points)
        try:
            row.clean_fields(exclude=["run"])
        except ValidationError as error:
            yield f"{test.name}: {error.message_dict}"
        if test.name in names:
            yield f"{test.name}: two tests have this name"
        names.add(test.name)
        if not all(test.title[language].strip() for language in ("en", "zh")):
            yield f"{test.name}: the title lacks a language"
        if not 0 <= test.points < math.inf:
            yield f"{test.name}: {test.points} points"


def _starter_name(manifest: Manifest) -> str:
    return "starter.ipynb" if manifest.kind == "notebook" else "starter.py"
