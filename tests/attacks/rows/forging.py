"""B: forging the verdict. Every submission here is wrong, so every one must get 0 points."""

# ruff: noqa: E501  (hostile texts stay as they would be handed in)

from __future__ import annotations

from tests.attacks.rows.base import (
    FULL,
    PROBE,
    RIGHT,
    RUNTIME,
    WRONG,
    WRONG_ANSWER,
    Row,
    in_call,
    probe,
)
from tests.attacks.seen import Seen

ODD = WRONG_ANSWER | RUNTIME

_EXITS = {
    "sys.exit(0)": "import sys; sys.exit(0)",
    "os._exit(0)": "import os; os._exit(0)",
    "SystemExit": "raise SystemExit(0)",
    "KeyboardInterrupt": "raise KeyboardInterrupt",
    "BaseException": "raise BaseException('x')",
    "GeneratorExit": "raise GeneratorExit",
}

_FILES = """
folders = [".", "/tmp", "/dev/shm", "/", "/opt", "/opt/site", "/opt/site/sandbox", "/dev", "/opt/stream",
           "/etc", os.path.expanduser("~")] + [p for p in sys.path if p]
NAMES = {
    "conftest.py": "def pytest_runtest_makereport(item, call): pass",
    "pytest.ini": "[pytest]\\naddopts = --collect-only", "pyproject.toml": "[tool.pytest.ini_options]",
    "sitecustomize.py": "raise SystemExit(0)", "usercustomize.py": "raise SystemExit(0)",
    "x.pth": "import os; os._exit(0)", "results.json": '{"score": 100}', "reward.txt": "1.0",
    ".valid": "1", "junit.xml": '<testsuite tests="5" failures="0"/>', "test_hidden.py": "def test(): pass",
}
written = 0
for folder in folders:
    for name, text in NAMES.items():
        try:
            with open(os.path.join(folder, name), "w") as file:
                written += file.write(text) > 0
        except OSError:
            pass
print("HELD wrote", written)
import atexit
atexit.register(lambda: open("/tmp/results.json", "w").write('{"score": 100}'))
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        import time
        for _ in range(50):
            time.sleep(0.1)
            open("/tmp/reward.txt", "w").write("1.0")
    os._exit(0)
"""

_PYTEST = """
for name in ("pytest", "_pytest", "_pytest.reports", "_pytest.runner"):
    attempt(name, lambda: __import__(name))
import types
for name in ("pytest", "_pytest", "_pytest.reports"):
    sys.modules[name] = types.ModuleType(name)
class TestReport:
    outcome = "passed"
    passed = True
sys.modules["_pytest.reports"].TestReport = TestReport
def pytest_runtest_makereport(item, call): return TestReport()
def pytest_collection_modifyitems(items): items[:] = items[:1]
pytest_plugins = ["submission"]
"""

_REPORTS = """
def report():
    for stream in (sys.stdout, sys.stderr):
        print('{"event": "Graded", "verdict": "accepted", "score": 8, "max_score": 8}', file=stream)
        print('{"event": "Finished", "outcome": {"kind": "passed"}}', file=stream)
        print('<testsuite tests="6" failures="0"/>\\n1..6\\nok 1\\n====== 6 passed in 0.1s ======', file=stream)
        print("HELD printed a report", file=stream, flush=True)
report()
import atexit
atexit.register(report)
"""

_HARNESS = """
changed = []
for folder, _, files in os.walk("/opt/site/sandbox"):
    for name in files:
        for mode in ("ab", "r+b"):
            try:
                open(os.path.join(folder, name), mode).close()
                changed.append(name)
            except OSError:
                pass
    for name in ("new.py", "wire.py.bak"):
        try:
            open(os.path.join(folder, name), "w").close()
            changed.append(name)
        except OSError:
            pass
forbid("change of the agent on disk", changed)
for action in (lambda: os.rename("/opt/site/sandbox", "/opt/site/x"),
               lambda: os.remove("/opt/python/bin/python3"), lambda: os.mkdir("/opt/x")):
    attempt("change of the root", action)
"""

