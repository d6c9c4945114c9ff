"""Modules on both sides: each row of docs/developer.md's table, as grader and as learner."""

from __future__ import annotations

import copy
import gc
import inspect
from collections import OrderedDict

import pytest
import torch
from torch import nn

from grading import messages
from sandbox.errors import RemoteError
from sandbox.layers import as_layer
from sandbox.wire import Unsendable

HEAD = "import copy, torch\nfrom torch import nn\nimport torch.nn.functional as F\n"

NETS = {
    "transient buffer": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(2))
        self.register_buffer("mask", torch.tril(torch.ones(3, 3)), persistent=False)
        self.register_buffer("kept", torch.zeros(2))
        self.register_buffer("none", None)
        self.register_parameter("bias", None)
""",
    "tied": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte = nn.Embedding(5, 4)
        self.head = nn.Linear(4, 5, bias=False)
        self.head.weight = self.wte.weight
        self.again = self.wte
    def forward(self, ids): return self.head(self.wte(ids))
""",
    "containers": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.seq = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Dropout(0.25), nn.Linear(3, 2))
        self.blocks = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
        self.heads = nn.ModuleDict({"lm-head": nn.Linear(2, 4), "分类": nn.Linear(2, 2)})
        self.plist = nn.ParameterList([torch.zeros(2), torch.ones(1)])
        self.pdict = nn.ParameterDict({"left": torch.zeros(2), "right": torch.ones(2)})
        self.norm = nn.BatchNorm1d(2)
        self.act = nn.ReLU()
        self.nothing = nn.ModuleList()
    def forward(self, x): return self.seq(x)
""",
    "weight norm": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    def forward(self, x): return self.fc(x)
""",
    "spectral norm": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.utils.parametrizations.orthogonal(nn.Linear(3, 3))
    def forward(self, x): return self.fc(x)
""",
    "attention": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    def forward(self, x): return self.body(x)
""",
}


def home(name):
    """The same module here, without any boundary."""
    space = {}
    exec(HEAD + NETS[name], space)
    return space["Net"]()


def shape_of(net):
    """All that torch's own methods say of what a module is made of."""
    return {
        "modules": [name for name, _ in net.named_modules()],
        "all modules": [name for name, _ in net.named_modules(remove_duplicate=False)],
        "parameters": [(n, p.shape, p.requires_grad) for n, p in net.named_parameters()],
        "all parameters": [n for n, _ in net.named_parameters(remove_duplicate=False)],
        "buffers": [(n, b.dtype) for n, b in net.named_buffers()],
        "state": list(net.state_dict()),
        "training": [m.training for m in net.modules()],
        "standard": [
            [cls.__name__ for cls in (nn.Linear, nn.Embedding, nn.Dropout, nn.ReLU, nn.ModuleList)
             if isinstance(m, cls)]
            for m in net.modules()
        ],
        "count": sum(p.numel() for p in net.parameters()),
    }  # fmt: skip


@pytest.mark.parametrize("name", NETS)
def test_a_mirror_is_made_as_its_module_is(load, name):
    mirror = load(HEAD + NETS[name]).Net()
    assert shape_of(mirror) == shape_of(home(name))


SHAPE_OF = inspect.getsource(shape_of)


@pytest.mark.parametrize("name", NETS)
def test_a_learner_sees_the_graders_module_as_it_is(load, name):
    net = home(name)
    told = load(HEAD + SHAPE_OF + "def tell(net): return repr(shape_of(net))").tell(net)
    assert told == repr(shape_of(net))


def test_a_transient_buffer_isnt_in_the_state(load):
    net = load(HEAD + NETS["transient buffer"]).Net()
    assert list(net.state_dict()) == ["w", "kept"]
    assert torch.equal(net.mask, torch.tril(torch.ones(3, 3)))
    assert net.none is None and net.bias is None


