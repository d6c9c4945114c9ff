"""What may be stored of a learner's text."""

from __future__ import annotations

from submissions import errors

MAX_SOURCE_BYTES = 256 * 1024


def check_storable(source: str) -> None:
    """Refuse what no file can hold.

    Raises:
        SubmissionError: it is too large, or no text.
    """
    try:
        size = len(source.encode())
    except UnicodeEncodeError as error:
        raise errors.SourceUnreadable(line=source.count("\n", 0, error.start) + 1) from error
    if size > MAX_SOURCE_BYTES:
        raise errors.SourceTooLarge(size=size, limit=MAX_SOURCE_BYTES)
    if "\0" in source:
        raise errors.SourceUnreadable(line=source.count("\n", 0, source.index("\0")) + 1)