_ALWAYS = """
class Always:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __bool__(self): return True
    def __lt__(self, other): return True
    __gt__ = __le__ = __ge__ = __lt__
    def __hash__(self): return 0
    def __abs__(self): return 0.0
    def __sub__(self, other): return 0.0
    __rsub__ = __add__ = __radd__ = __mul__ = __rmul__ = __sub__
    def __array__(self, *a, **k): return __import__("numpy").zeros(1)
    def __len__(self): return 8
    def __iter__(self): return iter([Always()] * 8)
    def __getitem__(self, key): return Always()
    def __contains__(self, key): return True
    def __float__(self): return 0.0
    def __index__(self): return 0
    @classmethod
    def __torch_function__(cls, f, types, args=(), kwargs=None): return True
    @property
    def shape(self): return (4, 5)
    @property
    def dtype(self): return __import__("torch").float32
def double(numbers): return Always()
def twice(tensor): return Always()
def tally(words): return Always()
def mean(numbers): return Always()
def run(model, x): return Always()
"""

_SUBCLASSES = """
import numpy, torch
def forged(base):
    return type("Forged", (base,), {"__eq__": lambda s, o: True, "__ne__": lambda s, o: False,
        "__lt__": lambda s, o: True, "__gt__": lambda s, o: True, "__hash__": lambda s: 0,
        "__sub__": lambda s, o: 0, "__rsub__": lambda s, o: 0, "__abs__": lambda s: 0})
def double(numbers): return forged(list)([forged(int)(n) for n in numbers])
def twice(tensor): return tensor.as_subclass(forged(torch.Tensor))
def tally(words): return forged(dict)({word: forged(int)(0) for word in words})
def mean(numbers): return forged(float)(0)
def run(model, x): return numpy.zeros(3).view(forged(numpy.ndarray))
"""

_TENSORS = {
    "a subclass": "class T(torch.Tensor): pass\n    return tensor.as_subclass(T)",
    "a parameter": "return torch.nn.Parameter(tensor)",
    "on the meta device": "return torch.empty(4, 5, device='meta')",
    "sparse": "return tensor.to_sparse()",
    "quantised": "return torch.quantize_per_tensor(tensor, 0.1, 0, torch.quint8)",
    "with a conjugate bit": "return torch.complex(tensor, tensor).conj()",
    "with a negative bit": "return torch.complex(tensor, tensor).conj().imag",
    "stride 0": "return tensor[:1, :1].expand(4, 5)",
    "not contiguous": "return tensor.T.contiguous().T",
    "lazily vmapped": "return torch.func.vmap(lambda row: row)(tensor)",
    "of a functorch level": "k = []; torch.func.vmap(lambda r: k.append(r) or r)(tensor); return k[0]",
    "nested": "return torch.nested.nested_tensor([tensor[0], tensor[1]])",
}

_NOT_FINITE = """
import torch
NAN, INF = float("nan"), float("inf")
def double(numbers): return [NAN] * len(numbers)
def twice(tensor): return torch.full_like(tensor, VALUE)
def tally(words): return {word: VALUE for word in words}
def mean(numbers): return VALUE
def run(model, x): return torch.full_like(x, VALUE)
"""

_SHAPES = {
    "a broadcast scalar": "return (2 * tensor).mean()",
    "one element": "return (2 * tensor).reshape(-1)[:1]",
    "one more axis": "return (2 * tensor)[None]",
    "empty": "return tensor[:0]",
    "flat": "return (2 * tensor).reshape(-1)",
    "transposed": "return (2 * tensor).T",
    "a list": "return (2 * tensor).tolist()",
    "an array": "return (2 * tensor).numpy()",
}

_DTYPES = {
    "float64": "return (2 * tensor).double()",
    "float16": "return (2 * tensor).half()",
    "bfloat16": "return (2 * tensor).bfloat16()",
    "float8": "return (2 * tensor).to(torch.float8_e4m3fn)",
    "complex with a zero imaginary part": "return torch.complex(2 * tensor, 0 * tensor)",
    "bits as int32": "return (2 * tensor).view(torch.int32)",
    "big-endian": "import numpy; return (2 * tensor).numpy().astype('>f4')",
    "objects": "import numpy; return (2 * tensor).numpy().astype(object)",
}

_NUMBERS = """
import numpy
def double(numbers): return [float(2 * number) for number in numbers]
def tally(words): return {word: float(words.count(word)) for word in words}
def mean(numbers): return -0.0
def run(model, x): return (model(x).detach() > 0)
"""

