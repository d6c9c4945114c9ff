"""What the suite found: rows by runtime, and the rows that each missing layer turns red."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.attacks import gvisor

FILE = Path(__file__).resolve().parents[2] / "build" / "attacks.json"

rows: dict[str, dict[str, list[str]]] = {}
"""Runtime, row, what did not hold."""

sabotage: dict[str, dict[str, dict[str, list[str]]]] = {}
"""Runtime, layer that is switched off, row, what did not hold any more."""


def write() -> None:
    """Add what was found to build/attacks.json."""
    known: dict[str, Any] = json.loads(FILE.read_text("utf-8")) if FILE.is_file() else {}
    for name, found in (("rows", rows), ("sabotage", sabotage)):
        for runtime, results in found.items():
            known.setdefault(name, {}).setdefault(runtime, {}).update(results)
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(known, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")


def summary() -> list[str]:
    """Return the tables as lines for the terminal."""
    lines = []
    for runtime, results in rows.items():
        held = sum(not problems for problems in results.values())
        lines.append(f"{runtime}: {len(results)} rows run, {held} held")
        for name, found in results.items():
            if found:
                why = gvisor.explains(name, found) if runtime == "docker-runsc" else None
                lines.append(f"  RED {name}: {found[0]}" + (f" ({why})" if why else ""))
    for runtime, layers in sabotage.items():
        lines.append(f"{runtime}, one layer switched off at a time:")
        for layer, results in layers.items():
            red = [name for name, problems in results.items() if problems]
            lines.append(f"  {layer:24} {len(red)} of {len(results)} red: {', '.join(red)[:90]}")
    return lines
