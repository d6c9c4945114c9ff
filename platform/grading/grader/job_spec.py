"""What a grader process is told: one submission, its tests and its limits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class JobSpec:
    """Everything that one grading needs; seconds and MiB in the names.

    ``model_answer`` is the reference's text, to tell whose fault it is when a test breaks down;
    only hidden tests may compare with it, as ``reference``.

    ``total_s`` is how long anything may be asked of the submission, ``most_s`` the same on a host
    that is busy with others, ``test_s`` how long in a test.
    """

    source: str
    tests: Path | None
    entry: tuple[str, ...]
    seed: int
    total_s: float
    most_s: float
    test_s: float
    memory_mib: int
    gpu_mib: int = 0
    model_answer: str = ""
    reference: Path | None = None
    mistakes: tuple[Path, ...] = ()
    speed_limit: float | None = None
    speed_slack: float = 1.0
    cells: tuple[str, ...] = ()
    probe: str = ""
    rival: str = ""
    exact: bool = False

    @classmethod
    def unpack(cls, data: dict[str, Any], folder: Path) -> JobSpec:
        """Read what the worker sent; lay down its files in ``folder``.

        The exercise comes as texts, for a grader sees no file of the worker: ``files`` maps names
        to texts; ``tests``, ``reference`` and ``mistakes`` are such names. Without ``tests`` only
        ``probe`` is run, lines of the learner's beside their solution.
        """
        fields = dict(data)
        for name, text in fields.pop("files").items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        tests, reference = data["tests"], data["reference"]
        fields["tests"] = folder / tests if tests else None
        fields["reference"] = folder / reference if reference else None
        fields["mistakes"] = tuple(folder / name for name in data["mistakes"])
        fields["entry"] = tuple(data["entry"])
        fields["cells"] = tuple(data["cells"])
        return cls(**fields)
