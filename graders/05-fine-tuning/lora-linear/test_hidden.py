"""Hidden tests of the LoRA layer."""

import copy
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

from grading.checks import assert_close, assert_equal, require

N_IN, N_OUT = 6, 5
WEIGHT = "base.weight"


class Case(NamedTuple):
    """A layer of the learner's, and what it was made of."""

    layer: Any
    state: dict[str, torch.Tensor]
    scale: float

    @property
    def change(self) -> torch.Tensor:
        return self.scale * (self.state["lora_B"] @ self.state["lora_A"])

    def expected(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.state[WEIGHT] + self.change
        return nn.functional.linear(x, weight, self.state.get("base.bias"))


def _normal(rng: torch.Generator, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=rng)


def _base(rng: torch.Generator, bias: bool = True) -> nn.Linear:
    base = nn.Linear(N_IN, N_OUT, bias=bias)
    with torch.no_grad():
        for parameter in base.parameters():
            parameter.copy_(_normal(rng, *parameter.shape))
    return base


def _case(
    submission: Any,
    rng: torch.Generator,
    r: int = 3,
    alpha: float = 12.0,
    dropout: float = 0.0,
    bias: bool = True,
) -> Case:
    """A layer whose four tensors are all random, ``lora_B`` too."""
    base = _base(rng, bias)
    state = {f"base.{name}": p.detach().clone() for name, p in base.named_parameters()}
    state |= {"lora_A": _normal(rng, r, N_IN), "lora_B": _normal(rng, N_OUT, r)}
    layer = submission.LoRALinear(base, r, alpha, dropout)
    layer.load_state_dict(state)
    return Case(layer, state, alpha / r)


def _weight(layer: Any) -> torch.Tensor:
    return layer.state_dict()[WEIGHT].detach().clone()


def _close(actual: torch.Tensor, expected: torch.Tensor, label: Any = None) -> None:
    assert_close(actual.detach(), expected, rtol=1e-4, atol=1e-4, label=label)


@pytest.mark.title(
    en="lora_A is (r, in), lora_B (out, r); nothing else is added",
    zh="lora_A 为 (r, in)，lora_B 为 (out, r)，此外不多任何张量",
)
@pytest.mark.hint(
    en="Compare the names, shapes and dtypes in state_dict() with the statement.",
    zh="将 state_dict() 中的名字、形状和 dtype 与题面对照。",
)
@pytest.mark.parametrize("bias", [True, False])
def test_state_dict(submission, rng, bias):
    r = int(rng.integers(1, 5))
    base = nn.Linear(N_IN, N_OUT, bias=bias, dtype=torch.float64)
    state = submission.LoRALinear(base, r, 1.0).state_dict()
    shapes = {WEIGHT: (N_OUT, N_IN), "lora_A": (r, N_IN), "lora_B": (N_OUT, r)}
    if bias:
        shapes["base.bias"] = (N_OUT,)
    assert_equal({name: tuple(tensor.shape) for name, tensor in state.items()}, shapes)
    assert_equal({str(tensor.dtype) for tensor in state.values()}, {"torch.float64"})


@pytest.mark.title(
    en="Starts as base: lora_B is zero at first", zh="起初与 base 相同：lora_B 的初值为零"
)
@pytest.mark.hint(
    en="If lora_B were random, wrapping a model would already change it.",
    zh="若 lora_B 是随机的，模型一包上就变了。",
)
def test_starts_as_base(submission, torch_rng):
    base, x = _base(torch_rng), _normal(torch_rng, 4, N_IN)
    expected, weight = base(x).detach(), base.weight.detach().clone()
    layer = submission.LoRALinear(copy.deepcopy(base), 2, 16.0)
    assert_close(layer(x).detach(), expected)
    assert_close(_weight(layer), weight, label=WEIGHT)
    assert_close(layer.state_dict()["lora_B"], torch.zeros(N_OUT, 2), label="lora_B")


@pytest.mark.title(
    en="lora_A starts random, so that learning can begin", zh="lora_A 随机初始化，训练才能起步"
)
@pytest.mark.hint(
    en="If lora_A and lora_B are both zero, both gradients are zero for ever.",
    zh="若 lora_A 和 lora_B 都是零，两者的梯度将永远为零。",
)
def test_lora_a_is_random(submission, torch_rng):
    layers = [submission.LoRALinear(_base(torch_rng), 4, 8.0) for _ in range(2)]
    first, second = (layer.state_dict()["lora_A"] for layer in layers)
    finite = torch.cat([first, second]).isfinite().all()
    require(bool(finite), en="lora_A isn't finite.", zh="lora_A 中有 NaN 或无穷大。")
    require(bool((first != 0).all()), en="lora_A has zeros in it.", zh="lora_A 中有零。")
    rows = {tuple(row) for row in torch.cat([first, second]).tolist()}
    require(
        len(rows) == 8,
        en="Rows of lora_A repeat, within a layer or between two layers.",
        zh="lora_A 的行有重复：同一层内，或两个层之间。",
    )
    x = _normal(torch_rng, 3, N_IN)
    layers[0](x).sum().backward()
    grads = {name: p.grad for name, p in layers[0].named_parameters()}
    require(
        grads["lora_B"] is not None and bool((grads["lora_B"] != 0).any()),
        en="A new layer gets no gradient in lora_B.",
        zh="新建的层在 lora_B 上得不到梯度。",
    )
    expected = 2.0 * (first.detach() @ x.sum(0)).expand(N_OUT, 4).contiguous()
    _close(grads["lora_B"], expected, "lora_B.grad")


@pytest.mark.title(en="Scales the change by alpha / r", zh="增量乘以 alpha / r")
@pytest.mark.hint(
    en="Vary r and alpha alone: the change must be proportional to alpha / r.",
    zh="分别单独改变 r 和 alpha：增量应与 alpha / r 成正比。",
)
@pytest.mark.points(2)
@pytest.mark.parametrize(("r", "alpha"), [(1, 1), (1, 3.0), (4, 1.0), (3, 12), (2, 0.5)])
def test_scaled_by_alpha_over_r(submission, torch_rng, r, alpha):
    case = _case(submission, torch_rng, r=r, alpha=alpha)
    x = _normal(torch_rng, 7, N_IN)
    _close(case.layer(x), case.expected(x))


@pytest.mark.title(
    en="Takes any leading dimensions, and a base without bias",
    zh="支持任意前置维度，以及没有偏置的 base",
)
@pytest.mark.hint(
    en="x may be (in,), (batch, time, in) or empty; base.bias may be None.",
    zh="x 可以是 (in,)、(batch, time, in) 或空批次；base.bias 可能为 None。",
)
@pytest.mark.parametrize("shape", [(), (2, 3), (0,), (2, 1, 3)])
def test_shapes(submission, torch_rng, shape):
    case = _case(submission, torch_rng, bias=False)
    x = _normal(torch_rng, *shape, N_IN)
    _close(case.layer(x), case.expected(x))


@pytest.mark.title(en="Freezes the base, its bias too", zh="冻结 base，包括它的偏置")
@pytest.mark.hint(
    en="requires_grad must be False on every parameter of base, also after merging.",
    zh="base 的每个参数 requires_grad 都应为 False，合并之后也一样。",
)
def test_base_is_frozen(submission, torch_rng):
    layer = _case(submission, torch_rng).layer
    for step in (None, layer.merge, layer.unmerge):
        if step is not None:
            step()
        trainable = [name for name, p in layer.named_parameters() if p.requires_grad]
        assert_equal(sorted(trainable), ["lora_A", "lora_B"])
    layer(_normal(torch_rng, 3, N_IN)).sum().backward()
    with_grad = [name for name, p in layer.named_parameters() if p.grad is not None]
    assert_equal(sorted(with_grad), ["lora_A", "lora_B"])


@pytest.mark.title(
    en="Gradients of lora_A, lora_B and x are right", zh="lora_A、lora_B 和 x 的梯度正确"
)
@pytest.mark.hint(
    en="The scale belongs in the gradients as well; the input's goes through both paths.",
    zh="梯度里同样有缩放系数；输入的梯度来自两条支路。",
)
@pytest.mark.points(2)
def test_gradients(submission, torch_rng):
    case = _case(submission, torch_rng)
    x = _normal(torch_rng, 4, 3, N_IN).requires_grad_()
    upstream = _normal(torch_rng, 4, 3, N_OUT)
    (case.layer(x) * upstream).sum().backward()
    grads = {name: p.grad for name, p in case.layer.named_parameters()}
    for name in ("lora_A", "lora_B"):
        require(grads[name] is not None, en=f"{name} has no gradient.", zh=f"{name} 没有梯度。")
    outer = torch.einsum("bto,bti->oi", upstream, x.detach())
    _close(grads["lora_A"], case.scale * case.state["lora_B"].T @ outer, "lora_A.grad")
    _close(grads["lora_B"], case.scale * outer @ case.state["lora_A"].T, "lora_B.grad")
    _close(x.grad, upstream @ (case.state[WEIGHT] + case.change), "x.grad")


@pytest.mark.title(
    en="Dropout acts on the low-rank path only, at its input",
    zh="dropout 只作用于低秩支路，且作用在它的输入上",
)
@pytest.mark.hint(
    en="base(x) sees all of x, and lora_A sees x with some of its entries dropped.",
    zh="base(x) 看到完整的 x；lora_A 看到的是丢弃了部分元素的 x。",
)
@pytest.mark.points(2)
def test_dropout_place(submission, torch_rng):
    base = nn.Linear(2, 1)
    state = {
        WEIGHT: torch.tensor([[100.0, 1000.0]]),
        "base.bias": torch.tensor([7.0]),
        "lora_A": torch.tensor([[1.0, 2.0]]),
        "lora_B": torch.tensor([[1.0]]),
    }
    layer = submission.LoRALinear(base, 1, 3.0, 0.5)
    layer.load_state_dict(state)
    layer.train()
    first, second = (layer(torch.ones(2000, 2)).detach() for _ in range(2))
    for out in (first, second):
        kind = {"en": "shape and dtype of the output", "zh": "输出的形状与 dtype"}
        assert_equal((tuple(out.shape), str(out.dtype)), ((2000, 1), "torch.float32"), kind)
    require(
        not torch.equal(first, second),
        en="Two calls drop the same inputs: dropout must be drawn anew each time.",
        zh="两次调用丢弃的输入完全相同：dropout 每次都应重新采样。",
    )
    change = (first.double() - 1107) / 6  # 3 · 1 / (1 - 0.5) = 6
    shares = [float((change - kept).abs().lt(1e-3).double().mean()) for kept in range(4)]
    require(
        abs(sum(shares) - 1) < 1e-9,
        en="Outputs occur that no dropping of inputs of the low-rank path can give.",
        zh="出现了无论怎样丢弃低秩支路的输入都得不到的输出。",
    )
    require(
        all(0.18 < share < 0.32 for share in shares),  # 0.25 each; the bounds are 7 sigma away
        en="Inputs of lora_A are not dropped independently with probability 0.5.",
        zh="lora_A 的各个输入没有以 0.5 的概率独立丢弃。",
    )


@pytest.mark.title(en="No dropout in eval mode", zh="eval 模式下没有 dropout")
@pytest.mark.hint(
    en="nn.Dropout follows train() and eval() by itself; functional.dropout does not.",
    zh="nn.Dropout 会自动跟随 train() 与 eval()，functional.dropout 则不会。",
)
def test_eval_mode(submission, torch_rng):
    case = _case(submission, torch_rng, dropout=0.6)
    x = _normal(torch_rng, 20, N_IN)
    case.layer.eval()
    _close(case.layer(x), case.expected(x))


@pytest.mark.title(
    en="merge() puts alpha / r · B A into base.weight and keeps the output",
    zh="merge() 把 alpha / r · B A 并入 base.weight，输出不变",
)
@pytest.mark.hint(
    en="Scale in merge() as in forward(); once merged, don't add the change a second time.",
    zh="merge() 与 forward() 用同样的缩放；合并后不要再加一遍增量。",
)
@pytest.mark.points(2)
def test_merge(submission, torch_rng):
    case = _case(submission, torch_rng, dropout=0.5)
    x = _normal(torch_rng, 8, N_IN)
    require(case.layer.merge() is None, en="merge() returns None.", zh="merge() 应返回 None。")
    _close(_weight(case.layer), case.state[WEIGHT] + case.change, WEIGHT)
    for mode in (case.layer.eval, case.layer.train):
        mode()
        _close(case.layer(x), case.expected(x))
    for name in ("base.bias", "lora_A", "lora_B"):
        assert_close(case.layer.state_dict()[name], case.state[name], label=name)


@pytest.mark.title(en="merge() twice adds once", zh="merge() 两次只加一次")
@pytest.mark.hint(
    en="The layer has to remember whether it is merged.", zh="层需要记住自己是否已经合并。"
)
def test_merge_is_idempotent(submission, rng, torch_rng):
    case = _case(submission, torch_rng)
    x = _normal(torch_rng, 8, N_IN)
    for _ in range(int(rng.integers(2, 5))):
        case.layer.merge()
    _close(_weight(case.layer), case.state[WEIGHT] + case.change, WEIGHT)
    _close(case.layer(x), case.expected(x))


@pytest.mark.title(
    en="unmerge() restores the weight, and does nothing when not merged",
    zh="unmerge() 还原权重；未合并时什么也不做",
)
@pytest.mark.hint(
    en="Guard unmerge() with the same flag as merge().",
    zh="unmerge() 与 merge() 要用同一个标志把关。",
)
def test_unmerge(submission, torch_rng):
    case = _case(submission, torch_rng)
    x = _normal(torch_rng, 8, N_IN)
    calls = ("unmerge", "merge", "unmerge", "unmerge", "merge", "merge", "unmerge")
    for call in calls:
        result = getattr(case.layer, call)()
        require(result is None, en=f"{call}() returns None.", zh=f"{call}() 应返回 None。")
        merged = case.change if call == "merge" else torch.zeros_like(case.change)
        _close(_weight(case.layer), case.state[WEIGHT] + merged, WEIGHT)
        _close(case.layer(x), case.expected(x))


@pytest.mark.title(
    en="Trains on after merge() and unmerge()", zh="merge() 再 unmerge() 之后能继续训练"
)
@pytest.mark.hint(
    en="Merging must leave lora_A and lora_B trainable, and base.weight as it was.",
    zh="合并操作不应影响 lora_A、lora_B 的可训练性，还原后 base.weight 应与原来一致。",
)
def test_training(submission, torch_rng):
    case = _case(submission, torch_rng, r=2, alpha=2.0)
    case.layer.merge()
    case.layer.unmerge()
    x, target = _normal(torch_rng, 32, N_IN), _normal(torch_rng, 32, N_OUT)
    state = dict(case.state)
    for _ in range(5):
        leaves = {name: state[name].clone().requires_grad_() for name in ("lora_A", "lora_B")}
        oracle = ((case._replace(state=state | leaves).expected(x) - target) ** 2).mean()
        oracle.backward()
        loss = ((case.layer(x) - target) ** 2).mean()
        assert_close(loss.item(), oracle.item(), rtol=1e-3, label={"en": "loss", "zh": "损失"})
        case.layer.zero_grad()
        loss.backward()
        grads = {name: p.grad for name, p in case.layer.named_parameters()}
        for name, leaf in leaves.items():
            _close(grads[name], leaf.grad, f"{name}.grad")
            state[name] = state[name] - 0.02 * leaf.grad
        case.layer.load_state_dict(state)
    assert_close(_weight(case.layer), case.state[WEIGHT], label=WEIGHT)


@pytest.mark.title(en="Refuses a rank below 1", zh="拒绝小于 1 的秩")
@pytest.mark.hint(en="Raise ValueError in __init__.", zh="在 __init__ 中抛出 ValueError。")
def test_rank(submission, rng):
    for r in (0, -int(rng.integers(1, 9))):
        with pytest.raises(ValueError):
            submission.LoRALinear(nn.Linear(3, 2), r, 1.0)
