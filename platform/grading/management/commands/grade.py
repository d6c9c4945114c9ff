"""Grade one file with the same engine as the site, without database and web."""

from __future__ import annotations

import json
import secrets
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from curriculum import notebooks, texts
from curriculum.manifest import Manifest, ManifestError
from grading.engine import Job
from grading.exercises import find
from grading.grader_process import InfrastructureError
from grading.report import (
    CaseResult,
    Diagnosed,
    Event,
    Finished,
    Graded,
    graded_in,
    to_json,
)
from grading.sandboxes.base import SandboxUnavailable
from grading.setup import BACKENDS, make_engine
from submissions.verdicts import OutcomeKind, Verdict

REJECTED, NOT_GRADED = 1, 2
"""Exit statuses."""


class Command(BaseCommand):
    """``manage.py grade SLUG FILE``: exit status 0 if the file is accepted, 1 if it isn't, and 2 if
    it could not be graded."""

    help = (
        "Grade FILE as a submission to the exercise SLUG. "
        "Exits with 0 if it is accepted, with 1 if it isn't, with 2 if it could not be graded."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("file", type=Path)
        parser.add_argument("--tests", choices=["visible", "hidden"], default="hidden")
        parser.add_argument("--seed", type=int, help="of the inputs; a random one by default")
        parser.add_argument(
            "--sandbox", choices=BACKENDS, help="instead of the one that SANDBOX_BACKEND names"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(
        self, *, slug: str, file: Path, tests: str, seed: int | None, **options: Any
    ) -> None:
        try:
            manifest = find(slug)
            source = _source(file, manifest)
        except (notebooks.NotebookError, texts.TextError) as error:
            raise CommandError(
                f"{error.text.en}\n{error.text.zh}", returncode=NOT_GRADED
            ) from error
        except (OSError, ManifestError) as error:
            raise CommandError(str(error), returncode=NOT_GRADED) from error
        chosen = secrets.randbits(63) if seed is None else seed
        job = Job(manifest.path, tests, source, chosen)
        events = self._grade(job, options["sandbox"], quiet=options["json"])
        verdict = graded_in(events)
        if options["json"]:
            self.stdout.write(json.dumps(_document(events, verdict), ensure_ascii=False, indent=2))
        else:
            self.stdout.write(f"{verdict.verdict}  {verdict.score:g} / {verdict.max_score:g}")
            if verdict.message:
                self.stdout.write(verdict.message["en"])
        if verdict.verdict != Verdict.ACCEPTED:
            sys.exit(REJECTED)

    def _grade(self, job: Job, sandbox: str | None, *, quiet: bool) -> list[Event]:
        try:
            engine = make_engine(pool_size=2, backend=sandbox)
        except SandboxUnavailable as error:
            raise CommandError(str(error), returncode=NOT_GRADED) from error
        events: list[Event] = []
        try:
            for event in engine.grade(job):
                events.append(event)
                if not quiet:
                    self._show(event)
        except (InfrastructureError, SandboxUnavailable, OSError) as error:
            text = f"grading failed, the file is not to blame: {error}"
            raise CommandError(text, returncode=NOT_GRADED) from error
        finally:
            engine.close()
        return events

    def _show(self, event: Event) -> None:
        if isinstance(event, Finished):
            outcome = event.outcome
            self.stdout.write(f"{outcome.kind:14} {outcome.seconds:7.3f} s  {outcome.title['en']}")
            if outcome.kind != OutcomeKind.PASSED:
                for text in filter(None, (outcome.message, outcome.hint)):
                    self.stdout.write(f"{'':25}{text['en']}")
        elif isinstance(event, Diagnosed):
            self.stdout.write(f"{'':25}{event.name}: {event.hint['en']}")


def _source(file: Path, manifest: Manifest) -> str:
    if manifest.kind == "notebook":
        return notebooks.read(file.read_bytes())
    return texts.python_source(file.read_bytes())


def _document(events: list[Event], verdict: Graded) -> dict[str, Any]:
    hints = {event.name: event for event in events if isinstance(event, Diagnosed)}
    outcomes = [event.outcome for event in events if isinstance(event, Finished)]
    return {
        **{key: value for key, value in to_json(verdict).items() if key != "event"},
        "tests": [_row(outcome, hints.get(outcome.name)) for outcome in outcomes],
    }


def _row(outcome: CaseResult, diagnosed: Diagnosed | None) -> dict[str, Any]:
    row = dict(vars(outcome))
    if diagnosed is not None:
        row |= {"mistake": diagnosed.mistake, "hint": diagnosed.hint}
    return row
