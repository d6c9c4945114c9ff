"""An exercise's manifest, ``exercise.toml``: what can't be read from its folder."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curriculum.bilingual import Text

TOPIC_KEY = re.compile(r"T[1-9]\.[1-9][a-z]?")
BOTH_LANGUAGES = {"en": str, "zh": str}
KINDS = ("function", "module", "notebook", "quiz")
GPU = ("none", "optional", "required")
_REQUIRED = ("kind", "topic", "order", "points", "minutes", "title", "summary")


class ManifestError(Exception):
    """An exercise can't be used; the text lists every problem, with file and field."""


@dataclass(frozen=True)
class RunLimits:
    """What one grading run may use: seconds in all and a test, MiB of memory and of a GPU's."""

    total_s: float = 30.0
    test_s: float = 5.0
    memory_mib: int = 1024
    gpu_mib: int = 4096


@dataclass(frozen=True)
class SpeedRule:
    """Speed is graded: the submission may take ``limit`` times the reference's time.

    ``roofline``, on the same scale, is what no right solution goes below, since its arithmetic and
    its bytes alone take as long; None where the author states none.
    """

    limit: float
    roofline: float | None = None


@dataclass(frozen=True)
class Manifest:
    """An exercise as its author describes it. ``stage`` and ``slug`` are the folder's names."""

    stage: str
    slug: str
    kind: str
    topic: str
    order: int
    points: int
    minutes: int
    title: Text
    summary: Text
    entry: tuple[str, ...] = ()
    gpu: str = "none"
    limits: RunLimits = field(default_factory=RunLimits)
    speed: SpeedRule | None = None

    @property
    def path(self) -> str:
        """The exercise's folder below exercises/ and graders/."""
        return f"{self.stage}/{self.slug}"


def load_manifest(path: Path) -> Manifest:
    """Read an ``exercise.toml``.

    Raises:
        ManifestError: it is missing, isn't TOML, or has missing, unknown or wrong fields.
    """
    data = read_toml(path)
    refuse(path, _problems(data))
    folder = path.parent
    return Manifest(
        stage=folder.parent.name,
        slug=folder.name,
        title=Text(**data.pop("title")),
        summary=Text(**data.pop("summary")),
        entry=tuple(data.pop("entry", ())),
        limits=RunLimits(**data.pop("limits", {})),
        speed=SpeedRule(**data.pop("speed")) if "speed" in data else None,
        **data,
    )


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        ManifestError: it is missing or isn't TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ManifestError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path}: not valid TOML: {error}") from error


def refuse(path: Path, problems: list[str]) -> None:
    """Raise a ManifestError that names the file in front of each problem, if there are any."""
    if problems:
        raise ManifestError("\n".join(f"{path}: {problem}" for problem in problems))


def _problems(data: Mapping[str, Any]) -> list[str]:
    known = {f.name for f in dataclasses.fields(Manifest)} - {"stage", "slug"}
    problems = [f"{name}: missing" for name in _REQUIRED if name not in data]
    problems += [f"{name}: unknown field" for name in data if name not in known]
    for name in ("title", "summary"):
        if name in data:
            problems += table_problems(name, data[name], BOTH_LANGUAGES, True)
    numbers = {"total_s": (int, float), "test_s": (int, float), "memory_mib": int, "gpu_mib": int}
    problems += table_problems("limits", data.get("limits", {}), numbers, False)
    if "speed" in data:
        ratios = {"limit": (int, float), "roofline": (int, float)}
        problems += table_problems("speed", data["speed"], ratios, False)
        if isinstance(data["speed"], dict) and "limit" not in data["speed"]:
            problems.append("speed.limit: missing")
    problems += [
        f"{name}: must be a whole number above 0"
        for name in ("order", "points", "minutes")
        if name in data and (type(data[name]) is not int or data[name] <= 0)
    ]
    return problems + _choices(data)


def _choices(data: Mapping[str, Any]) -> list[str]:
    problems = []
    if data.get("kind", KINDS[0]) not in KINDS:
        problems.append(f"kind: must be one of {', '.join(KINDS)}")
    if data.get("gpu", GPU[0]) not in GPU:
        problems.append(f"gpu: must be one of {', '.join(GPU)}")
    if not TOPIC_KEY.fullmatch(str(data.get("topic", "T1.1"))):
        problems.append('topic: must look like "T3.2a"')
    entry = data.get("entry", [])
    if not isinstance(entry, list) or not all(
        isinstance(n, str) and n.isidentifier() for n in entry
    ):
        problems.append("entry: must be a list of Python names")
    elif not entry and data.get("kind") != "quiz":
        problems.append("entry: must name at least one function or class")
    return problems


def table_problems(name: str, table: Any, fields: Mapping[str, Any], complete: bool) -> list[str]:
    """Name what is wrong with a table; ``fields`` maps a key to its type, or to a table's fields.

    Every key must be there if the table has to be ``complete``; none may be empty.
    """
    if not isinstance(table, dict):
        return [f"{name}: must be a table"]
    problems = [f"{name}.{key}: unknown field" for key in table if key not in fields]
    for key, kinds in fields.items():
        if key not in table:
            problems += [f"{name}.{key}: missing"] if complete else []
        elif isinstance(kinds, Mapping):
            problems += table_problems(f"{name}.{key}", table[key], kinds, complete)
        elif isinstance(table[key], bool) or not isinstance(table[key], kinds):
            problems.append(f"{name}.{key}: wrong type")
        elif (not table[key].strip()) if isinstance(table[key], str) else table[key] <= 0:
            problems.append(f"{name}.{key}: must not be empty, nor 0 or less")
    return problems
