"""Drafts: what is in the editor is kept, and no device overwrites another's text unasked."""

from __future__ import annotations

import pytest

from accounts.models import User
from curriculum.models import Exercise
from submissions import errors, services
from submissions.models import Draft
from tests.submissions.conftest import MakeExercise, MakeLearner


def save(learner: User, exercise: Exercise, source: str, revision: int) -> Draft:
    return services.save_draft(learner=learner, exercise=exercise, source=source, revision=revision)


def test_each_save_makes_the_next_revision(learner: User, exercise: Exercise) -> None:
    assert save(learner, exercise, "a", 0).revision == 1
    assert save(learner, exercise, "b", 1).revision == 2
    stored = Draft.objects.get()
    assert (stored.source, stored.revision) == ("b", 2)


def test_an_emptied_editor_is_a_draft_too(learner: User, exercise: Exercise) -> None:
    save(learner, exercise, "a", 0)
    save(learner, exercise, "", 1)
    assert Draft.objects.get().source == ""


@pytest.mark.parametrize("revision", [0, 1, 99, -1])
def test_a_save_from_another_revision_is_refused_with_the_other_text(
    learner: User, exercise: Exercise, revision: int
) -> None:
    save(learner, exercise, "a", 0)
    save(learner, exercise, "there", 1)
    with pytest.raises(services.DraftConflict) as caught:
        save(learner, exercise, "here", revision)
    assert (caught.value.draft.source, caught.value.draft.revision) == ("there", 2)
    assert Draft.objects.get().source == "there"


def test_the_same_text_is_no_conflict_and_no_new_revision(
    learner: User, exercise: Exercise
) -> None:
    save(learner, exercise, "same", 0)
    again = save(learner, exercise, "same", 0)
    assert again.revision == 1
    assert Draft.objects.get().revision == 1


def test_drafts_are_kept_apart_by_learner_and_exercise(
    learner: User, exercise: Exercise, make_learner: MakeLearner, make_another: MakeExercise
) -> None:
    save(learner, exercise, "mine", 0)
    save(make_learner(), exercise, "another's", 0)
    save(learner, make_another("softmax"), "elsewhere", 0)
    assert Draft.objects.get(learner=learner, exercise=exercise).source == "mine"


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("x" * (services.MAX_SOURCE_BYTES + 1), errors.SourceTooLarge),
        ("\0", errors.SourceUnreadable),
        ("\udfff", errors.SourceUnreadable),
    ],
    ids=["too large", "NUL", "half an emoji"],
)
def test_a_draft_that_cannot_be_stored_leaves_the_old_one(
    learner: User, exercise: Exercise, source: str, error: type[errors.SubmissionError]
) -> None:
    save(learner, exercise, "a", 0)
    with pytest.raises(error):
        save(learner, exercise, source, 1)
    assert Draft.objects.get().source == "a"


def test_a_restored_text_replaces_the_draft_and_open_pages_will_ask(
    learner: User, exercise: Exercise
) -> None:
    services.replace_draft(learner=learner, exercise=exercise, source="first")
    assert Draft.objects.get().revision == 1
    services.replace_draft(learner=learner, exercise=exercise, source="restored")
    draft = Draft.objects.get()
    assert (draft.source, draft.revision) == ("restored", 2)
    with pytest.raises(services.DraftConflict):
        save(learner, exercise, "typed meanwhile", 1)
