"""What a grader process is told: one submission, its tests and its limits."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Assignment:
    """Everything that one grading needs. Paths are of this host; seconds and MiB in the names."""

    source: str
    tests: Path
    entry: tuple[str, ...]
    seed: int
    total_s: float
    test_s: float
    memory_mib: int
    reference: Path | None = None
    mistakes: tuple[Path, ...] = ()
    speed_limit: float | None = None
    cells: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return JSON data that ``from_json`` understands."""
        data = asdict(self)
        data["tests"] = str(self.tests)
        data["reference"] = str(self.reference) if self.reference else None
        data["mistakes"] = [str(path) for path in self.mistakes]
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Assignment:
        """Rebuild what ``to_json`` wrote."""
        fields = dict(data)
        fields["tests"] = Path(data["tests"])
        fields["reference"] = Path(data["reference"]) if data["reference"] else None
        fields["mistakes"] = tuple(Path(path) for path in data["mistakes"])
        fields["entry"] = tuple(data["entry"])
        fields["cells"] = tuple(data.get("cells", ()))
        return cls(**fields)
