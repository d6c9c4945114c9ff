"""The names that the site's editor completes after a dot, of the packages that are installed.

``python -m tools.completions`` writes ``platform/static/completions.json``, which is committed:
``{module: {type: "name name ..."}}``, the types being those of CodeMirror's completions.
"""

from __future__ import annotations

import importlib
import inspect
import json
from pathlib import Path
from types import ModuleType
from typing import Any

FILE = Path(__file__).parents[1] / "platform" / "static" / "completions.json"
PACKAGES = (
    "numpy",
    "numpy.linalg",
    "numpy.random",
    "torch",
    "torch.Tensor",
    "torch.linalg",
    "torch.nn",
    "torch.nn.functional",
    "torch.nn.init",
    "torch.optim",
    "torch.optim.lr_scheduler",
)
TORCH_CLASSES = {"Generator", "Size", "Tensor", "device", "dtype"}
LIBRARY = ("collections", "dataclasses", "functools", "itertools", "json", "math", "random", "re")


def names(path: str) -> dict[str, str]:
    """Return the public names of a module or class by their types, each type's joined by spaces."""
    home = _find(path)
    found: dict[str, list[str]] = {}
    for name in sorted({*getattr(home, "__all__", dir(home)), *_submodules(path)}):
        value = getattr(home, name)
        if not name.startswith("_") and _is_of_use(name, value, path):
            found.setdefault(_type(value, home), []).append(name)
    return {kind: " ".join(listed) for kind, listed in sorted(found.items())}


def _submodules(path: str) -> list[str]:
    return [each.removeprefix(f"{path}.") for each in PACKAGES if each.rpartition(".")[0] == path]


def _find(path: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        return getattr(importlib.import_module(module), name)


def _is_of_use(name: str, value: Any, path: str) -> bool:
    """Whether a name is neither a mere import nor one of the insides that torch also exports."""
    if isinstance(value, ModuleType):
        return name in _submodules(path)
    if path == "torch" and inspect.isclass(value):
        return (
            name in TORCH_CLASSES
            or name.endswith("_grad")
            or name in {"autocast", "finfo", "iinfo"}
        )
    if hasattr(_find(path), "__all__") or path == "torch.Tensor" or path in LIBRARY:
        return True
    module = getattr(value, "__module__", None) or ""
    return callable(value) and module.startswith("torch") and name != "Tensor"


def _type(value: Any, home: Any) -> str:
    if isinstance(value, ModuleType):
        return "namespace"
    if inspect.isclass(value):
        return "class"
    if callable(value):
        return "method" if inspect.isclass(home) else "function"
    return "property" if inspect.isclass(home) else "constant"


def main() -> None:
    """Write the list."""
    found = {path: names(path) for path in (*PACKAGES, *LIBRARY)}
    FILE.write_text(json.dumps(found, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
