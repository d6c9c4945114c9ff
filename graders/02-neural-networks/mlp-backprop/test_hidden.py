"""Hidden tests of backpropagation by hand: everything must equal autograd on the same weights."""

from itertools import pairwise
from typing import Any, NamedTuple

import pytest
import torch

from grading.checks import assert_close, assert_equal, require

Tensors = list[torch.Tensor]
SIZES = [5, 7, 6, 3]


class Case(NamedTuple):
    """An MLP, and the parameters that it was given: what is right is computed from these."""

    mlp: Any
    weights: Tensors
    biases: Tensors

    def output(self, x: torch.Tensor) -> torch.Tensor:
        """What forward must return, in the dtype of ``x``."""
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = (x.relu() if layer else x) @ weight.T + bias
        return x


def _normal(rng: torch.Generator, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=rng)


def _seed(rng: torch.Generator) -> int:
    return int(torch.randint(2**31, (), generator=rng))


def _given(mlp: Any, weights: Tensors, biases: Tensors) -> Case:
    """Move an MLP's parameters to the given ones, by a step of its own."""
    lr = 0.5
    grads = {
        "weights": [
            (old.detach() - new) / lr for old, new in zip(mlp.weights, weights, strict=True)
        ],
        "biases": [(old.detach() - new) / lr for old, new in zip(mlp.biases, biases, strict=True)],
    }
    mlp.step(grads, lr)
    return Case(mlp, weights, biases)


def _fresh(submission: Any, rng: torch.Generator, sizes: list[int]) -> Case:
    """An MLP with random weights, and with biases other than zero."""
    weights = [(2 / n_in) ** 0.5 * _normal(rng, n_out, n_in) for n_in, n_out in pairwise(sizes)]
    biases = [_normal(rng, n_out) for n_out in sizes[1:]]
    return _given(submission.MLP(sizes, _seed(rng)), weights, biases)


def _truth(case: Case, x: torch.Tensor, dy: torch.Tensor) -> tuple[torch.Tensor, dict[str, Any]]:
    """What autograd says in float64: the output, and the gradients for the upstream ``dy``."""
    weights, biases = (
        [parameter.double().requires_grad_() for parameter in group]
        for group in (case.weights, case.biases)
    )
    x = x.double().requires_grad_()
    out = case._replace(weights=weights, biases=biases).output(x)
    found = torch.autograd.grad(out, [x, *weights, *biases], dy.double())
    depth = len(weights)
    grads = {"x": found[0], "weights": found[1 : depth + 1], "biases": found[depth + 1 :]}
    return out.detach(), grads


def _check_parts(actual: Any, expected: dict[str, Any], *parts: str) -> None:
    for part in parts:
        wanted = expected[part]
        wanted = wanted.float() if part == "x" else [g.float() for g in wanted]
        label = {"en": f"the gradient {part!r}", "zh": f"梯度 {part!r}"}
        assert_close(actual[part], wanted, rtol=1e-4, atol=1e-4, label=label)


def _check(case: Case, rng: torch.Generator, batch: int, *parts: str) -> None:
    x = _normal(rng, batch, case.weights[0].shape[1])
    dy = _normal(rng, batch, case.weights[-1].shape[0])
    out, grads = _truth(case, x, dy)
    assert_close(case.mlp.forward(x), out.float(), rtol=1e-4, atol=1e-4)
    _check_parts(case.mlp.backward(dy), grads, *parts)


@pytest.mark.title(
    en="Weights and biases have the right shapes and dtype", zh="权重与偏置的形状和 dtype 正确"
)
@pytest.mark.hint(
    en="A layer from width a to width b holds a (b, a) weight and a (b,) bias, in float32.",
    zh="从宽度 a 到宽度 b 的一层，权重形状 (b, a)，偏置形状 (b,)，均为 float32。",
)
def test_parameters(submission, torch_rng):
    mlp = submission.MLP(SIZES, _seed(torch_rng))
    assert_equal([tuple(w.shape) for w in mlp.weights], [(7, 5), (6, 7), (3, 6)])
    assert_equal([tuple(b.shape) for b in mlp.biases], [(7,), (6,), (3,)])
    dtypes = {str(parameter.dtype) for parameter in [*mlp.weights, *mlp.biases]}
    assert_equal(dtypes, {"torch.float32"})


