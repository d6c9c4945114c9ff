"""What a learner can do something about: views show the text with its status."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import ngettext


class SubmissionError(Exception):
    """Nothing was stored or counted; ``str(error)`` says what was wrong and what to do.

    ``code`` is a stable name for programs; the text may change.
    """

    status = 400
    code = "submission_error"


class SourceTooLarge(SubmissionError):
    """The text is longer than anybody's solution."""

    status = 413
    code = "source_too_large"

    def __init__(self, *, size: int, limit: int) -> None:
        super().__init__(
            _(
                "Your code has %(size)d KiB; at most %(limit)d are allowed. Nothing was sent, and "
                "your text is still here."
            )
            % {"size": -(-size // 1024), "limit": limit // 1024}
        )


class SourceEmpty(SubmissionError):
    """There is nothing to grade."""

    code = "source_empty"

    def __init__(self) -> None:
        super().__init__(_("There is no code to run yet. Write some, then press the button again."))


class ProbeEmpty(SubmissionError):
    """There are no lines to try."""

    code = "probe_empty"

    def __init__(self) -> None:
        super().__init__(_("Write the lines that you want to try, for example a call and a print."))


class SourceUnreadable(SubmissionError):
    """The text has characters that no file can hold."""

    code = "source_unreadable"

    def __init__(self, *, line: int) -> None:
        super().__init__(
            _(
                "Line %(line)d holds a character that is no valid Unicode (half of an emoji, for "
                "example). Delete it and try again; your text is still here."
            )
            % {"line": line}
        )


class UnknownTests(SubmissionError):
    """Neither the visible nor the hidden tests were asked for."""

    code = "unknown_tests"

    def __init__(self) -> None:
        super().__init__(_("Choose either the visible or the hidden tests."))


class TooManyWaiting(SubmissionError):
    """One person's runs may not fill the queue."""

    status = 429
    code = "too_many_waiting"

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            _(
                "%(limit)d of your runs are still waiting or running. Wait for one to end, or "
                "cancel one; your text is still here."
            )
            % {"limit": limit}
        )


class NotebookMissing(SubmissionError):
    """The form came without a file."""

    code = "notebook_missing"

    def __init__(self) -> None:
        super().__init__(_("Choose your notebook file (.ipynb) first."))


class NotebookUnusable(SubmissionError):
    """The file is no notebook that can be graded."""

    code = "notebook_unusable"


class QuizIncomplete(SubmissionError):
    """Questions were left open; ``numbers`` says which, from 1."""

    code = "quiz_incomplete"

    def __init__(self, numbers: Sequence[int]) -> None:
        super().__init__(
            ngettext(
                "Question %(numbers)s has no answer yet. Nothing was sent; what you chose is still "
                "here.",
                "Questions %(numbers)s have no answer yet. Nothing was sent; what you chose is "
                "still here.",
                len(numbers),
            )
            % {"numbers": ", ".join(map(str, numbers))}
        )


class QuizAmbiguous(SubmissionError):
    """Questions that take one answer were given several; ``numbers`` says which, from 1."""

    code = "quiz_ambiguous"

    def __init__(self, numbers: Sequence[int]) -> None:
        super().__init__(
            ngettext(
                "Question %(numbers)s takes one answer only. Nothing was sent.",
                "Questions %(numbers)s take one answer each. Nothing was sent.",
                len(numbers),
            )
            % {"numbers": ", ".join(map(str, numbers))}
        )


class QuizChanged(SubmissionError):
    """There are answers to no question, no answer to one, or one twice."""

    code = "quiz_changed"

    def __init__(self) -> None:
        super().__init__(
            _(
                "What was sent doesn't fit these questions; they may have changed since you opened "
                "the page. Nothing was graded. Load the page again and look through your answers."
            )
        )
