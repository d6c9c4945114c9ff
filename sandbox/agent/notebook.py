"""Run pieces of code in one namespace, as a kernel does cells, and show each one's last value."""

from __future__ import annotations

import ast
import linecache
import sys
from types import ModuleType

MAX_REPR_CHARS = 10_000


class Notebook:
    """The namespace that all cells share: one of its own, or that of ``module``."""

    def __init__(self, module: ModuleType | None = None) -> None:
        self._module = module or ModuleType("__main__")

    def run_cell(self, source: str, name: str) -> str:
        """Run the cell of this name; return its trailing expression's repr, "" if there is none.

        Whatever the cell raises is raised.
        """
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
