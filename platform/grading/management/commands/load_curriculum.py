"""Bring stages and exercises into the database: safe to repeat, all problems at once."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from curriculum import services
from curriculum.manifest import Manifest, ManifestError
from curriculum.solutions import read_solution
from curriculum.stages import load_stage
from grading.exercises import digest, manifests, secret_half
from grading.ledger import Ledger


class Command(BaseCommand):
    """``manage.py load_curriculum [--unproven]``."""

    help = (
        "Create and update stages and exercises so that the site shows what exercises/ holds. "
        "Exercises whose present content has not been proven by check_exercises are left as "
        "they are."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--unproven", action="store_true", help="publish exercises that are not proven, too"
        )

    def handle(self, *, unproven: bool, **options: Any) -> None:
        stages, problems = [], []
        for path in sorted(settings.EXERCISES_DIR.glob("*/stage.toml")):
            try:
                stages.append(load_stage(path))
            except ManifestError as error:
                problems.append(str(error))
        found: list[Manifest] = []
        try:
            found = manifests()
        except ManifestError as error:
            problems.append(str(error))
        topics = {topic.key for stage in stages for topic in stage.topics}
        problems = problems or [
            f"{manifest.path}/exercise.toml: topic: no stage.toml has {manifest.topic}"
            for manifest in found
            if manifest.topic not in topics
        ]
        if problems:
            raise CommandError("\n".join(problems))
        for stage in stages:
            services.sync_stage(stage)
        ledger = Ledger.read()
        for manifest in found:
            version = digest(manifest)
            if not unproven and not ledger.proves(manifest.path, version):
                self.stderr.write(
                    f"not published: {manifest.path} has changed since it was proven; "
                    f"run `manage.py check_exercises {manifest.slug} --record`"
                )
            elif self._publish(manifest, version):
                self.stdout.write(f"published {manifest.path}")
        services.withdraw_all_but(manifest.slug for manifest in found)
        self.stdout.write(f"{len(stages)} stages, {len(found)} exercises")

    def _publish(self, manifest: Manifest, version: str) -> bool:
        public = settings.EXERCISES_DIR / manifest.path
        return services.publish(manifest, public, version, read_solution(secret_half(manifest)))