@pytest.mark.title(
    en="Initial weights have variance 2 / in, biases are 0", zh="初始权重方差为 2 / in，偏置为 0"
)
@pytest.mark.hint(
    en="The variance depends on the number of inputs: multiply randn by √(2 / in).",
    zh="方差取决于输入个数：把 randn 乘以 √(2 / in)。",
)
def test_initial_values(submission, torch_rng):
    mlp = submission.MLP([400, 100, 300], _seed(torch_rng))
    for weight, n_in in zip(mlp.weights, (400, 100), strict=True):
        ratio = float(weight.var()) * n_in / 2
        require(
            0.9 < ratio < 1.1,
            en=f"The variance of the weights of a layer with {n_in} inputs is {ratio:.2f} times 2/in.",
            zh=f"输入为 {n_in} 的那一层，权重方差是 2/in 的 {ratio:.2f} 倍。",
        )
        assert abs(float(weight.mean())) < 0.01
        far = float((weight.abs() > 2 * (2 / n_in) ** 0.5).double().mean())
        require(
            0.03 < far < 0.06,  # of a normal distribution 4.6 % lie beyond two standard deviations
            en=f"{far:.1%} of the weights are beyond two standard deviations: not a normal law's share.",
            zh=f"有 {far:.1%} 的权重偏离两个标准差以上，与正态分布不符。",
        )
    assert_close(list(mlp.biases), [torch.zeros(100), torch.zeros(300)])
    case = Case(mlp, list(mlp.weights), list(mlp.biases))  # as just checked, and as used
    _check(case, torch_rng, 4, "weights", "biases", "x")


@pytest.mark.title(en="The seed decides the weights", zh="权重由种子决定")
@pytest.mark.hint(
    en="Seed a torch.Generator of your own with seed and draw from it alone.",
    zh="用 seed 初始化自己的 torch.Generator，并且只从它取随机数。",
)
def test_seed(submission, torch_rng):
    seed = _seed(torch_rng)
    first, again, other = (
        [weight.clone() for weight in submission.MLP([4, 4, 4], s).weights]
        for s in (seed, seed, seed + 1)
    )
    assert_equal(again, first)
    require(
        not any(map(torch.equal, first, other)),
        en="Two different seeds gave the same weights.",
        zh="两个不同的种子得到了相同的权重。",
    )


@pytest.mark.title(
    en="Forward: ReLU after every layer but the last", zh="前向：除最后一层外，每层之后都有 ReLU"
)
@pytest.mark.hint(
    en="An output of a regression may be negative, so the last layer has no ReLU.",
    zh="回归的输出可以为负，因此最后一层没有 ReLU。",
)
@pytest.mark.points(2)
def test_forward(submission, torch_rng):
    for sizes in (SIZES, [4, 3], [2, 9, 9, 9, 1]):
        case = _fresh(submission, torch_rng, sizes)
        x = _normal(torch_rng, 8, sizes[0])
        assert_close(case.mlp.forward(x), case.output(x), rtol=1e-4, atol=1e-4)


@pytest.mark.title(en="Gradients of the weights equal autograd's", zh="权重梯度与自动求导一致")
@pytest.mark.hint(
    en="dW is dz.T @ x, with dz after the ReLU's derivative and x the input of that layer.",
    zh="dW 等于 dz.T @ x，其中 dz 已乘上 ReLU 的导数，x 是该层的输入。",
)
@pytest.mark.points(3)
def test_weight_gradients(submission, torch_rng):
    _check(_fresh(submission, torch_rng, SIZES), torch_rng, 8, "weights")


