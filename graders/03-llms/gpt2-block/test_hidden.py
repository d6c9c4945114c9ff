"""Hidden tests of the GPT-2 block."""

import math
from typing import Any

import pytest
import torch
from torch.nn import functional

from grading.checks import assert_close, assert_equal, require

Weights = dict[str, torch.Tensor]


def _shapes(d: int) -> dict[str, tuple[int, ...]]:
    maps = {
        "attn.c_attn": (d, 3 * d),
        "attn.c_proj": (d, d),
        "mlp.c_fc": (d, 4 * d),
        "mlp.c_proj": (4 * d, d),
    }
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in maps.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[1:]}
    for name in ("ln_1", "ln_2"):
        shapes |= {f"{name}.weight": (d,), f"{name}.bias": (d,)}
    return shapes


def _normal(rng: torch.Generator, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=rng)


def _weights(rng: torch.Generator, d: int) -> Weights:
    """Random weights, large enough for each part to be seen in the output."""
    weights = {}
    for name, shape in _shapes(d).items():
        scale = 1 / math.sqrt(shape[0]) if len(shape) == 2 else 0.3
        offset = 1.0 if name in ("ln_1.weight", "ln_2.weight") else 0.0
        weights[name] = offset + scale * _normal(rng, *shape)
    return weights


def _silence(weights: Weights, *parts: str) -> Weights:
    """The same weights with the output of the named linear maps set to zero."""
    zeroed = [f"{part}.{kind}" for part in parts for kind in ("weight", "bias")]
    return weights | {name: torch.zeros_like(weights[name]) for name in zeroed}


def _block(submission: Any, weights: Weights, n_head: int) -> Any:
    block = submission.Block(len(weights["ln_1.weight"]), n_head)
    block.load_state_dict(weights)
    return block


def _attention_inputs(x: torch.Tensor, w: Weights, n_head: int) -> tuple[torch.Tensor, ...]:
    """Queries, keys and values (batch, head, time, d_head), head by head from their columns."""
    d = x.shape[-1]
    width = d // n_head
    normed = functional.layer_norm(x, (d,), w["ln_1.weight"], w["ln_1.bias"])
    fused = normed @ w["attn.c_attn.weight"] + w["attn.c_attn.bias"]
    starts = [[part * d + head * width for head in range(n_head)] for part in range(3)]
    return tuple(
        torch.stack([fused[..., start : start + width] for start in part], dim=1) for part in starts
    )


def _attended(x: torch.Tensor, w: Weights, n_head: int) -> torch.Tensor:
    q, k, v = _attention_inputs(x, w, n_head)
    mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    joined = torch.cat(list(mixed.unbind(1)), dim=-1)
    return x + joined @ w["attn.c_proj.weight"] + w["attn.c_proj.bias"]


@pytest.mark.title(
    en="Has GPT-2's parameter names and (in, out) shapes", zh="参数名与 (输入, 输出) 形状同 GPT-2"
)
@pytest.mark.hint(
    en="Compare state_dict() with the table; buffers of your own need persistent=False.",
    zh="将 state_dict() 与表格对照；自己的 buffer 需设 persistent=False。",
)
def test_state_dict_layout(submission, rng):
    d = 4 * int(rng.integers(2, 6))
    state = submission.Block(d, 4).state_dict()
    assert_equal({name: tuple(tensor.shape) for name, tensor in state.items()}, _shapes(d))


