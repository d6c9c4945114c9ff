"""A run's seed is committed to before it counts, and shown when it has."""

from __future__ import annotations

import hashlib

from django.test import Client
from django.urls import reverse

from submissions import services
from submissions.verdicts import Verdict
from tests.submissions.conftest import MakeRun, claimed


def test_the_commitment_is_shown_at_once_and_the_seed_when_it_has_ended(
    signed_in: Client, make_run: MakeRun
) -> None:
    run = make_run()
    url = reverse("submission", args=[run.submission_id])
    waiting = signed_in.get(url).content.decode()
    assert run.commitment in waiting
    assert str(run.seed) not in waiting and run.salt not in waiting
    services.record_verdict(claimed(run), verdict=Verdict.ACCEPTED, score=1, max_score=1)
    ended = signed_in.get(url).content.decode()
    assert f"{run.seed}:{run.salt}" in ended and run.commitment in ended
    assert hashlib.sha256(f"{run.seed}:{run.salt}".encode()).hexdigest() == run.commitment


def test_each_run_has_its_own_which_another_try_keeps(make_run: MakeRun) -> None:
    first, second = make_run(), make_run()
    assert first.seed != second.seed and first.salt != second.salt
    services.hand_back(claimed(first))
    before = first.commitment
    first.refresh_from_db()
    assert first.commitment == before
