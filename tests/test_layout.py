"""The house's rules that no tool checks."""

from __future__ import annotations

import ast
import platform
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PUBLIC_FILES = {
    "exercise.toml",
    "statement.en.md",
    "statement.zh.md",
    "starter.py",
    "starter.ipynb",
    "test_visible.py",
    "quiz.toml",
}


def test_the_platform_folder_does_not_shadow_the_standard_library():
    assert Path(platform.__file__).is_relative_to(sys.base_prefix)
    assert not (ROOT / "platform" / "__init__.py").exists()


def test_the_public_half_holds_nothing_but_what_a_learner_may_see():
    files = [p for p in (ROOT / "exercises").glob("*/*/*") if p.name != "__pycache__"]
    assert files
    assert not [str(path) for path in files if path.name not in PUBLIC_FILES]


def test_files_stay_small():
    files = [p for top in ("platform", "sandbox", "tools") for p in (ROOT / top).rglob("*.py")]
    files = [path for path in files if "migrations" not in path.parts]
    long = {
        str(path.relative_to(ROOT)): lines
        for path in files
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert not long


def test_no_pickle_where_the_sandbox_is_read():
    for path in [*(ROOT / "sandbox").rglob("*.py"), *(ROOT / "platform/grading").rglob("*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            imports = isinstance(node, ast.Import | ast.ImportFrom)
            names = [alias.name for alias in node.names] if imports else []
            assert not {"pickle", "dill", "cloudpickle", "marshal", "shelve"} & set(names), path
            called = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
            assert not (called and (node.value.id, node.attr) == ("torch", "load")), path


def test_the_engine_imports_neither_torch_nor_pytest():
    import subprocess

    code = "import sys, grading.engine; print([n for n in ('torch', 'pytest') if n in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "[]"
