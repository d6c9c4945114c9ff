"""The learner's module as a test sees it: proxies, gradients, modules, callbacks."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest
import torch
from torch import nn

from grading import messages
from grading.remote import expose
from sandbox.errors import RemoteError
from sandbox.peer import Broken
from sandbox.stream import Disconnected
from sandbox.wire import ProtocolError, Unsendable


def test_functions_take_and_return_data(load):
    code = load("def swap(a, b=2, *, c=3): return c, b, a")
    assert code.swap(1) == (3, 2, 1)
    assert code.swap([1], b={"x": 1j}, c=None) == (None, {"x": 1j}, [1])


def test_inputs_are_copies(load):
    code = load("def spoil(x): x.zero_(); return x")
    x = torch.ones(3)
    assert code.spoil(x).sum() == 0
    assert x.sum() == 3


def test_gradcheck_works_across_the_boundary(load):
    code = load("import torch\ndef f(q, k): return torch.softmax(q @ k.mT, -1) @ k")
    q, k = (torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(code.f, (q, k))


def test_a_wrong_backward_fails_gradcheck(load):
    code = load("""
import torch
class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x): return x * 2
    @staticmethod
    def backward(ctx, g): return g * 3
def f(x): return Wrong.apply(x)
""")
    x = torch.randn(3, dtype=torch.float64, requires_grad=True)
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        torch.autograd.gradcheck(code.f, (x,))


def test_several_outputs_and_unused_inputs_have_the_right_gradients(load):
    code = load("def f(a, b): return a * 2, {'x': a + 1, 'n': 3}")
    a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    first, rest = code.f(a, b)
    (first.sum() + 3 * rest["x"].sum()).backward()
    assert a.grad.tolist() == [5, 5] and b.grad is None


def test_double_backward_is_refused_in_words(load):
    code = load("def f(x): return x * x")
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="double backward is not supported"):
        torch.autograd.grad(code.f(x).sum(), x, create_graph=True)


def test_no_grad_holds_on_the_other_side_too(load):
    code = load("import torch\ndef enabled(): return torch.is_grad_enabled()")
    with torch.no_grad():
        assert code.enabled() is False
    assert code.enabled() is True


MODULE = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.w = nn.Parameter(torch.ones(n, n))
        self.frozen = nn.Parameter(torch.ones(n), requires_grad=False)
        self.sub = nn.Linear(n, n)
        self.register_buffer("calls", torch.zeros(()))
        self.dropout = nn.Dropout(0.5)
    def forward(self, x):
        self.calls += 1
        return self.dropout(self.sub(x @ self.w) + self.frozen)
    def scale_up(self):
        self.w.data *= 2
    def grad_of_w(self):
        return self.w.grad
"""


def test_a_module_has_its_parameters_gradients_and_state(load):
    net = load(MODULE).Net(3)
    assert [name for name, _ in net.named_parameters()] == ["w", "frozen", "sub.weight", "sub.bias"]
    assert list(net.state_dict()) == ["w", "frozen", "calls", "sub.weight", "sub.bias"]
    net.eval()
    x = torch.randn(5, 3)
    net(x).sum().backward()
    grads = {name: value.grad for name, value in net.named_parameters()}
    assert grads["frozen"] is None
    assert torch.allclose(grads["sub.bias"], torch.full((3,), 5.0))
    assert torch.equal(net.grad_of_w(), grads["w"])
    net.zero_grad()
    assert net.grad_of_w() is None
    assert net.calls == 1


