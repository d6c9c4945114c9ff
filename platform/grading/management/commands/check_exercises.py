"""Prove exercises: the reference is accepted, the starter and each wrong solution are not.

``--record`` writes what was proven into graders/proven.json, without which nothing is published.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from curriculum.manifest import ManifestError
from grading.exercises import digest, find, manifests
from grading.ledger import FULL_SEEDS, Ledger
from grading.proofs import Proof, Prover
from grading.sandboxes.base import SandboxUnavailable
from grading.setup import make_engine


class Command(BaseCommand):
    """``manage.py check_exercises [SLUG ...] [--json] [--record]``."""

    help = "Prove the exercises with these slugs, or all; fails if one isn't proven."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slugs", nargs="*", metavar="SLUG")
        parser.add_argument("--seeds", type=int, default=FULL_SEEDS, help="runs of each reference")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--record", action="store_true", help="write what is proven into graders/proven.json"
        )

    def handle(self, *, slugs: list[str], seeds: int, **options: Any) -> None:
        if options["record"] and seeds < FULL_SEEDS:
            raise CommandError(f"--record needs a full proof: at least {FULL_SEEDS} seeds")
        try:
            chosen = [find(slug) for slug in slugs] if slugs else manifests()
            engine = make_engine()
        except (ManifestError, SandboxUnavailable) as error:
            raise CommandError(str(error)) from error
        try:
            prover = Prover(engine, settings.EXERCISES_DIR, settings.GRADERS_DIR, seeds)
            ledger, proofs = Ledger.read(), []
            for manifest in chosen:
                version = digest(manifest)
                proofs.append(prover.prove(manifest))
                if options["record"] and proofs[-1].proven:
                    ledger.record(manifest.path, version)
                if not options["json"]:
                    self._show(proofs[-1])
        finally:
            engine.close()
        if options["json"]:
            self.stdout.write(json.dumps([vars(proof) for proof in proofs], indent=2))
        failed = sum(not proof.proven for proof in proofs)
        if failed:
            raise CommandError(f"{failed} of {len(proofs)} exercises are not proven")

    def _show(self, proof: Proof) -> None:
        word = "proven" if proof.proven else "NOT PROVEN"
        self.stdout.write(
            f"{word:10} {proof.exercise}: {proof.runs} runs in {proof.seconds:.0f} s, "
            f"{proof.wrong_solutions} wrong solutions, slowest accepted {proof.slowest_run_s:.2f} s"
        )
        for problem in proof.problems:
            self.stdout.write(f"    {problem}")
