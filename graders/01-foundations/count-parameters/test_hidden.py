"""Hidden tests of counting parameters: published models, and models built on the meta device."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from grading.checks import assert_equal

Config = dict[str, Any]

GPT2 = {"vocab_size": 50257, "max_position": 1024, "tied": True, "bias": True, "norm": "layer"}
# n_layer, d_model, n_head and the number of parameters of the published checkpoints.
GPT2_SIZES = [
    (12, 768, 12, 124_439_808),
    (24, 1024, 16, 354_823_168),
    (36, 1280, 20, 774_030_080),
    (48, 1600, 25, 1_557_611_200),
]
PYTHIA = {"vocab_size": 50304, "max_position": 2048, "tied": False, "bias": True, "norm": "layer"}
# The same for Pythia (Biderman et al. 2023), whose positions are rotations.
PYTHIA_SIZES = [(6, 512, 8, 70_426_624), (12, 768, 12, 162_322_944)]


class _Layer(nn.Module):
    """One layer with the learnable parts of the statement; never run."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        d, f, bias = config["d_model"], config["d_ff"], config["bias"]
        shapes = [(d, d)] * 4 + [(d, f), (f, d)]
        self.maps = nn.ModuleList(nn.Linear(*shape, bias=bias) for shape in shapes)
        self.norms = nn.ModuleList(_norm(config) for _ in range(2))


def _norm(config: Config) -> nn.Module:
    if config["norm"] == "rms":
        return nn.RMSNorm(config["d_model"])
    return nn.LayerNorm(config["d_model"], bias=config["bias"])


def _true_count(config: Config) -> int:
    """Build the model without memory and let PyTorch count."""
    d, vocab = config["d_model"], config["vocab_size"]
    with torch.device("meta"):
        model = nn.Module()
        model.tokens = nn.Parameter(torch.empty(vocab, d))
        if config["pos"] == "learned":
            model.positions = nn.Parameter(torch.empty(config["max_position"], d))
        model.layers = nn.ModuleList(_Layer(config) for _ in range(config["n_layer"]))
        model.norm = _norm(config)
        model.head = model.tokens if config["tied"] else nn.Parameter(torch.empty(vocab, d))
    return sum(parameter.numel() for parameter in model.parameters())


def _random_config(rng: np.random.Generator, **fixed: Any) -> Config:
    n_head = int(rng.integers(1, 9))
    config = {
        "n_layer": int(rng.integers(1, 6)),
        "d_model": n_head * int(rng.integers(2, 65)),
        "n_head": n_head,
        "d_ff": int(rng.integers(8, 1024)),
        "vocab_size": int(rng.integers(100, 60_000)),
        "max_position": int(rng.integers(16, 4096)),
        "tied": bool(rng.integers(2)),
        "bias": bool(rng.integers(2)),
        "norm": ["layer", "rms"][rng.integers(2)],
        "pos": ["learned", "rope"][rng.integers(2)],
    }
    return config | fixed


def _sized(base: Config, n_layer: int, d_model: int, n_head: int, pos: str) -> Config:
    size = {"n_layer": n_layer, "d_model": d_model, "n_head": n_head, "d_ff": 4 * d_model}
    return base | size | {"pos": pos}


def _check(submission: Any, config: Config) -> None:
    expected = _true_count(config)
    assert_equal(
        submission.count_parameters(config),
        expected,
        {"en": f"the count for {config}", "zh": f"配置 {config} 的参数量"},
    )


@pytest.mark.title(en="Counts all four sizes of GPT-2", zh="GPT-2 的四种规模都数对")
@pytest.mark.hint(
    en="GPT-2 ties its head and has a bias everywhere, with learned positions and LayerNorm.",
    zh="GPT-2 共享输出头、处处带偏置，使用可学习位置和 LayerNorm。",
)
@pytest.mark.points(2)
def test_gpt2(submission):
    for *size, expected in GPT2_SIZES:
        assert_equal(submission.count_parameters(_sized(GPT2, *size, pos="learned")), expected)


@pytest.mark.title(
    en="Counts two Pythia models (untied, RoPE)", zh="数对两个 Pythia 模型（不共享输出头，RoPE）"
)
@pytest.mark.hint(
    en="An untied head is one more matrix without bias, and RoPE has nothing to learn.",
    zh="不共享的输出头多出一个无偏置的矩阵，而 RoPE 没有可学习的参数。",
)
def test_pythia(submission):
    for *size, expected in PYTHIA_SIZES:
        assert_equal(submission.count_parameters(_sized(PYTHIA, *size, pos="rope")), expected)