def test_tied_parameters_are_one_tensor(load):
    source = HEAD + NETS["tied"]
    net = load(source).Net()
    assert net.head.weight is net.wte.weight and net.again is net.wte
    assert list(net.state_dict()) == ["wte.weight", "head.weight", "again.weight"]
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    before = net.wte.weight.detach().clone()
    net(torch.tensor([1, 2])).sum().backward()
    twin = home("tied")
    twin.load_state_dict(dict.fromkeys(twin.state_dict(), before))
    twin(torch.tensor([1, 2])).sum().backward()
    assert torch.allclose(net.wte.weight.grad, twin.wte.weight.grad)
    optimizer.step()
    assert torch.allclose(net.head(torch.eye(4)), (before - twin.wte.weight.grad).T)
    code = load(
        HEAD
        + """
def look(net):
    net(torch.tensor([1])).sum().backward()
    with torch.no_grad(): net.head.weight.fill_(2)
    return net.head.weight is net.wte.weight, net.wte.weight.sum().item(), net.again is net.wte
"""
    )
    assert code.look(twin) == (True, 40.0, True)
    assert twin.wte.weight.sum() == 40


def test_weights_tied_and_untied_later(load):
    code = load(
        HEAD
        + NETS["tied"]
        + """
    def untie(self): self.head.weight = nn.Parameter(self.head.weight.detach().clone())
    def tie(self): self.head.weight = self.wte.weight
    def grow(self): self.extra = nn.Linear(2, 2); self.register_buffer("seen", torch.ones(1))
    def shrink(self): del self.extra
"""
    )
    net = code.Net()
    kept = net.wte.weight
    net.untie()
    assert net.head.weight is not net.wte.weight and len(list(net.parameters())) == 2
    net.tie()
    assert net.head.weight is net.wte.weight is kept
    net.grow()
    assert "seen" in net.state_dict() and net.extra.in_features == 2
    net.shrink()
    assert "extra.weight" not in net.state_dict() and net.wte.weight is kept