def test_changes_on_either_side_are_seen_on_the_other(load):
    net = load(MODULE).Net(2)
    net.scale_up()
    assert net.w.tolist() == [[2, 2], [2, 2]]
    net.load_state_dict({key: torch.zeros_like(value) for key, value in net.state_dict().items()})
    net.eval()
    assert net(torch.ones(1, 2)).abs().sum() == 0
    assert net.training is False
    net.train()
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    net.eval()
    net(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    assert net(torch.zeros(1, 2)).tolist() == [[-1, -1]]


FIT = """
import torch
def fit(model, batches, lr):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    was = model.training
    model.train()
    losses = []
    for x, y in batches:
        optimizer.zero_grad()
        loss = ((model(x) - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.train(was)
    return losses
"""


def test_a_learner_trains_a_model_that_the_grader_holds(load):
    code = load(FIT)
    batches = [(torch.randn(8, 3), torch.randn(8, 1)) for _ in range(4)]

    def make():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)).eval()

    mine, theirs = make(), make()
    losses = code.fit(mine, iter(batches), 0.1)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1)
    expected = []
    for x, y in batches:
        optimizer.zero_grad()
        loss = ((theirs(x) - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        expected.append(loss.item())
    assert losses == expected
    for left, right in zip(mine.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(left, right)
    assert mine.training is False


def test_a_standard_layer_arrives_as_a_real_one(load):
    code = load("def what(m): return type(m).__name__, m.weight.shape, m.bias is None")
    assert code.what(nn.Linear(2, 3, bias=False)) == ("Linear", (3, 2), True)


def test_callbacks_nest(load):
    code = load("def down(f, n): return f(n)")

    def again(n):
        return 0 if n == 0 else code.down(again, n - 1) + 1

    assert code.down(again, 10) == 10


def test_only_exposed_methods_can_be_called(load):
    class Llm:
        secret = "s"

        def complete(self, text):
            return text + "!"

        def hidden(self):
            return self.secret

    code = load("""
def use(llm): return llm.complete("hi")
def reach(llm):
    return [name for name in ("hidden", "secret", "__dict__") if "s" in str(getattr(llm, name, ""))]
def forge(llm):
    return llm._agent.request("method", llm._number, "hidden", (), {})
""")
    llm = expose(Llm(), "complete")
    assert code.use(llm) == "hi!"
    assert "secret" not in code.reach(llm)
    with pytest.raises(AttributeError):
        code.forge(llm)


def test_generators_instances_and_context_managers(load):
    code = load("""
def count(n):
    yield from range(n)
class Box:
    def __init__(self): self.items = {"a": 1}; self.state = "new"
    def __len__(self): return len(self.items)
    def __getitem__(self, key): return self.items[key]
    def __setitem__(self, key, value): self.items[key] = value
    def __contains__(self, key): return key in self.items
    def __iter__(self): return iter(self.items)
    def __enter__(self): self.state = "open"; return self
    def __exit__(self, *error): self.state = "closed"
def peek(box): return box.state
""")
    assert list(code.count(3)) == [0, 1, 2]
    box = code.Box()
    box["b"] = 2
    assert len(box) == 2 and box["b"] == 2 and "b" in box and list(box) == ["a", "b"]
    with box as same:
        assert same.state == "open"
    assert code.peek(box) == "closed"
    box.state = "again"
    assert code.peek(box) == "again"
    with pytest.raises(KeyError):
        box["c"]


def test_an_exception_keeps_its_builtin_type_and_the_learners_lines(load):
    code = load(
        "class Mine(ValueError): pass\ndef f():\n    print('seen')\n    raise Mine('bad')\n"
    )
    with pytest.raises(ValueError, match="bad") as caught:
        code.f()
    assert isinstance(caught.value, RemoteError)
    assert caught.value.type_name == "Mine"
    assert caught.value.frames == [(4, "f", "raise Mine('bad')")]
    assert code.peer.take_output() == "seen\n"


@pytest.mark.parametrize("what", ["SystemExit(0)", "KeyboardInterrupt()", "BaseException('x')"])
def test_an_exit_is_an_answer_like_any_other(load, what):
    code = load(f"def f(): raise {what}")
    with pytest.raises(RemoteError):
        code.f()
    assert load("def g(): return 1").g() == 1


def test_objects_of_the_grader_never_leave(load):
    code = load("def f(x): return x")
    with pytest.raises(Unsendable, match="can't be passed"):
        code.f(object())
    assert code.f(1) == 1


NAMED = """
import torch
from collections import Counter, OrderedDict, defaultdict, namedtuple
from typing import NamedTuple
class Routing(NamedTuple):
    weights: torch.Tensor
    count: int
    @property
    def total(self): return self.weights.sum()
def route(x): return Routing(x * 2, 3)
def largest(x): return torch.max(x, 0)
def passed(pair): return pair.left + pair.right, type(pair).__name__
"""


def test_a_named_result_has_names_and_gradients(load):
    code = load(NAMED)
    x = torch.ones(2, requires_grad=True)
    routing = code.route(x)
    weights, count = routing
    assert routing.count == count == 3 and isinstance(routing, tuple)
    weights.sum().backward()
    assert x.grad.tolist() == [2, 2]
    values, indices = code.largest(x)
    assert values == 1 and indices == 0
    assert torch.autograd.grad(values, x)[0].sum() == 1


def test_a_namedtuple_of_the_grader_has_its_names_there(load):
    pair = namedtuple("Pair", "left right")
    assert load(NAMED).passed(pair(1, 2)) == (3, "Pair")


def test_states_and_counts_are_dicts_both_ways(load):
    code = load("""
from collections import Counter
def count(words): return Counter(words)
def same(state): return type(state).__name__, state
""")
    assert code.count(["a", "b", "a"]) == {"a": 2, "b": 1}
    name, state = code.same(nn.Linear(1, 1).state_dict())
    assert name == "dict" and list(state) == ["weight", "bias"]


def test_an_instance_of_a_class_that_the_test_uses_keeps_its_methods(load):
    code = load("""
from typing import NamedTuple
class Cache(dict):
    def append(self, key): self[key] = len(self); return self
class Point(NamedTuple):
    x: int
    def moved(self): return Point(self.x + 1)
    @classmethod
    def origin(cls): return cls(0)
class Deeper(Cache): pass
def make(): return Deeper()
def plain(): return Point(3)
""")
    cache = code.Cache()
    assert cache.append("a").append("b")["b"] == 1
    cache["c"] = 7
    assert len(cache) == 3 and code.make().append("x")["x"] == 0
    assert code.plain() == (3,)
    assert code.Point.origin().moved().moved().x == 2


USES = {
    "unpacked": lambda result: [*result],
    "indexed": lambda result: result[0],
    "measured": len,
    "searched": lambda result: 3 in result,
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_an_object_where_a_test_wants_data_is_named_by_its_type(load, use):
    code = load("""
from dataclasses import dataclass
@dataclass
class Output: x: int = 1
def f(): return Output()
""")
    with pytest.raises(TypeError) as caught:
        use(code.f())
    text = messages.unsendable(caught.value.message)
    assert "it is of type Output, which is no list" in text.en and "Output" in text.zh


def test_what_a_learners_own_method_raises_stays_theirs(load):
    code = load("class Box:\n    def __len__(self): return len(3)\n")
    with pytest.raises(TypeError, match="has no len") as caught:
        len(code.Box())
    assert caught.value.frames[-1][0] == 2


@pytest.mark.parametrize("what", ["f(1)", "[f(1)]", "{'a': g()}"])
def test_an_async_function_is_named_in_words(load, what):
    code = load(f"async def f(x): return x\nasync def g(): yield 1\ndef h(): return {what}")
    with pytest.raises(RemoteError, match=r"coroutine: f|async generator: g") as caught:
        code.h()
    text = messages.unsendable(caught.value.message)
    assert "is an async" in text.en and ("协程" in text.zh or "异步生成器" in text.zh)
    assert code.peer.take_output() == ""


def test_results_are_plain_even_when_the_learner_overrides_everything(load):
    code = load("""
import numpy as np, torch
class Always(float):
    def __eq__(self, other): return True
class T(torch.Tensor):
    pass
def number(): return Always(1)
def tensor(): return torch.ones(2).as_subclass(T)
""")
    assert type(code.number()) is float and code.number() != 2
    assert type(code.tensor()) is torch.Tensor


FORGERIES = [
    'import os; os.write(FD, b"garbage" * 100)',
    "import os; os.close(FD)",
    "import os; os._exit(0)",
]


@pytest.mark.parametrize("attack", FORGERIES)
def test_whatever_the_learner_writes_is_at_most_a_protocol_error(load, attack):
    code = load(f"""
import os
def attack():
    for FD in range(3, 200):
        try:
            os.fstat(FD)
        except OSError:
            continue
        try:
            {attack}
        except OSError:
            pass
    return 1
""")
    code.peer.stream.deadline = __import__("time").monotonic() + 5
    with pytest.raises((ProtocolError, Disconnected, RemoteError)):
        code.attack()
        code.attack()
    with pytest.raises((Broken, RemoteError, ProtocolError, Disconnected)):
        code.attack()


def test_numpy_arrays_cross(load):
    code = load("def f(x): return x * 2, x.sum()")
    doubled, total = code.f(np.arange(3, dtype=np.float32))
    assert doubled.dtype == np.float32 and doubled.tolist() == [0, 2, 4]
    assert isinstance(total, np.float32)


def test_a_model_of_the_grader_can_be_trained_in_every_usual_way(load):
    submission = load("""
import torch
def fit(model, x, y):
    model.zero_grad()
    loss = ((model(x) - y) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 0.1 * parameter.grad
    model.zero_grad()
    return hasattr(model, "secret")
def peek(model):
    return model.secret
""")
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    model.secret = 42
    before = [parameter.clone() for parameter in model.parameters()]
    assert submission.fit(model, torch.ones(2, 3), torch.ones(2, 1)) is False
    assert any(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    with pytest.raises(RemoteError, match="no attribute 'secret'"):
        submission.peek(model)


def test_tapes_end_with_the_graphs_that_need_them(load):
    code = load("""
import gc
from sandbox.agent.service import Agent
agent = next(found for found in gc.get_objects() if type(found) is Agent)
def f(x): return x * 2
def tapes(): return len(agent._tapes)
def fit(model, x):
    for _ in range(40):
        model.zero_grad()
        model(x).sum().backward()
""")
    x = torch.ones(3, requires_grad=True)
    most = 0
    for _ in range(40):
        code.f(x).sum().backward()
        most = max(most, code.tapes())
    assert most <= 2
    kept = code.f(x)
    for _ in range(3):
        code.f(x)
    kept.sum().backward()
    code.fit(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), torch.ones(1, 3))
    assert len(code.peer._tapes) <= 2


UNSHOWABLE = {
    "raises": "def __str__(self): raise ValueError('no')",
    "exits": "def __str__(self): raise SystemExit(3)",
    "recurses": "def __str__(self): return str(self)",
    "is no text": "def __str__(self): return 5",
}
AWKWARD = {
    "is huge": "def __str__(self): return 'x' * 10_000_000",
    "has half of a surrogate pair": "def __str__(self): return '\\ud800 x'",
    "is a subclass of str": "def __str__(self): return Text('x')",
    "has a broken repr": "def __repr__(self): raise ValueError('no')",
    "lies about its class": "__class__ = property(lambda self: 1 / 0)",
    "lies about its traceback": "__traceback__ = property(lambda self: 1 / 0)",
}
AWKWARD_MODULE = """
class Meta(type):
    __name__ = property(lambda cls: 7)
    __mro__ = property(lambda cls: 1 / 0)
class Text(str):
    def __getitem__(self, key): return 5
    def encode(self, *args): return 5
class Bad(Exception, metaclass=Meta):
    BODY
def f(): raise Bad('m')
def g(): return 1
"""


@pytest.mark.parametrize("body", [*UNSHOWABLE.values(), *AWKWARD.values()])
def test_an_exception_that_cant_be_shown_is_an_answer(load, body):
    code = load(AWKWARD_MODULE.replace("BODY", body))
    with pytest.raises(RemoteError) as caught:
        code.f()
    assert caught.value.type_name == "Bad"
    text = messages.raised(caught.value)
    assert ("can't be shown" in text.en) == (body in UNSHOWABLE.values())
    assert code.g() == 1


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ("[torch.zeros(1) for _ in range(9000)]", "too many tensors"),
        ("torch.empty((1 << 30) + 1, dtype=torch.uint8)", "too many bytes"),
        ("['x' * 1000] * 20_000", "too many bytes"),
        ("torch.eye(2).to_sparse()", "sparse"),
        ("torch.empty(2, device='meta')", "meta"),
    ],
)
def test_a_result_that_cant_be_sent_is_an_answer(load, result, words):
    code = load(f"import torch\ndef f(): return {result}\ndef g(): return 1")
    with pytest.raises(TypeError, match=words) as caught:
        code.f()
    assert caught.value.type_name == "Unsendable"
    assert code.g() == 1


@pytest.mark.parametrize(
    "attack",
    [
        "del sys.stdout",
        "sys.stdout = 5",
        "sys.stdout = type('S', (), {'flush': lambda self: sys.exit(1)})()",
    ],
)
def test_an_answer_needs_none_of_the_learners_streams(load, attack):
    code = load(f"import sys\ndef f():\n    {attack}\ndef g(): return 1")
    code.f()
    assert code.g() == 1


def test_a_parameter_that_cant_be_written_to_is_an_answer(load):
    code = load("""
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(1).expand(3))
    def forward(self, x): return x * self.w
def g(): return 1
""")
    net = code.Net()
    with torch.no_grad():
        net.w.copy_(torch.arange(3))
    with pytest.raises(RemoteError):
        net(torch.ones(3))
    assert code.g() == 1


def test_what_is_too_large_to_ask_is_refused_and_no_more(load):
    code = load("def f(x): return len(x)")
    with pytest.raises(Unsendable):
        code.f([torch.zeros(1)] * 9000)
    assert code.f([torch.zeros(1)] * 9) == 9
