"""Probe every promise of this host's sandbox; a worker does the same before it takes work."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from grading.sandboxes import doctor
from grading.sandboxes.base import SandboxUnavailable
from grading.setup import BACKENDS, make_backend


class Command(BaseCommand):
    """``manage.py sandbox_doctor [--sandbox NAME] [--json]``: exit status 0 only if all is well."""

    help = (
        "Probe every promise of the sandbox inside a real one and say how to mend what is broken."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--sandbox", choices=BACKENDS, help="instead of the one that SANDBOX_BACKEND names"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--zh", action="store_true", help="in Chinese")

    def handle(self, *, sandbox: str | None, **options: Any) -> None:
        try:
            backend = make_backend(sandbox or settings.SANDBOX_BACKEND)
            try:
                findings = doctor.examine(backend)
            finally:
                backend.close()
        except SandboxUnavailable as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps([finding.document() for finding in findings]))
        else:
            self.stdout.write("\n".join(doctor.describe(findings, "zh" if options["zh"] else "en")))
        if any(finding.fatal for finding in findings):
            raise CommandError("This host's sandbox breaks a promise: no worker starts here.")