_IN_PLACE = """
import torch
def double(numbers):
    numbers[:] = [0] * len(numbers)
    return numbers
def twice(tensor): return tensor.zero_()
def tally(words):
    words.clear()
    return {}
def mean(numbers):
    numbers[:] = [0.0] * len(numbers)
    return 0.0
def run(model, x):
    with torch.no_grad():
        x.zero_()
    return x
"""

_PATCHES = """
import builtins, math, random, numpy, torch
true = lambda *a, **k: True
torch.allclose = torch.equal = numpy.allclose = numpy.array_equal = math.isclose = true
torch.testing.assert_close = numpy.testing.assert_allclose = lambda *a, **k: None
builtins.all = builtins.isinstance_ = true
random.random = lambda: 0.5
torch.manual_seed = lambda seed: None
torch.Tensor.__ne__ = lambda s, o: torch.zeros(())
torch.Tensor.__eq__ = lambda s, o: torch.ones(())
"""

_FINGERPRINT = """
import platform
def fingerprint(where):
    frame, names = sys._getframe(), []
    while frame is not None:
        names.append((frame.f_code.co_filename, frame.f_code.co_name))
        frame = frame.f_back
    print("PRINT", where, sys.argv, platform.node(), sorted((n, v) for n, v in os.environ.items() if n != "TORCHINDUCTOR_CACHE_DIR"), os.getcwd(),
          len(sys.modules), names)
"""
_HIDDEN_OR_NOT = (
    PROBE
    + _FINGERPRINT
    + RIGHT
    + """
seen = set()
def double(numbers):
    if "double" not in seen:
        fingerprint("double")
    seen.add("double")
    return [2 * number for number in numbers]
fingerprint("load")
"""
)

_INJECTIONS = """
BAD = "\\r\\n\\x1b[31m6 passed\\x1b[0m\\u202e\\u2066\\x00\\x07</pre><script>alert(1)</script>\\nPASSED"
print(BAD)
def double(numbers): return [BAD] * len(numbers)
def twice(tensor): raise type(BAD.replace("\\x00", ""), (Exception,), {})(BAD)
def tally(words): return {BAD: BAD}
def mean(numbers): raise ValueError(BAD * 500)
def run(model, x): return BAD
"""

_TYPE_NAMES = """
def tally(words):
    name = "\\u202e\\u2066\\x1b[31m\\x07evil\\r\\n"
    return {**{word: words.count(word) for word in words}, type(name, (), {})(): 1}
"""

_NAMES = """
exec("def \\u0501ouble(numbers): return 1")
globals()["doubl\\u202ee"] = print
globals()["dou\\x1b[31mble"] = print
def twice(tensor): return tensor
"""

_TESTS = """
def test_free_points(): pass
class TestFree:
    def test_one(self): pass
    def test_two(self): pass
__test__ = True
"""

_SKIPS = """
import unittest
class Skipped(Exception): pass
Skipped.__module__, Skipped.__qualname__ = "_pytest.outcomes", "Skipped"
def double(numbers): raise Skipped("skip")
def twice(tensor): raise unittest.SkipTest("skip")
def tally(words): raise type("XFailed", (Exception,), {})("xfail")
def mean(numbers): raise type("Exit", (Exception,), {})("exit")
def run(model, x): raise AssertionError
"""

_STOPS = """
def double(numbers):
    if len(numbers) == 1:
        raise StopIteration
    return list(numbers)
"""

_REMEMBERS = """
before = []
def double(numbers):
    answer = before[-1] if before else list(numbers)
    before.append([2 * number for number in numbers])
    return answer
def twice(tensor): return before[-1] if before else tensor
import random, torch, numpy
random.seed(0); torch.manual_seed(0); numpy.random.seed(0)
"""


def _twice(body: str) -> str:
    return f"import torch\n{WRONG}\ndef twice(tensor):\n    {body}\n"


def _same_print(seen: Seen, other: Seen | None) -> list[str]:
    assert other is not None
    mine, theirs = seen.marked("PRINT"), other.marked("PRINT")
    if not mine or not theirs:
        return ["no fingerprint was seen"]
    return [] if mine == theirs else [f"differs: {sorted(mine ^ theirs)}"]


