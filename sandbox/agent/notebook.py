"""Run a notebook's cells in one namespace, as a kernel would, and show each one's last value."""

from __future__ import annotations

import ast
import linecache
import sys
from types import ModuleType

from sandbox.agent.loader import CELL

MAX_REPR_CHARS = 10_000


class Notebook:
    """The namespace that all cells share."""

    def __init__(self) -> None:
        self._module = ModuleType("__main__")

    def run_cell(self, source: str, number: int) -> str:
        """Run the cell of this number; return its trailing expression's repr, "" if there is none.

        Whatever the cell raises is raised.
        """
        name = f"{CELL}{number}"
        sys.modules["__main__"] = self._module
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        tree = ast.parse(source, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec"), self._module.__dict__)
        if last is None:
            return ""
        assert isinstance(last, ast.Expr)
        value = eval(compile(ast.Expression(last.value), name, "eval"), self._module.__dict__)
        return "" if value is None else repr(value)[:MAX_REPR_CHARS]
