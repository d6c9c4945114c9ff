"""A learner's text behaves as a file of that text does, when Python imports it."""

from __future__ import annotations

import pytest

from sandbox.agent.loader import lines_of
from sandbox.errors import RemoteError


def test_annotations_are_real_values(load):
    code = load("""
import inspect, typing
from dataclasses import dataclass, fields
@dataclass
class Config:
    width: int = 3
def f(x: int) -> float: return x
def seen():
    return (f.__annotations__["x"] is int, inspect.signature(f).return_annotation is float,
            fields(Config)[0].type is int, typing.get_type_hints(Config)["width"] is int)
""")
    assert code.seen() == (True,) * 4


def test_a_name_that_an_annotation_lacks_is_told_as_it_would_be_at_home(load):
    with pytest.raises(NameError) as caught:
        load("x = 1\ndef f(t: Tensor): return t\n")
    assert caught.value.frames[-1] == (2, "<module>", "def f(t: Tensor): return t")


def test_a_learner_may_ask_for_the_future(load):
    code = load("""
from __future__ import annotations
import typing
from dataclasses import dataclass
@dataclass
class Node:
    next: Node | None = None
def hints(): return str(typing.get_type_hints(Node)["next"]), Node.__annotations__["next"]
""")
    assert code.hints() == ("submission.Node | None", "Node | None")


def test_a_module_knows_its_name_its_file_and_its_source(load):
    code = load("""
import inspect, pickle, sys
import submission
from enum import Enum
ran = False
class Color(Enum):
    RED = 1
class Box:
    def __init__(self, x): self.x = x
    def __eq__(self, other): return self.x == other.x
def add(a, b):
    return a + b
def who(): return __name__, __file__, __package__, submission.add is add
def sources(): return inspect.getsource(add), inspect.getsource(Box).splitlines()[0]
def pickled():
    box, color = pickle.loads(pickle.dumps((Box(3), Color.RED)))
    return box.x, color is Color.RED
def main(): return ran
if __name__ == "__main__":
    ran = True
""")
    assert code.who() == ("submission", "submission.py", "", True)
    assert code.sources() == ("def add(a, b):\n    return a + b\n", "class Box:")
    assert code.pickled() == (3, True)
    assert code.main() is False


def test_a_byte_order_mark_is_no_syntax_error(load):
    assert load("\ufeffdef f(): return '\ufeff'").f() == "\ufeff"
    with pytest.raises(SyntaxError):
        load("\ufeff\ufeffdef f(): return 1")


@pytest.mark.parametrize("odd", ["\f", "\v", "\x1c", "\x85", "\u2028", "\u2029"])
def test_a_traceback_shows_the_line_that_python_counts(load, odd):
    code = load(f"a = '''{odd}'''\nb = 2  # {odd} {odd}\n\ndef f():\n    raise ValueError\n")
    with pytest.raises(ValueError) as caught:
        code.f()
    assert caught.value.frames == [(5, "f", "raise ValueError")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system_are_line_ends(load, end):
    code = load(end.join(["x = '''a", "b'''", "def f():", "    raise ValueError(x)", ""]))
    with pytest.raises(ValueError, match="a\nb") as caught:
        code.f()
    assert caught.value.frames == [(4, "f", "raise ValueError(x)")]


def test_lines_are_those_of_pythons_tokenizer():
    assert lines_of("a\fb\r\nc\u2028d\re\x85\n\n") == ["a\fb\n", "c\u2028d\n", "e\x85\n", "\n"]


def test_cells_share_their_future_and_nothing_of_ours(load):
    code = load("")

    def run(source: str, number: int) -> str:
        return code.peer.request("run_cell", source, f"cell {number}")

    assert run("def f(x: int): pass\nf.__annotations__['x'] is int", 1) == "True"
    with pytest.raises(RemoteError, match="Unknown"):
        run("def f(x: Unknown): pass", 2)
    run("from __future__ import annotations", 3)
    assert run("def f(x: Unknown): pass\nf.__annotations__['x']", 4) == "'Unknown'"
