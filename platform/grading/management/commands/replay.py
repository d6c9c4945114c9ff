"""Grade a run again, from its receipt, and compare."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from curriculum.manifest import ManifestError
from grading.engine import Engine, Job
from grading.exercises import digest, find
from grading.grader_process import InfrastructureError
from grading.report import Finished, Graded
from grading.sandboxes.base import SandboxUnavailable
from grading.setup import make_engine
from submissions.models import GradingRun
from submissions.states import State


class Command(BaseCommand):
    """``manage.py replay RUN``: exit status 0 only if the verdict is the same."""

    help = "Grade the graded run RUN again with its seed, and compare. Nothing is stored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", help="the id of a run, or of a submission: then its newest")

    def handle(self, *, run: str, **options: Any) -> None:
        found = _find(run)
        try:
            engine = make_engine(pool_size=2)
            try:
                kinds, verdict = _grade(engine, found)
            finally:
                engine.close()
        except (SandboxUnavailable, InfrastructureError) as error:
            raise CommandError(f"the replay failed, the run is not to blame: {error}") from error
        for outcome in found.outcomes.all():
            now = kinds.get(outcome.name, "missing")
            if now != outcome.kind:
                self.stdout.write(f"{outcome.name}: {outcome.kind} then, {now} now")
        if verdict.verdict != found.verdict:
            self.stdout.write(f"different: {found.verdict} then, {verdict.verdict} now")
            sys.exit(1)
        self.stdout.write(f"the same: {found.verdict}, {verdict.score:g} / {verdict.max_score:g}")


def _find(key: str) -> GradingRun:
    runs = GradingRun.objects.select_related("submission__version").filter(state=State.GRADED)
    try:
        found = runs.filter(pk=UUID(key)).first() or runs.filter(submission=UUID(key)).last()
    except (ValueError, ValidationError):
        found = None
    if found is None:
        raise CommandError(f"there is no graded run {key}")
    version = found.submission.version
    try:
        there = digest(find(version.manifest["slug"]))
    except ManifestError as error:
        raise CommandError(str(error)) from error
    if there != version.content_hash:
        raise CommandError(
            f"the exercise has changed since: the run was graded with {version.content_hash[:12]}, "
            f"here is {there[:12]}. Check out the revision that has it."
        )
    return found


def _grade(engine: Engine, run: GradingRun) -> tuple[dict[str, str], Graded]:
    submission = run.submission
    job = Job(submission.version.path, submission.tests, submission.source, run.seed)
    kinds: dict[str, str] = {}
    for event in engine.grade(job):
        if isinstance(event, Finished):
            kinds[event.outcome.name] = event.outcome.kind
        if isinstance(event, Graded):
            return kinds, event
    raise InfrastructureError("no verdict")