@pytest.mark.title(en="Gradients of the biases sum over the batch", zh="偏置梯度对批次求和")
@pytest.mark.hint(
    en="A bias is added in every row of the batch, so every row adds to its gradient.",
    zh="偏置加到批次的每一行上，因此每一行都对它的梯度有贡献。",
)
@pytest.mark.points(2)
def test_bias_gradients(submission, torch_rng):
    _check(_fresh(submission, torch_rng, SIZES), torch_rng, 8, "biases")


@pytest.mark.title(en="The gradient of the input is passed on", zh="把输入的梯度传出去")
@pytest.mark.hint(
    en="The first layer's input has no ReLU before it.",
    zh="第一层的输入之前没有 ReLU。",
)
def test_input_gradient(submission, torch_rng):
    _check(_fresh(submission, torch_rng, SIZES), torch_rng, 8, "x")


@pytest.mark.title(
    en="backward belongs to the most recent forward", zh="backward 对应最近一次 forward"
)
@pytest.mark.hint(
    en="Each forward must replace all that is remembered from the one before.",
    zh="每次 forward 都要替换掉上一次记下的全部内容。",
)
@pytest.mark.points(2)
def test_latest_forward(submission, torch_rng):
    case = _fresh(submission, torch_rng, SIZES)
    case.mlp.forward(_normal(torch_rng, 8, 5))
    _check(case, torch_rng, 8, "weights", "biases", "x")
    _check(case, torch_rng, 3, "weights", "biases", "x")


@pytest.mark.title(en="The batch is summed, not averaged", zh="对批次求和，而不是取平均")
@pytest.mark.hint(
    en="The same row given twice yields twice the gradient of the parameters.",
    zh="同一行数据给两遍，参数的梯度就是两倍。",
)
def test_batch_is_summed(submission, torch_rng):
    case = _fresh(submission, torch_rng, [3, 4, 2])
    x, dy = _normal(torch_rng, 1, 3), _normal(torch_rng, 1, 2)
    _, once = _truth(case, x, dy)
    for times in (1, 2):
        case.mlp.forward(x.repeat(times, 1))
        multiple = {part: [times * g for g in once[part]] for part in ("weights", "biases")}
        _check_parts(case.mlp.backward(dy.repeat(times, 1)), multiple, "weights", "biases")


@pytest.mark.title(
    en="ReLU's derivative goes by the sign of z, layer by layer",
    zh="ReLU 的导数逐层取决于 z 的符号",
)
@pytest.mark.hint(
    en="Which units were off in the forward pass? Those pass nothing back; at z = 0 too.",
    zh="前向时哪些单元没有激活？它们不向后传任何梯度，z = 0 时也一样。",
)
@pytest.mark.points(2)
def test_relu_mask(submission, torch_rng):
    # Hidden pre-activations are exactly -x, 0 and x; outputs are negative, gradients of any sign.
    weights = [torch.tensor([[-1.0], [0.0], [1.0]]), -torch.rand(2, 3, generator=torch_rng) - 0.5]
    case = _given(submission.MLP([1, 3, 2], 0), weights, [torch.zeros(3), torch.zeros(2)])
    for part in ("weights", "biases", "x"):
        _check(case, torch_rng, 6, part)


@pytest.mark.title(
    en="Hidden layers of width 1, and a batch of 1", zh="宽度为 1 的隐藏层，大小为 1 的批次"
)
@pytest.mark.hint(
    en="Nothing may be squeezed or broadcast by accident when a size is 1.",
    zh="大小为 1 时，不能意外地被 squeeze 或广播。",
)
def test_width_one(submission, torch_rng):
    for sizes, batch in (([3, 1, 4], 5), ([1, 1, 1], 1), ([4, 3, 2], 1)):
        _check(_fresh(submission, torch_rng, sizes), torch_rng, batch, "weights", "biases", "x")


