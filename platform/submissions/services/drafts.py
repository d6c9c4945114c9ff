"""Drafts: what is in a learner's editor, saved as it is typed."""

from __future__ import annotations

from django.db.models import F
from django.utils import timezone

from accounts.models import User
from curriculum.models import Exercise
from submissions.models import Draft
from submissions.services.storable import check_storable


class DraftConflict(Exception):
    """The draft was saved elsewhere since; ``draft`` is what is there now."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        super().__init__(f"draft {draft.pk} is at revision {draft.revision}")


def save_draft(*, learner: User, exercise: Exercise, source: str, revision: int) -> Draft:
    """Save what is in the editor; ``revision`` is the one it was made from, 0 for none.

    Raises:
        DraftConflict: another revision, with another text, was saved in between.
        SubmissionError: the text can't be stored.
    """
    check_storable(source)
    draft, created = Draft.objects.get_or_create(
        learner=learner, exercise=exercise, defaults={"source": source}
    )
    if created or draft.source == source:
        return draft
    saved = Draft.objects.filter(pk=draft.pk, revision=revision).update(
        source=source, revision=F("revision") + 1, updated_at=timezone.now()
    )
    if saved:
        # Not what is there now, which may be another's already, whose revision would let the next
        # save of this page overwrite it.
        draft.source, draft.revision = source, revision + 1
        return draft
    draft.refresh_from_db()
    if draft.source != source:
        raise DraftConflict(draft)
    return draft


def replace_draft(*, learner: User, exercise: Exercise, source: str) -> None:
    """Make ``source`` the draft, whatever was there: pages that hold another text will ask.

    Raises:
        SubmissionError: the text can't be stored.
    """
    check_storable(source)
    draft, created = Draft.objects.get_or_create(
        learner=learner, exercise=exercise, defaults={"source": source}
    )
    if not created:
        Draft.objects.filter(pk=draft.pk).update(
            source=source, revision=F("revision") + 1, updated_at=timezone.now()
        )
