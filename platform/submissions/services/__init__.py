"""What happens to drafts, submissions and grading runs: a module for each, one list of names."""

from submissions.services.claims import (
    Claim,
    ClaimLost,
    claim,
    hand_back,
    may_grade,
    measure_again,
    record_cancelled,
    record_diagnosis,
    record_explained,
    record_fault,
    record_notebook,
    record_outcome,
    record_plan,
    record_started,
    record_verdict,
    renew,
)
from submissions.services.drafts import DraftConflict, replace_draft, save_draft
from submissions.services.reaper import RESENT_AT_ONCE, requeue_expired
from submissions.services.storable import MAX_SOURCE_BYTES
from submissions.services.submitting import cancel, submit

__all__ = [
    "MAX_SOURCE_BYTES",
    "RESENT_AT_ONCE",
    "Claim",
    "ClaimLost",
    "DraftConflict",
    "cancel",
    "claim",
    "hand_back",
    "may_grade",
    "measure_again",
    "record_cancelled",
    "record_diagnosis",
    "record_explained",
    "record_fault",
    "record_notebook",
    "record_outcome",
    "record_plan",
    "record_started",
    "record_verdict",
    "renew",
    "replace_draft",
    "requeue_expired",
    "save_draft",
    "submit",
]