@pytest.mark.title(
    en="Agrees with transformers' GPT-2 within 1e-5", zh="与 transformers 的 GPT-2 误差不超过 1e-5"
)
@pytest.mark.hint(
    en="The other tests look at one part each; begin with those that fail.",
    zh="其他测试各检查一个部分，先看失败的那几个。",
)
@pytest.mark.points(3)
def test_logits_of_a_tiny_gpt2(submission, rng, torch_rng):
    from transformers.models.gpt2.configuration_gpt2 import GPT2Config
    from transformers.models.gpt2.modeling_gpt2 import GPT2LMHeadModel

    n_head = int(rng.choice([2, 3, 4]))
    config = GPT2Config(vocab_size=50, n_positions=16, n_embd=12, n_layer=2, n_head=n_head)
    model = GPT2LMHeadModel(config).eval()
    blocks = []
    for layer in model.transformer.h:
        weights = _weights(torch_rng, 12)
        layer.load_state_dict(weights)
        blocks.append(_block(submission, weights, n_head))
    ids = torch.randint(50, (3, int(rng.integers(5, 16))), generator=torch_rng)
    with torch.no_grad():
        output = model(ids, output_hidden_states=True)
        hidden = output.hidden_states[0]
        for block in blocks:
            hidden = block(hidden).detach()
        logits = model.lm_head(model.transformer.ln_f(hidden))
    assert_close(hidden.dtype, torch.float32, label={"en": "the dtype", "zh": "dtype"})
    assert_close(logits, output.logits, atol=1e-5, rtol=1e-5, label="logits")


@pytest.mark.title(
    en="Normalises before each sublayer and leaves the residual path alone",
    zh="归一化在子层之前，残差通路保持原样",
)
@pytest.mark.hint(
    en="With sublayers that output zero, what comes out must be x itself.",
    zh="当子层输出全为零时，模块的输出应当就是 x。",
)
def test_pre_norm(submission, torch_rng):
    weights = _silence(_weights(torch_rng, 12), "attn.c_proj", "mlp.c_proj")
    x = 3 * _normal(torch_rng, 2, 5, 12) + 1
    assert_close(_block(submission, weights, 3)(x), x)


