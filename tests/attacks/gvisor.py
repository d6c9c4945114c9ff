"""Rows that gVisor can't hold as they are written, and why: seen with runsc of 2022, by ptrace.

They ask for more than that nothing is gained: that a call is refused with a certain error, that a
limit ends the attack by a certain name, or that it ends within seconds. A row that stops at the
first such answer doesn't come to what it would try afterwards: that part is untried.
"""

from __future__ import annotations

_NO_SUCH_CALL = "its kernel lacks the call, and says ENOSYS where the row expects a refusal"
_NO_SUCH_FILE = "its /proc lacks what the row reads"
_INSIDE = "allowed within its own kernel, where it reaches nothing of the host"
_COUNTED = "its own kernel's memory and threads count too, so another limit is met first"
_SLOW = "its system calls by ptrace are slow: what the row tries takes longer than its limit"
_INODES = "it counts a scratch folder's bytes, not its inodes; they are memory, which is bounded"
_GOFER = "runsc's own file server runs as root outside, in namespaces of its own"

NOT_HELD = {
    "A01": (_SLOW, "time_limit instead of accepted"),
    "A13": (_NO_SUCH_CALL, "{'pidfd_getfd': (-1, 38)}"),
    "C06": (_INSIDE, "BREACH nice: -20"),
    "D05-thread": (_COUNTED, "process_limit instead of"),
    "D05-ahead": (_COUNTED, "process_limit instead of"),
    "D14": (_COUNTED, "memory_limit instead of"),
    "D17": (_COUNTED, "runtime_error instead of"),
    "E01": (_COUNTED, "memory_limit instead of"),
    "E01-raw": (_COUNTED, "memory_limit instead of", "time_limit instead of"),
    "E01-tree": (_COUNTED, "memory_limit instead of", "S5 1"),
    "E03-children": (_SLOW, "S5 1"),
    "E08": (_INODES, "BREACH inodes: "),
    "E13-processes that compute": (_COUNTED, "memory_limit instead of"),
    "E18": (_SLOW, "S5 2"),
    "F03": (_SLOW, "time_limit instead of accepted"),
    "F03-orphans": (_SLOW, "time_limit instead of accepted"),
    "G04": (_SLOW, "time_limit instead of accepted"),
    "H01": (_NO_SUCH_FILE, "KeyError: 'CapAmb'"),
    "H02": (_SLOW, "time_limit instead of accepted"),
    "H03": (_INSIDE, "BREACH clone3: True"),
    "H03-own": (_NO_SUCH_FILE, "'/proc/self/ns/ipc'", "the namespaces were not told"),
    "H04": (_NO_SUCH_FILE, "Function not implemented: '/proc/sys'"),
    "H04-user": (_GOFER, "users on the host: {0, 65534}"),
    "H05": (_NO_SUCH_CALL, "{'mount_setattr': (-1, 38)}"),
    "H06-H09": (_INSIDE, "BREACH mknod: None"),
    "H07": (_NO_SUCH_CALL, "{'memfd_secret': (-1, 38)}"),
    "J03-E12": (_COUNTED, "process_limit instead of"),
}
"""Why, and what is seen of it."""

_FOLLOWS = ("S0 0 points instead of", "the attack did not get to say")
"""Of a submission that ended early: it lost points and said less."""


def explains(row: str, problems: list[str]) -> str | None:
    """Return why ``row`` is red, if that is known and explains each of ``problems``."""
    why, *seen = NOT_HELD.get(row, (None,))
    explained = all(
        problem.startswith(_FOLLOWS) or any(mark in problem for mark in seen)
        for problem in problems
    )
    return why if explained else None