@pytest.mark.title(en="A single linear layer works", zh="只有一个线性层也能工作")
@pytest.mark.hint(
    en="With two sizes there is one layer and no ReLU at all.",
    zh="只有两个宽度时，就只有一层，完全没有 ReLU。",
)
def test_one_layer(submission, torch_rng):
    _check(_fresh(submission, torch_rng, [6, 2]), torch_rng, 4, "weights", "biases", "x")


@pytest.mark.title(en="backward twice gives the same twice", zh="连续两次 backward 结果相同")
@pytest.mark.hint(
    en="Gradients are returned fresh: nothing accumulates, and what was remembered stays.",
    zh="每次返回的都是新算的梯度：不累加，也不清掉记下的内容。",
)
def test_backward_twice(submission, torch_rng):
    case = _fresh(submission, torch_rng, SIZES)
    x, dy = _normal(torch_rng, 4, 5), _normal(torch_rng, 4, 3)
    _, grads = _truth(case, x, dy)
    case.mlp.forward(x)
    case.mlp.backward(_normal(torch_rng, 4, 3))
    _check_parts(case.mlp.backward(dy), grads, "weights", "biases", "x")


@pytest.mark.title(en="step descends along the gradients given", zh="step 沿给定的梯度下降")
@pytest.mark.hint(
    en="Subtract lr times the gradient from every weight and every bias.",
    zh="每个权重和偏置都减去 lr 乘以对应的梯度。",
)
def test_step(submission, torch_rng):
    mlp, *now = _fresh(submission, torch_rng, SIZES)
    parameters = dict(zip(("weights", "biases"), now, strict=True))
    for part in parameters:
        grads = {name: [torch.zeros_like(p) for p in each] for name, each in parameters.items()}
        grads[part] = [_normal(torch_rng, *parameter.shape) for parameter in parameters[part]]
        parameters[part] = [
            old - 0.3 * g for old, g in zip(parameters[part], grads[part], strict=True)
        ]
        mlp.step(grads, 0.3)
        for name, expected in parameters.items():
            assert_close(list(getattr(mlp, name)), expected, rtol=1e-5, label=name)
    _check(Case(mlp, **parameters), torch_rng, 4, "weights", "biases", "x")


@pytest.mark.title(en="Twenty steps follow autograd's path", zh="连续二十步与自动求导的轨迹一致")
@pytest.mark.hint(
    en="Each single step is right? Then look at what is kept from one step to the next.",
    zh="单独每一步都对吗？那就看看步与步之间保留了什么。",
)
def test_training(submission, torch_rng):
    case = _fresh(submission, torch_rng, [3, 8, 1])
    x = _normal(torch_rng, 16, 3)
    target = x.sum(1, keepdim=True).tanh()
    twin = [parameter.clone().requires_grad_() for parameter in [*case.weights, *case.biases]]
    trained = Case(case.mlp, twin[:2], twin[2:])
    for _ in range(20):
        case.mlp.step(case.mlp.backward(2 * (case.mlp.forward(x) - target) / len(x)), 0.05)
        loss = ((trained.output(x) - target) ** 2).mean()
        for parameter, gradient in zip(twin, torch.autograd.grad(loss, twin), strict=True):
            parameter.data -= 0.05 * gradient
    assert_close(case.mlp.forward(x), trained.output(x).detach(), rtol=1e-3, atol=1e-3)


@pytest.mark.title(en="backward before any forward is refused", zh="未 forward 就 backward 时报错")
@pytest.mark.hint(
    en="Raise RuntimeError: there is nothing to differentiate yet.",
    zh="应抛出 RuntimeError：此时还没有可求导的内容。",
)
def test_backward_first(submission, torch_rng):
    mlp = submission.MLP([2, 2], _seed(torch_rng))
    with pytest.raises(RuntimeError):
        mlp.backward(torch.ones(1, 2))