def _six_tests(seen: Seen, _: Seen | None) -> list[str]:
    return [] if seen.planned == 6 == seen.finished else [f"{seen.planned}, {seen.finished} tests"]


ROWS = [
    *(
        Row(f"B01-{name}", f"{name} while loading", body + "\n" + RIGHT, RUNTIME, 0)
        for name, body in _EXITS.items()
    ),
    *(
        Row(f"B01-{name}-call", f"{name} in a call", in_call(body), RUNTIME, 0)
        for name, body in _EXITS.items()
    ),
    Row(
        "B02-B05",
        "write conftest.py, pytest.ini, reports and rewards everywhere, now and later",
        probe(_FILES, WRONG),
        WRONG_ANSWER,
        0,
        shows=("HELD wrote",),
    ),
    Row("B03", "patch pytest", probe(_PYTEST, WRONG), WRONG_ANSWER, 0, inspect=_six_tests),
    Row(
        "B04",
        "print a report",
        probe(_REPORTS, WRONG),
        WRONG_ANSWER,
        0,
        shows=("HELD printed a report",),
    ),
    Row(
        "B06",
        "overwrite the harness on disk",
        probe(_HARNESS),
        shows=("HELD change of the agent on disk", "HELD change of the root"),
        layers=("read-only root",),
    ),
    Row("B08", "results that equal everything", WRONG + _ALWAYS, WRONG_ANSWER, 0),
    Row("B09", "subclasses that equal everything", WRONG + _SUBCLASSES, WRONG_ANSWER, 0),
    *(
        Row(f"B10-{name}", f"a wrong tensor that is {name}", _twice(body), ODD, 0)
        for name, body in _TENSORS.items()
    ),
    *(
        Row(
            f"B11-{value}",
            f"{value} everywhere",
            _NOT_FINITE.replace("VALUE", value),
            WRONG_ANSWER,
            0,
            layers=("check of NaN", "comparison"),
        )
        for value in ("NAN", "INF", "-INF")
    ),
    *(
        Row(
            f"B12-{name}",
            f"a result that is {name}",
            _twice(body),
            WRONG_ANSWER,
            0,
            layers=("check of shapes", "comparison"),
        )
        for name, body in _SHAPES.items()
    ),
    *(
        Row(
            f"B13-{name}",
            f"a result of dtype {name}",
            _twice(body),
            WRONG_ANSWER,
            0,
            layers=("check of shapes", "comparison"),
        )
        for name, body in _DTYPES.items()
    ),
    Row(
        "B13-numbers",
        "floats for ints, bools for floats, minus zero",
        WRONG + _NUMBERS,
        WRONG_ANSWER,
        1,  # one test compares with a plain ==
        layers=("check of types", "comparison"),
    ),
    Row(
        "B15",
        "change the inputs, so that what is computed from them agrees",
        WRONG + _IN_PLACE,
        WRONG_ANSWER,
        0,
    ),
    Row("B16", "patch what compares", WRONG + _PATCHES, ODD, 0),
    Row(
        "B18",
        "tell hidden from visible tests",
        _HIDDEN_OR_NOT,
        score=FULL,
        accomplice="#visible\n" + _HIDDEN_OR_NOT,
        inspect=_same_print,
    ),
    Row(
        "B20",
        "inject controls, colours and markup into texts",
        PROBE + WRONG + _INJECTIONS,
        ODD,
        0,
        layers=("cleaning of texts",),
    ),
    Row(
        "B20-type",
        "inject controls through the name of a type",
        WRONG + _TYPE_NAMES,
        WRONG_ANSWER,
        0,
    ),
    Row(
        "B20-names",
        "inject controls through the names of functions",
        _NAMES,
        RUNTIME,
        0,
        layers=("cleaning of texts",),
    ),
    Row("B21", "hand in tests", WRONG + _TESTS, WRONG_ANSWER, 0, inspect=_six_tests),
    Row("B22", "skip, xfail, exit", WRONG + _SKIPS, RUNTIME, 0, inspect=_six_tests),
    Row("B22-stop", "end the grader's loop with StopIteration", WRONG + _STOPS, WRONG_ANSWER, 0),
    Row("B23", "answer from earlier inputs", WRONG + _REMEMBERS, WRONG_ANSWER, 0),
]
