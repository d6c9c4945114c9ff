"""Examples for counting parameters."""

import pytest

from grading.checks import assert_equal

TINY = {
    "n_layer": 1,
    "d_model": 4,
    "n_head": 2,
    "d_ff": 16,
    "vocab_size": 10,
    "max_position": 8,
    "tied": True,
    "bias": False,
    "norm": "rms",
    "pos": "rope",
}


@pytest.mark.title(en="The example of the statement: 244", zh="题面示例：244")
@pytest.mark.hint(
    en="Embedding 40, attention 64, feed-forward 128, norms 3·4.",
    zh="词嵌入 40，注意力 64，前馈 128，三个归一化各 4。",
)
def test_tiny(submission):
    assert_equal(submission.count_parameters(TINY), 244)


@pytest.mark.title(en="The same with everything switched on: 364", zh="打开所有选项后：364")
@pytest.mark.hint(
    en="Now add the head 40, the positions 32, and biases: 4·4 + 16 + 4 in the maps, 3·4 in norms.",
    zh="再加上输出头 40、位置表 32，以及偏置：线性映射 4·4 + 16 + 4，归一化 3·4。",
)
def test_everything_on(submission):
    config = TINY | {"tied": False, "bias": True, "norm": "layer", "pos": "learned"}
    assert_equal(submission.count_parameters(config), 244 + 40 + 32 + (4 * 4 + 16 + 4) + 3 * 4)


@pytest.mark.title(en="GPT-2 small has 124,439,808", zh="GPT-2 small 有 124,439,808 个参数")
@pytest.mark.hint(
    en="Off by about 38.6 million? That is the size of its embedding matrix.",
    zh="差了约 3860 万？那正是词嵌入矩阵的大小。",
)
def test_gpt2_small(submission):
    gpt2 = {
        "n_layer": 12,
        "d_model": 768,
        "n_head": 12,
        "d_ff": 3072,
        "vocab_size": 50257,
        "max_position": 1024,
        "tied": True,
        "bias": True,
        "norm": "layer",
        "pos": "learned",
    }
    assert_equal(submission.count_parameters(gpt2), 124_439_808)