@pytest.mark.title(
    en="Uses weights as x @ weight, the square attn.c_proj included",
    zh="按 x @ weight 使用权重，方阵 attn.c_proj 也不例外",
)
@pytest.mark.hint(
    en="nn.Linear would transpose. Where is a weight square, so that no shape error tells you?",
    zh="nn.Linear 会转置权重。哪个权重是方阵，放反了也不报错？",
)
def test_conv1d_orientation(submission, torch_rng):
    w = _silence(_weights(torch_rng, 8), "mlp.c_proj")
    x = _normal(torch_rng, 4, 1, 8)  # a single token attends to itself: its output is its value
    value = functional.layer_norm(x, (8,), w["ln_1.weight"], w["ln_1.bias"])
    value = value @ w["attn.c_attn.weight"][:, 16:] + w["attn.c_attn.bias"][16:]
    expected = x + value @ w["attn.c_proj.weight"] + w["attn.c_proj.bias"]
    assert_close(_block(submission, w, 2)(x), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.title(en="The MLP uses GELU in its tanh form", zh="MLP 使用 tanh 近似的 GELU")
@pytest.mark.hint(
    en="The exact GELU (with erf) differs by up to 5e-4: small, but not float noise.",
    zh="精确的 GELU（用 erf）最多相差 5e-4：虽小，但不是浮点误差。",
)
def test_tanh_gelu(submission, torch_rng):
    w = _silence(_weights(torch_rng, 12), "attn.c_proj")
    x = _normal(torch_rng, 2, 6, 12)
    z = functional.layer_norm(x, (12,), w["ln_2.weight"], w["ln_2.bias"])
    z = z @ w["mlp.c_fc.weight"] + w["mlp.c_fc.bias"]
    z = 0.5 * z * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))
    expected = x + z @ w["mlp.c_proj.weight"] + w["mlp.c_proj.bias"]
    assert_close(_block(submission, w, 3)(x), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.title(
    en="Splits heads by columns, scales scores by 1/√d_head and merges heads in order",
    zh="按列划分注意力头，分数除以 √d_head，再按顺序拼回",
)
@pytest.mark.hint(
    en="Check the divisor, the order q, k, v, and that heads are transposed back before reshaping.",
    zh="检查除数、q/k/v 的顺序，以及拼回各头之前是否先转置。",
)
@pytest.mark.points(2)
@pytest.mark.parametrize("n_head", [1, 2, 6])
def test_heads_and_scale(submission, torch_rng, n_head):
    w = _silence(_weights(torch_rng, 12), "mlp.c_proj")
    x = _normal(torch_rng, 3, 7, 12)
    expected = _attended(x, w, n_head)
    assert_close(_block(submission, w, n_head)(x), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.title(
    en="Causal: a token's output does not depend on later tokens",
    zh="因果性：一个 token 的输出与其后的 token 无关",
)
@pytest.mark.hint(
    en="Changing later tokens changed an earlier output: look at the mask and its direction.",
    zh="修改后面的 token 影响了前面的输出：检查掩码及其方向。",
)
def test_causal(submission, reference, rng, torch_rng):
    weights = _weights(torch_rng, 8)
    block, right = _block(submission, weights, 2), _block(reference, weights, 2)
    x = _normal(torch_rng, 2, 9, 8)
    cut = int(rng.integers(1, 9))
    changed = x.clone()
    changed[:, cut:] = _normal(torch_rng, 2, 9 - cut, 8)
    assert_close(block(changed)[:, :cut], block(x)[:, :cut], atol=1e-6)
    for given in (x, changed):
        assert_close(block(given).detach(), right(given).detach(), atol=1e-5, rtol=1e-5)
    alone = block(x[:, :cut])  # the same prefix, with nothing after it
    assert_close(alone, block(x)[:, :cut], atol=1e-5)


@pytest.mark.title(en="LayerNorm uses eps = 1e-5", zh="LayerNorm 的 eps 为 1e-5")
@pytest.mark.hint(
    en="With nearly constant features eps decides the result.",
    zh="当各特征几乎相等时，结果由 eps 决定。",
)
def test_layer_norm_eps(submission, torch_rng):
    w = _silence(_weights(torch_rng, 8), "mlp.c_proj")
    x = 2e-3 * _normal(torch_rng, 2, 4, 8)
    assert_close(_block(submission, w, 2)(x), _attended(x, w, 2), atol=1e-5, rtol=1e-5)


@pytest.mark.title(en="Gradients reach the input and all parameters", zh="梯度能传到输入和全部参数")
@pytest.mark.hint(
    en="Look for .detach(), .data or torch.no_grad() on the way.",
    zh="检查途中是否用了 .detach()、.data 或 torch.no_grad()。",
)
@pytest.mark.points(2)
def test_gradients(submission, reference, torch_rng):
    weights = _weights(torch_rng, 8)
    x, upstream = _normal(torch_rng, 2, 5, 8), _normal(torch_rng, 2, 5, 8)
    results = []
    for module in (submission, reference):
        block = _block(module, weights, 2)
        leaf = x.clone().requires_grad_()
        out = block(leaf)
        (out * upstream).sum().backward()
        grads = {name: parameter.grad for name, parameter in block.named_parameters()}
        missing = [name for name, grad in grads.items() if grad is None]
        require(not missing, en=f"No gradient for {missing}.", zh=f"{missing} 没有梯度。")
        results.append((out.detach(), leaf.grad, dict(sorted(grads.items()))))
    (my_out, mine, my_grads), (their_out, theirs, their_grads) = results
    assert_close(my_out, their_out, atol=1e-5, rtol=1e-5)
    assert_close(mine, theirs, atol=1e-4, rtol=1e-4, label="x.grad")
    assert_close(my_grads, their_grads, atol=1e-4, rtol=1e-4, label="grad")


@pytest.mark.title(
    en="Rejects a d_model that the heads cannot share", zh="d_model 不能被头数整除时报错"
)
@pytest.mark.hint(en="Raise ValueError in __init__.", zh="在 __init__ 中抛出 ValueError。")
def test_indivisible_width(submission):
    with pytest.raises(ValueError):
        submission.Block(10, 4)
