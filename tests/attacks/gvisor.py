"""Rows that gVisor can't hold as they are written, and why none of them is a hole.

They ask for more than that nothing is gained: that a call is refused with a certain error, that a
limit ends the attack by a certain name, or that it ends within seconds. Tried with runsc of 2022
and its ptrace platform.
"""

from __future__ import annotations

_NO_SUCH_CALL = "its kernel lacks the call, and says ENOSYS where the row expects a refusal"
_NO_SUCH_FILE = "its /proc lacks what the row reads; sandbox_doctor asks for the same otherwise"
_INSIDE = "allowed within its own kernel, where it reaches nothing of the host"
_COUNTED = "its own kernel's memory and threads count too, so another limit is met first"
_SLOW = "its system calls by ptrace are slow: what the row tries takes longer than its limit"

NOT_HELD = {
    **dict.fromkeys(("A13", "H05", "H07"), _NO_SUCH_CALL),
    **dict.fromkeys(("H01", "H03-own", "H04"), _NO_SUCH_FILE),
    **dict.fromkeys(("C06", "H03", "H06-H09"), _INSIDE),
    **dict.fromkeys(
        (
            *("D05-thread", "D05-ahead", "D14", "D17", "E01", "E01-tree", "E01-raw"),
            *("E13-processes that compute", "J03-E12"),
        ),
        _COUNTED,
    ),
    **dict.fromkeys(
        ("A01", "E03-children", "E18", "F03", "F03-orphans", "G04", "H02"),
        _SLOW,
    ),
    "E08": "it counts a scratch folder's bytes, not its inodes; they are memory, which is bounded",
    "H04-user": "runsc's own file server runs as root outside, in namespaces of its own",
}


def explains(row: str, problems: list[str]) -> str | None:
    """Return why ``row`` is red, if that is known and nothing was gained, seen or left behind."""
    gained = ("S0", "S2", "S3", "S4", "S7", "S1 accepted", "S1 a fault")
    return None if any(each.startswith(gained) for each in problems) else NOT_HELD.get(row)
