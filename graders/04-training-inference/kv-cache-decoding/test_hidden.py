"""Hidden tests of cached decoding."""

import math
from typing import Any

import pytest
import torch

from grading.checks import assert_equal, require

VOCAB = 16
CALLS = {"en": "the ids fed, call by call", "zh": "各次调用送入的 id"}


class HistoryModel:
    """A model whose logits depend on all tokens read so far, and which records its calls.

    The state behind a cache is a matrix of running features, as a recurrent network has;
    caches are random ints, so that only the model's own answers open one.
    """

    def __init__(self, rng: torch.Generator, scale: float = 2.0) -> None:
        self.rng = rng
        self.embed = torch.randn(VOCAB, 8, generator=rng)
        self.mix = torch.randn(8, 8, generator=rng) / math.sqrt(8)
        self.head = scale * torch.randn(8, VOCAB, generator=rng) / math.sqrt(8)
        self.states: dict[int, torch.Tensor] = {}
        self.calls: list[list[int]] = []
        self.given: list[Any] = []
        self.returned: list[int] = []

    def __call__(self, ids: list[int], cache: int | None) -> tuple[torch.Tensor, int]:
        self.calls.append([int(i) for i in ids])
        self.given.append(cache)
        logits, state = self.read(self.calls[-1], self.states.get(cache, torch.zeros(8)))
        self.returned.append(int(torch.randint(2**40, (), generator=self.rng)))
        self.states[self.returned[-1]] = state
        return logits, self.returned[-1]

    def read(self, ids: list[int], state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the logits after each of the ids, and the state after the last."""
        rows = []
        for token in ids:
            state = torch.tanh(state @ self.mix + self.embed[token])
            rows.append(state @ self.head)
        return torch.stack(rows), state


def _allowed(probs: list[float], top_p: float) -> set[int]:
    """The nucleus, token by token, in double precision."""
    kept, mass = set(), 0.0
    for token in sorted(range(len(probs)), key=lambda i: (-probs[i], i)):
        if mass >= top_p and top_p < 1:
            break
        kept.add(token)
        mass += probs[token]
    return kept


def _expected(model: HistoryModel, prompt: list[int], count: int, top_p: float, seed: int) -> Any:
    """What generate must return, by reading the whole text anew for each token."""
    generator, ids = torch.Generator().manual_seed(seed), list(prompt)
    for _ in range(count):
        logits, _ = model.read(ids, torch.zeros(8))
        probs = torch.softmax(logits[-1], dim=-1)
        keep = torch.zeros(VOCAB)
        keep[sorted(_allowed(probs.tolist(), top_p))] = 1
        kept = probs * keep
        ids.append(int(torch.multinomial(kept / kept.sum(), 1, generator=generator)))
    return ids[len(prompt) :]


def _prompt(rng: Any, length: int) -> list[int]:
    return [int(token) for token in rng.integers(0, VOCAB, size=length)]


def _constant(logits: torch.Tensor) -> Any:
    """A model that always predicts the same distribution."""

    def model(ids: list[int], cache: Any) -> tuple[torch.Tensor, int]:
        return logits.expand(len(ids), len(logits)).clone(), 1

    return model


def _drawn(submission: Any, model: Any, prompt: list[int], count: int, *rest: Any) -> list[int]:
    """What generate returns, which must be ``count`` ints in a list."""
    new_ids = submission.generate(model, prompt, count, *rest)
    assert_equal(type(new_ids).__name__, "list", label={"en": "the type", "zh": "返回值的类型"})
    assert_equal(len(new_ids), count, label={"en": "number of ids", "zh": "id 的个数"})
    assert_equal([type(token).__name__ for token in new_ids], ["int"] * count)
    return new_ids


@pytest.mark.title(
    en="Uses the cache: each token is fed exactly once", zh="使用缓存：每个 token 恰好送入一次"
)
@pytest.mark.hint(
    en="First the whole prompt in one call, then one token a call; the last is never fed.",
    zh="先一次送入整个提示词，之后每次一个 token；最后一个不再送入。",
)
@pytest.mark.points(2)
@pytest.mark.parametrize("length", [1, 2, 9])
def test_each_token_once(submission, rng, torch_rng, length):
    model, prompt = HistoryModel(torch_rng), _prompt(rng, length)
    new_ids = submission.generate(model.__call__, prompt, 20, 0.9, int(rng.integers(1e6)))
    fed = sum(map(len, model.calls))
    require(
        fed == length + 19,
        en=f"You fed {fed} tokens to the model; {length + 19} are needed.",
        zh=f"你一共向模型送入 {fed} 个 token，实际只需 {length + 19} 个。",
    )
    assert_equal(model.calls, [prompt, *([token] for token in new_ids[:-1])], label=CALLS)


@pytest.mark.title(
    en="Passes None first, then always the latest cache", zh="先传 None，之后总是传最新的缓存"
)
@pytest.mark.hint(
    en="Each call returns a new cache; replace the old one.",
    zh="每次调用都会返回新的缓存，要替换旧的。",
)
def test_cache_is_passed_on(submission, rng, torch_rng):
    model = HistoryModel(torch_rng)
    submission.generate(model.__call__, _prompt(rng, 4), 8, 0.8, 3)
    assert_equal(len(model.given), 8, label={"en": "number of calls", "zh": "调用次数"})
    require(
        model.given == [None, *model.returned[:-1]],
        en="Some call did not get the cache that the call before it returned.",
        zh="有的调用传入的不是上一次调用返回的缓存。",
    )


@pytest.mark.title(
    en="Same tokens as decoding without a cache, seed for seed",
    zh="同一种子下与无缓存解码的结果一致",
)
@pytest.mark.hint(
    en="Use the last row of the logits, one generator, and draw in vocabulary order.",
    zh="取 logits 的最后一行，只用一个随机数生成器，并按词表顺序采样。",
)
@pytest.mark.points(3)
@pytest.mark.parametrize("top_p", [0.3, 0.7, 0.95, 1.0])
def test_matches_full_recomputation(submission, rng, torch_rng, top_p):
    model, prompt = HistoryModel(torch_rng), _prompt(rng, 5)
    seed = int(rng.integers(1e6))
    expected = _expected(model, prompt, 24, top_p, seed)
    assert_equal(submission.generate(model.__call__, prompt, 24, top_p, seed), expected)


@pytest.mark.title(
    en="Keeps the token that crosses top_p, and none after it",
    zh="保留使累计概率跨过 top_p 的 token，其后的全部丢弃",
)
@pytest.mark.hint(
    en="Keep a token if the mass before it is less than top_p.",
    zh="某个 token 之前的累计概率小于 top_p，就保留它。",
)
@pytest.mark.points(2)
@pytest.mark.parametrize("top_p", [0.35, 0.5, 0.75, 0.95])
def test_crossing_token(submission, rng, top_p):
    probs = [0.4, 0.3, 0.2, 0.1]
    logits = torch.tensor(probs).log()
    drawn = _drawn(submission, _constant(logits), [0], 120, top_p, int(rng.integers(1e6)))
    # the rarest kept token has at least 0.1 of the mass: 120 draws miss it once in 300,000 runs
    assert_equal(set(drawn), _allowed(probs, top_p), label={"en": "ids drawn", "zh": "采到的 id"})


@pytest.mark.title(
    en="Sorts before it sums: likeliest tokens first", zh="先排序再累加：概率大的 token 在前"
)
@pytest.mark.hint(
    en="The nucleus is about the likeliest tokens, wherever in the vocabulary they are.",
    zh="“核”由概率最大的 token 组成，与它们在词表中的位置无关。",
)
def test_sorted_cumsum(submission, rng):
    rare, likely = rng.permutation([0.1, 0.05]), rng.permutation([0.6, 0.25])
    order = [*rare.tolist(), *likely.tolist()]  # in vocabulary order the rare ones come first
    model = _constant(torch.tensor(order).log())
    drawn = _drawn(submission, model, [1], 80, 0.8, int(rng.integers(1e6)))
    assert_equal(set(drawn), {2, 3})


@pytest.mark.title(
    en="Ties: the smaller id comes first, and reaching top_p is enough",
    zh="概率相等时 id 小者在前，累计概率达到 top_p 即止",
)
@pytest.mark.hint(
    en="Sort stably; keep on while the mass is < top_p, not <= top_p.",
    zh="使用稳定排序；累计概率 < top_p（而不是 <=）时才继续保留。",
)
def test_ties(submission, rng):
    equal = torch.zeros(32)  # 1/32 each, exact in binary
    kept = int(rng.integers(1, 6))
    drawn = _drawn(submission, _constant(equal), [1], 100, kept / 32, int(rng.integers(1e6)))
    assert_equal(set(drawn), set(range(kept)))


@pytest.mark.title(en="A tiny top_p is greedy decoding", zh="top_p 极小时等同于贪心解码")
@pytest.mark.hint(en="At least one token is always kept.", zh="无论如何都至少保留一个 token。")
def test_greedy(submission, rng, torch_rng):
    model, prompt = HistoryModel(torch_rng), _prompt(rng, 3)
    ids = list(prompt)
    for _ in range(10):
        logits, _ = model.read(ids, torch.zeros(8))
        ids.append(int(logits[-1].argmax()))
    drawn = submission.generate(model.__call__, prompt, 10, 1e-6, int(rng.integers(1e6)))
    assert_equal(drawn, ids[3:])


@pytest.mark.title(
    en="One generator for all draws, fixed by the seed", zh="所有采样共用一个由 seed 确定的生成器"
)
@pytest.mark.hint(
    en="Make the generator before the loop, not in it.", zh="在循环之前创建生成器，不要放进循环里。"
)
def test_seeded(submission, rng):
    model, seed = _constant(torch.zeros(50)), int(rng.integers(1e6))
    first = _drawn(submission, model, [1], 30, 1.0, seed)
    assert_equal(submission.generate(model, [1], 30, 1.0, seed), first)
    require(
        len(set(first)) > 5,
        en="With a uniform distribution you draw the same few ids again and again.",
        zh="分布均匀时，你却反复采到同样的几个 id。",
    )
    require(
        _drawn(submission, model, [1], 30, 1.0, seed + 1) != first,
        en="Another seed gives the same ids.",
        zh="换了种子，采到的 id 却相同。",
    )


@pytest.mark.title(
    en="Returns a list of plain ints, the new ones only", zh="返回普通整数的列表，只含新 id"
)
@pytest.mark.hint(
    en="max_new_tokens = 0 gives [] without any call.",
    zh="max_new_tokens = 0 时不调用模型，返回 []。",
)
@pytest.mark.parametrize("count", [0, 1, 5])
def test_result(submission, rng, torch_rng, count):
    model = HistoryModel(torch_rng)
    _drawn(submission, model.__call__, _prompt(rng, 6), count, 0.9, 7)
    assert_equal(len(model.calls), count, label={"en": "number of calls", "zh": "调用次数"})


@pytest.mark.title(
    en="Copes with impossible tokens (logit -inf)", zh="能处理不可能的 token（logit 为 -inf）"
)
@pytest.mark.hint(
    en="Their probability is exactly 0; they must never be drawn.",
    zh="它们的概率恰好为 0，绝不能被采到。",
)
@pytest.mark.parametrize("top_p", [0.9, 1.0])
def test_impossible_tokens(submission, rng, top_p):
    logits = torch.full((12,), -math.inf)
    possible = sorted(int(i) for i in rng.choice(12, size=3, replace=False))
    logits[possible] = torch.tensor([0.0, 0.1, 0.2])
    drawn = _drawn(submission, _constant(logits), [1], 60, top_p, int(rng.integers(1e6)))
    assert_equal(set(drawn), set(possible))


@pytest.mark.title(en="Refuses impossible arguments", zh="拒绝不合理的参数")
@pytest.mark.hint(
    en="ValueError for an empty prompt, max_new_tokens < 0, and top_p outside (0, 1].",
    zh="提示词为空、max_new_tokens < 0、top_p 不在 (0, 1] 内时抛出 ValueError。",
)
@pytest.mark.parametrize(
    ("prompt", "count", "top_p"),
    [([], 3, 0.9), ([1], -1, 0.9), ([1], 3, 0.0), ([1], 3, -0.5), ([1], 3, 1.01), ([], 0, 0.9)],
)
def test_bad_arguments(submission, prompt, count, top_p):
    with pytest.raises(ValueError):
        submission.generate(_constant(torch.zeros(4)), prompt, count, top_p, 0)
