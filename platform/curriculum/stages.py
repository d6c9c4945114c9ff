"""A stage's texts, ``stage.toml``: its title, its summary and its topics in their order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curriculum.bilingual import Text
from curriculum.manifest import (
    BOTH_LANGUAGES,
    TOPIC_KEY,
    read_toml,
    refuse,
    table_problems,
)

_FIELDS = ("title", "summary", "topic")


@dataclass(frozen=True)
class TopicText:
    """A heading of the outline; exercises name it by ``key``, such as T3.2a."""

    key: str
    title: Text


@dataclass(frozen=True)
class StageText:
    """A stage as its author describes it. ``slug`` is the folder's name."""

    slug: str
    number: int
    title: Text
    summary: Text
    topics: tuple[TopicText, ...]


def load_stage(path: Path) -> StageText:
    """Read a ``stage.toml``. Its folder's name starts with the stage's number: ``03-llms``.

    Raises:
        ManifestError: it is missing, isn't TOML, or has missing, unknown or wrong fields.
    """
    data = read_toml(path)
    slug = path.parent.name
    refuse(path, _problems(data, slug))
    return StageText(
        slug=slug,
        number=int(slug[:2]),
        title=Text(**data["title"]),
        summary=Text(**data["summary"]),
        topics=tuple(TopicText(topic["key"], Text(**topic["title"])) for topic in data["topic"]),
    )


def _problems(data: Mapping[str, Any], slug: str) -> list[str]:
    problems = [f"{name}: missing" for name in _FIELDS if name not in data]
    problems += [f"{name}: unknown field" for name in data if name not in _FIELDS]
    if not re.fullmatch(r"0[1-9]-[a-z0-9-]+", slug):
        problems.append('its folder\'s name must look like "03-llms"')
    for name in ("title", "summary"):
        if name in data:
            problems += table_problems(name, data[name], BOTH_LANGUAGES, True)
    topics = data.get("topic", [])
    if not isinstance(topics, list):
        return [*problems, "topic: must be a list of tables, [[topic]]"]
    if not topics and "topic" in data:
        problems.append("topic: must not be empty")
    return problems + _topic_problems(topics, slug)


def _topic_problems(topics: list[Any], slug: str) -> list[str]:
    problems = []
    seen = set()
    for number, topic in enumerate(topics, 1):
        name = f"topic #{number}"
        problems += table_problems(name, topic, {"key": str, "title": BOTH_LANGUAGES}, True)
        key = topic.get("key") if isinstance(topic, dict) else None
        if not isinstance(key, str) or not key.strip():
            continue
        if not TOPIC_KEY.fullmatch(key):
            problems.append(f'{name}.key: must look like "T3.2a", not {key!r}')
        elif key[1] != slug[1:2]:
            problems.append(f"{name}.key: {key} belongs to another stage")
        if key in seen:
            problems.append(f"{name}.key: {key} is there twice")
        seen.add(key)
    return problems