@pytest.mark.title(
    en="A tied head is counted once, an untied one twice",
    zh="共享的输出头只数一次，不共享则另数一份",
)
@pytest.mark.hint(
    en="When tied, head and token embedding are one and the same matrix.",
    zh="共享时，输出头和词嵌入就是同一个矩阵。",
)
def test_tied_head(submission, rng):
    for _ in range(3):
        config = _random_config(rng)
        _check(submission, config | {"tied": True})
        _check(submission, config | {"tied": False})


@pytest.mark.title(
    en="Counts a bias where there is one, and nowhere else", zh="该有偏置的地方都数，没有的地方不数"
)
@pytest.mark.hint(
    en="Six linear maps in each layer have one, of the width of their output; the head has none.",
    zh="每层六个线性映射各有一个偏置，长度等于其输出宽度；输出头没有。",
)
def test_biases(submission, rng):
    for norm in ("layer", "rms"):
        config = _random_config(rng, norm=norm, tied=False)
        _check(submission, config | {"bias": True})
        _check(submission, config | {"bias": False})


@pytest.mark.title(
    en="LayerNorm may have a bias, RMSNorm never", zh="LayerNorm 可以有偏置，RMSNorm 从不带偏置"
)
@pytest.mark.hint(
    en="RMSNorm doesn't subtract the mean and doesn't add anything: one scale per channel.",
    zh="RMSNorm 既不减均值也不加偏置：每个通道只有一个缩放系数。",
)
def test_norms(submission, rng):
    config = _random_config(rng, bias=True)
    _check(submission, config | {"norm": "layer"})
    _check(submission, config | {"norm": "rms"})


@pytest.mark.title(
    en="Without any layer, embeddings and the final norm remain",
    zh="没有任何层时，只剩嵌入和末尾归一化",
)
@pytest.mark.hint(
    en="One norm stands after the last layer and belongs to no layer.",
    zh="最后一层之后还有一个归一化，它不属于任何一层。",
)
def test_final_norm(submission, rng):
    for norm in ("layer", "rms"):
        _check(submission, _random_config(rng, n_layer=0, norm=norm))


@pytest.mark.title(
    en="RoPE has no parameters, learned positions do", zh="RoPE 没有参数，可学习位置有"
)
@pytest.mark.hint(
    en="With RoPE the count must not depend on max_position.",
    zh="使用 RoPE 时，参数量不应随 max_position 变化。",
)
def test_positions(submission, rng):
    config = _random_config(rng)
    for pos in ("learned", "rope"):
        for max_position in (128, 8192):
            _check(submission, config | {"pos": pos, "max_position": max_position})


@pytest.mark.title(
    en="More heads of smaller width cost nothing", zh="头数变多、每头变窄，参数量不变"
)
@pytest.mark.hint(
    en="All heads together are as wide as the model, whatever their number.",
    zh="不论分成多少个头，所有头合起来的宽度都等于模型宽度。",
)
def test_heads(submission, rng):
    config = _random_config(rng, d_model=96)
    for n_head in (1, 2, 12):
        _check(submission, config | {"n_head": n_head})


@pytest.mark.title(en="Attention has four square matrices in each layer", zh="每层注意力有四个方阵")
@pytest.mark.hint(
    en="Query, key, value, and the projection that mixes the heads' outputs.",
    zh="查询、键、值，以及把各头输出混合起来的投影。",
)
def test_attention_matrices(submission, rng):
    config = _random_config(rng, bias=False, d_ff=1)
    for n_layer in (1, 4):
        _check(submission, config | {"n_layer": n_layer})


@pytest.mark.title(
    en="Any feed-forward width, not only 4·d_model", zh="前馈宽度任意，不一定是 4·d_model"
)
@pytest.mark.hint(
    en="Use d_ff; some models have 8/3 or 3.5 times the width.",
    zh="请使用 d_ff；有的模型取宽度的 8/3 倍或 3.5 倍。",
)
def test_feed_forward_width(submission, rng):
    config = _random_config(rng, bias=True, d_model=64, n_head=4)
    for d_ff in (1, 64, 170):
        _check(submission, config | {"d_ff": d_ff})


@pytest.mark.title(en="Thirty random models", zh="三十个随机模型")
@pytest.mark.hint(
    en="The message names the configuration. Count its tensors one by one and compare.",
    zh="报错信息给出了配置，请逐个张量数一遍再对照。",
)
@pytest.mark.points(2)
def test_random_models(submission, rng):
    for _ in range(30):
        _check(submission, _random_config(rng))


@pytest.mark.title(en="Refuses a width that its heads can't share", zh="宽度无法被头数整除时报错")
@pytest.mark.hint(
    en="Raise ValueError if d_model is not a multiple of n_head.",
    zh="若 d_model 不能被 n_head 整除，应抛出 ValueError。",
)
def test_indivisible_width(submission, rng):
    config = _random_config(rng, n_head=5, d_model=5 * int(rng.integers(2, 20)) + 3)
    with pytest.raises(ValueError):
        submission.count_parameters(config)
