"""Run pieces of code in one namespace, as a kernel does cells, and show each one's last value."""

from __future__ import annotations

import ast
import sys
from types import ModuleType
from typing import Any

from sandbox.agent.loader import remember

MAX_REPR_CHARS = 10_000
_FUTURE = annotations.compiler_flag
"""The one ``__future__`` import that still changes anything."""


class Notebook:
    """The namespace that all cells share: one of its own, or that of ``module``."""

    def __init__(self, module: ModuleType | None = None) -> None:
        self._module = module or ModuleType("__main__")
        self._future = 0

    def run_cell(self, source: str, name: str) -> str:
        """Run the cell of this name; return its trailing expression's repr, "" if there is none.

        Whatever the cell raises is raised.
        """
        sys.modules["__main__"] = self._module
        remember(source, name)
        tree = self._compile(source, name, "exec", ast.PyCF_ONLY_AST)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(self._compile(tree, name, "exec"), self._module.__dict__)
        if last is None:
            return ""
        code = self._compile(ast.Expression(last.value), name, "eval")
        value = eval(code, self._module.__dict__)
        return "" if value is None else repr(value)[:MAX_REPR_CHARS]

    def _compile(self, source: Any, name: str, mode: str, flags: int = 0) -> Any:
        """Compile with what earlier cells imported of ``__future__``, and nothing of this file."""
        code = compile(source, name, mode, flags | self._future, dont_inherit=True)
        self._future |= getattr(code, "co_flags", 0) & _FUTURE
        return code
