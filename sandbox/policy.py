"""What each side of a conversation decides for itself."""

from __future__ import annotations

from typing import Any

from sandbox import errors
from sandbox.wire import Handle


class Policy:
    """What may leave, what stands for what arrives, and what the other side may read of errors."""

    def kind_of(self, value: Any) -> str:
        """Return the kind under which ``value`` may leave as a handle.

        Raises:
            Unsendable: it may not.
        """
        raise NotImplementedError

    def state_of(self, value: Any) -> Any:
        """Return data that goes along with the handle of ``value``."""
        return None

    def proxy(self, handle: Handle) -> Any:
        """Return what stands for an object of the other side."""
        raise NotImplementedError

    def home_id(self, value: Any) -> int | None:
        """Return the other side's number of ``value`` when it is a proxy of ours."""
        raise NotImplementedError

    def frames_of(self, error: BaseException) -> list[errors.Frame]:
        """Return the traceback frames of ``error`` that the other side may read."""
        return []

    def cause_of(self, error: BaseException) -> str:
        """Classify ``error`` for the other side."""
        return ""

    def note(self) -> Any:
        """Return what goes along with each reply, for example captured output."""
        return None

    def take_note(self, note: Any) -> None:
        """Take what came along with a reply."""