def test_children_switch_each_by_itself(load):
    code = load(
        HEAD
        + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.frozen, self.drop = nn.BatchNorm1d(2), nn.Dropout(0.5)
    def train(self, mode=True):
        super().train(mode)
        self.frozen.eval()
        return self
    def forward(self, x): return self.drop(x)
    def flags(self): return [m.training for m in self.modules()]
"""
    )
    net = code.Net()
    net.train()
    assert [m.training for m in net.modules()] == net.flags() == [True, False, True]
    net.drop.eval()
    assert [m.training for m in net.modules()] == net.flags() == [True, False, False]
    net.drop.training = True
    assert net.flags() == [True, False, True]
    assert net.eval() is net and net.flags() == [False] * 3
    learner = load(
        HEAD
        + """
def freeze(net):
    net.train()
    net[1].eval()
    return [m.training for m in net.modules()]
"""
    )
    ours = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)).eval()
    assert learner.freeze(ours) == [True, True, False]
    assert [m.training for m in ours.modules()] == [True, True, False]


def test_containers_are_used_as_such(load):
    net = load(HEAD + NETS["containers"]).Net()
    assert len(net.blocks) == 3 and len(net.heads) == 2 and not net.nothing
    assert [layer.out_features for layer in net.blocks] == [2, 2, 2]
    assert net.blocks[-1] is net.blocks[2] and isinstance(net.blocks[1:], nn.ModuleList)
    assert list(net.heads) == ["lm-head", "分类"] and "lm-head" in net.heads
    assert net.heads["分类"](torch.ones(1, 2)).shape == (1, 2)
    assert len(net.plist) == 2 and net.plist[1].tolist() == [1]
    assert list(net.pdict.keys()) == ["left", "right"] and net.pdict["right"].tolist() == [1, 1]
    assert net.seq[2].p == 0.25 and net.seq[:2](torch.ones(1, 2)).shape == (1, 3)
    code = load(
        HEAD
        + """
def use(net):
    x = torch.ones(1, 2)
    for block in net.blocks:
        x = block(x)
    heads = {name: tuple(head(x).shape) for name, head in net.heads.items()}
    linear = [m.in_features for m in net.modules() if isinstance(m, nn.Linear)]
    return len(net.seq), heads, [p.shape for p in net.plist], linear, str(net.seq[0])
"""
    )
    count, heads, plist, linear, text = code.use(home("containers"))
    assert (count, heads) == (4, {"lm-head": (1, 4), "分类": (1, 2)})
    assert plist == [(2,), (1,)] and linear == [2, 3, 2, 2, 2, 2, 2] and "Linear" in text


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_dtype_is_carried_over(load, dtype):
    net = load(HEAD + NETS["containers"]).Net()
    weight = net.seq[0].weight
    net.to(dtype).eval()
    assert net(torch.ones(1, 2, dtype=dtype)).dtype == dtype
    assert net.seq[0].weight is weight and net.norm.num_batches_tracked.dtype == torch.int64
    code = load(HEAD + "def f(net, x):\n    net.half().to(x.dtype)\n    return net(x)")
    ours = home("containers").eval()
    assert code.f(ours, torch.ones(1, 2, dtype=dtype)).dtype == dtype
    assert ours.seq[0].weight.dtype == dtype


def test_parametrizations_work(load):
    net = load(HEAD + NETS["weight norm"]).Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    x = torch.randn(4, 3)
    before = net(x).pow(2).mean()
    before.backward()
    optimizer.step()
    assert net(x).pow(2).mean() < before
    assert net.fc.weight.shape == (2, 3)
    net.load_state_dict({name: torch.ones_like(v) for name, v in net.state_dict().items()})
    assert torch.allclose(net.fc.weight, torch.full((2, 3), 3**-0.5))
    ours = home("weight norm")
    code = load(
        HEAD
        + """
def fit(net, x):
    net(x).pow(2).mean().backward()
    with torch.no_grad():
        for p in net.parameters(): p -= 0.1 * p.grad
def norm(net): nn.utils.parametrizations.weight_norm(net.fc)
"""
    )
    before = ours(x).pow(2).mean()
    code.fit(ours, x)
    assert ours(x).pow(2).mean() < before
    with pytest.raises(TypeError, match="runs outside this process"):
        code.norm(nn.Sequential(OrderedDict(fc=nn.Linear(2, 2))))


COPIES = (
    HEAD
    + """
def ema(model, x):
    shadow = copy.deepcopy(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model(x).pow(2).mean().backward()
        optimizer.step()
        with torch.no_grad():
            for old, new in zip(shadow.parameters(), model.parameters()):
                old.lerp_(new, 0.5)
    return shadow(x), model(x)
def part(model): return copy.deepcopy(model[0]).weight.shape
def together(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    twin, other = copy.deepcopy((model, optimizer))
    assert other.param_groups[0]["params"][0] is next(twin.parameters())
    with torch.no_grad(): next(twin.parameters()).zero_()
    return next(model.parameters()).abs().sum().item() > 0
def hoard(model):
    return [copy.deepcopy(model) for _ in range(1000)]
def many(model):
    for _ in range(400): best = copy.deepcopy(model)
    return best(torch.ones(1, 2)).shape
def sizes(net): return copy.deepcopy(net).w.shape
"""
)


def test_a_learner_copies_a_model_of_the_graders(load):
    code = load(COPIES)
    model, x = nn.Sequential(nn.Linear(2, 2), nn.Tanh()), torch.randn(3, 2)
    twin, expected = copy.deepcopy(model), copy.deepcopy(model)
    old, new = code.ema(model, x)
    shadow = copy.deepcopy(expected)
    optimizer = torch.optim.SGD(expected.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        expected(x).pow(2).mean().backward()
        optimizer.step()
        with torch.no_grad():
            for a, b in zip(shadow.parameters(), expected.parameters(), strict=True):
                a.lerp_(b, 0.5)
    assert torch.allclose(new, expected(x)) and torch.allclose(old, shadow(x))
    assert code.part(twin) == (2, 2) and code.together(twin) is True
    assert code.many(twin) == (1, 2)
    assert len(code.peer.modules.owned) < 300
    with pytest.raises(MemoryError, match="copies"):
        code.hoard(twin)


def test_a_grader_copies_a_model_of_the_learners(load):
    net = load(HEAD + NETS["tied"]).Net()
    twin = copy.deepcopy(net)
    with torch.no_grad():
        twin.wte.weight.zero_()
    assert twin(torch.tensor([1])).abs().sum() == 0 and net(torch.tensor([1])).abs().sum() > 0
    assert twin.head.weight is twin.wte.weight


STATE = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(2))
        self.inner = Inner()
class Inner(nn.Module):
    steps = 7
    def get_extra_state(self): return {"steps": self.steps}
    def set_extra_state(self, state): self.steps = state["steps"]
"""
)


def test_extra_state_and_own_ways_of_saving(load):
    net = load(STATE).Net()
    state = net.state_dict()
    assert list(state) == ["w", "inner._extra_state"]
    assert state["inner._extra_state"] == {"steps": 7}
    state["inner._extra_state"] = {"steps": 9}
    net.load_state_dict(state)
    assert net.inner.steps == 9
    code = load(
        HEAD
        + """
class Filtered(nn.Linear):
    def state_dict(self, *args, **kwargs):
        found = super().state_dict(*args, **kwargs)
        return {key: value for key, value in found.items() if "bias" not in key}
"""
    )
    assert list(code.Filtered(2, 2).state_dict()) == ["weight"]


def test_loading_says_what_is_missing_in_the_learners_words(load):
    net = load(HEAD + NETS["transient buffer"]).Net()
    with pytest.raises(
        RuntimeError, match=r"state_dict for Net:(.|\n)*Missing key.*kept"
    ) as caught:
        net.load_state_dict({"w": torch.zeros(2), "x": torch.zeros(2)})
    assert isinstance(caught.value, RemoteError)
    keys = net.load_state_dict({"w": torch.zeros(2), "x": torch.zeros(2)}, strict=False)
    assert (keys.missing_keys, keys.unexpected_keys) == (["kept"], ["x"])
    with pytest.raises(RuntimeError, match="size mismatch"):
        net.load_state_dict({"w": torch.zeros(3), "kept": torch.zeros(2)})
    code = load(HEAD + "def f(net, state): net.load_state_dict(state)")
    with pytest.raises(RuntimeError, match="Missing key"):
        code.f(home("transient buffer"), {"w": torch.zeros(2)})


def test_loading_by_assignment(load):
    net = load(HEAD + NETS["transient buffer"]).Net()
    state = {"w": torch.full((2,), 3.0).double(), "kept": torch.ones(2)}
    net.load_state_dict(state, assign=True)
    assert net.w.dtype == torch.float64 and net.w.tolist() == [3, 3]
    ours = home("transient buffer")
    code = load(
        HEAD
        + """
def f(net, state):
    net.load_state_dict(state, assign=True)
    return net.state_dict()
"""
    )
    assert code.f(ours, state)["w"].tolist() == [3, 3]
    assert ours.w.dtype == torch.float64 and ours.w.tolist() == [3, 3]


def test_attributes_that_are_no_parameters(load):
    code = load(
        HEAD
        + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(2))
        self.mask, self.scale, self.layers = torch.ones(2, 2), 2.0, [nn.Linear(2, 2)]
        self.drop = nn.Dropout(0.5)
        self._keys, self._size, self.child_of = None, torch.ones(2), [self]
    def forward(self, x): return self.scale * x
    def child(self): return "a method named as anything"
    @property
    def doubled(self): return self.w * 2
"""
    )
    net = code.Net()
    assert net.mask.shape == (2, 2) and net.child() == "a method named as anything"
    assert net.layers[0].weight.shape == (2, 2)
    net.doubled.sum().backward()
    assert net.w.grad.tolist() == [2, 2]
    net.scale = 5.0
    assert net(torch.ones(1)).tolist() == [5] and net.scale == 5.0
    net.drop.p = 0.0
    assert net.drop.p == 0.0
    with pytest.raises(AttributeError):
        _ = net.missing
    learner = load(
        HEAD
        + """
def note(net):
    net.mine = 3
    return net.mine
def turn(net): net[1].p = 0.9
def reach(net): return net.secret
"""
    )
    ours = nn.Sequential(nn.Linear(1, 1), nn.Dropout(0.5))
    ours.secret = 1
    assert learner.note(ours) == 3 and not hasattr(ours, "mine")
    with pytest.raises(TypeError, match="runs outside"):
        learner.turn(ours)
    with pytest.raises(AttributeError, match="no attribute"):
        learner.reach(ours)


CHANGES = {
    "replaced layer": "net[0] = nn.Linear(2, 2)",
    "new layer": "net.extra = nn.Linear(2, 2)",
    "appended layer": "net.append(nn.Linear(2, 2))",
    "inserted layer": "net.insert(0, nn.Linear(2, 2))",
    "deleted layer": "del net[0]",
    "new parameter": "net.w = nn.Parameter(torch.ones(2))",
    "new buffer": "net.register_buffer('b', torch.ones(2))",
    "tied": "net[0].weight = net[2].weight",
    "other shape": "net[0].weight.data = torch.ones(3, 3)",
    "other kind": "net[0].weight.data = torch.ones(2, 2, dtype=torch.complex64)",
    "no parameter": "net[0].bias = None",
    "pickled": "import pickle; pickle.dumps(net)",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_a_mirror_cant_be_rebuilt_and_says_so(load, change):
    code = load(
        HEAD
        + f"""
def f(net):
    {change}
    return net(torch.ones(1, 2))
def g(): return 1
"""
    )
    ours = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    weight = ours[0].weight.detach().clone()
    with pytest.raises(TypeError, match="outside this process") as caught:
        code.f(ours)
    assert caught.value.type_name == "Unsendable"
    text = messages.unsendable(caught.value.message)
    assert "runs outside your process" in text.en and "传给你的模型" in text.zh
    assert torch.equal(ours[0].weight, weight) and len(ours) == 3
    assert code.g() == 1
    net = load(
        HEAD + "def net(): return nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))"
    ).net()
    with pytest.raises(Unsendable, match="outside this process"):
        exec(f"{change}\nnet(torch.ones(1, 2))", {"net": net, "nn": nn, "torch": torch})


def test_hooks_where_they_are_called_and_a_word_where_not(load):
    source = HEAD + "def net(): return nn.Sequential(nn.Linear(2, 2), nn.ReLU())"
    net = load(source).net()
    seen = []
    handle = net.register_forward_hook(lambda module, args, result: seen.append(result.shape))
    net(torch.ones(1, 2))
    assert seen == [(1, 2)]
    handle.remove()
    net[0].register_forward_hook(lambda module, args, result: result * 0)
    assert net[0](torch.ones(1, 2)).abs().sum() == 0
    with pytest.raises(Unsendable, match="hook"):
        net(torch.ones(1, 2))
    code = load(
        HEAD
        + """
def spy(net):
    seen = []
    net[0].register_forward_hook(lambda module, args, result: seen.append(1))
    net(torch.ones(1, 2))
"""
    )
    ours = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    with pytest.raises(TypeError, match="hook"):
        code.spy(ours)
    ours.register_forward_hook(lambda module, args, result: result + 100)
    assert load(HEAD + "def f(net): return net(torch.ones(1, 2))").f(ours).min() > 90


def test_a_frozen_or_replaced_parameter_and_gradients_of_late_ones(load):
    code = load(
        HEAD
        + """
class Late(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.LazyLinear(2)
    def forward(self, x): return self.fc(x)
def both(x):
    net = nn.Linear(2, 2)
    return net, net(x)
"""
    )
    net = code.Late()
    net(torch.ones(1, 3)).sum().backward()
    assert net.fc.weight.grad.shape == (2, 3)
    made, result = code.both(torch.ones(1, 2))
    result.sum().backward()
    assert made.weight.grad.tolist() == [[1, 1], [1, 1]]
    loss = made(torch.ones(1, 2)).sum()
    made.weight.requires_grad_(False)
    made.weight.grad = None
    loss.backward()
    assert made.bias.grad is not None and made.weight.grad is None
    made.weight = nn.Parameter(torch.zeros(2, 2))
    assert torch.equal(made(torch.ones(1, 2))[0], made.bias)


def test_a_part_comes_home_as_what_it_is(load):
    code = load(
        HEAD
        + """
def last(model): return model[-1]
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.part = nn.Linear(2, 2)
def belongs(part, net): return part is net.part
"""
    )
    ours = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    assert code.last(ours) is ours[1]
    net = code.Net()
    assert code.belongs(net.part, net) is True


def test_sparse_gradients_arrive_dense(load):
    net = load(HEAD + "def net(): return nn.Embedding(4, 2, sparse=True)").net()
    net(torch.tensor([1])).sum().backward()
    assert net.weight.grad.tolist() == [[0, 0], [1, 1], [0, 0], [0, 0]]


def test_an_instance_as_entry_point_lives_as_long_as_its_sandbox(load):
    code = load(
        HEAD
        + """
class Loss(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))
    def forward(self, x): return self.scale * x
class Plain:
    def __call__(self, x): return x + 1
loss, plain = Loss(), Plain()
def make(): return Loss()
kept = []
def keep(model): kept.append(model)
def use(): return kept[0](torch.ones(1))
"""
    )
    made = code.make()
    code.keep(nn.Sequential(nn.Linear(1, 1)))
    for _ in range(3):
        assert code.loss(torch.ones(1)).tolist() == [2] and code.plain(1) == 2
        assert str(code.peer.last_call) == "plain(1) → 2"
        code.loss(torch.ones(1))
        assert str(code.peer.last_call) == "loss(float32[1]) → float32[1]"
        code.peer.end_test()
    assert code.loss.scale == 2
    with pytest.raises(Unsendable, match="test that is over"):
        made(torch.ones(1))
    with pytest.raises(TypeError, match="test that is over"):
        code.use()
    assert code.loss(torch.ones(1)).tolist() == [2]


def test_modules_that_nobody_holds_are_forgotten_on_both_sides(load):
    code = load(
        HEAD + "import gc\ndef net(): return nn.Sequential(nn.Linear(2, 2))\n"
        "def owned():\n    from sandbox.agent.service import Agent\n"
        "    return len(next(o for o in gc.get_objects() if type(o) is Agent).modules.owned)"
    )
    for _ in range(50):
        code.net()(torch.ones(1, 2))
    gc.collect()
    code.net()
    assert code.owned() <= 2 and len(code.peer.modules.mirrors) <= 2
    net = code.net()
    part = net[0]
    del net
    gc.collect()
    assert part(torch.ones(1, 2)).shape == (1, 2)


def test_an_unusual_layer_isnt_sent_as_a_plain_one(load):
    code = load(
        HEAD + "def f(m): return isinstance(m, (nn.Embedding, nn.LayerNorm)), m(torch.tensor([1]))"
    )
    padded = nn.Embedding(3, 2, padding_idx=1)
    assert as_layer(padded) is None and as_layer(nn.Embedding(3, 2)) is not None
    assert as_layer(nn.LayerNorm(1, elementwise_affine=False)) is None
    known, result = code.f(padded)
    assert known and result.tolist() == [[0, 0]]
    assert (
        load(HEAD + "def f(m): return m(torch.tensor([1.0])), list(m.state_dict())").f(
            nn.LayerNorm(1, elementwise_affine=False)
        )[1]
        == []
    )
