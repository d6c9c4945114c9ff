"""Hidden tests of moe-router: against a router that seats one choice at a time."""

import pytest
import torch

from grading.checks import assert_close, assert_equal, require

SHAPES = [(12, 5, 4, 2, 3), (20, 3, 6, 3, 5), (9, 4, 5, 1, 2)]  # T, D, E, k, capacity


def tokens(torch_rng, n, d, e):
    """Return tokens and a gate in float64; the gate favours low experts, so that some overflow."""
    x = torch.randn(n, d, generator=torch_rng, dtype=torch.float64)
    x[:, 0] = x[:, 0].abs()
    gate = torch.randn(d, e, generator=torch_rng, dtype=torch.float64)
    gate[0] += torch.linspace(2, -1, e, dtype=torch.float64)
    return x, gate


def seat(x, gate, k, capacity):
    """Route with plain loops: the whole first column, then the second, and so on."""
    probs = torch.softmax(x @ gate, -1).tolist()
    n, filled = len(probs), [0] * gate.shape[1]
    expert = [sorted(range(len(p)), key=lambda i, p=p: (-p[i], i))[:k] for p in probs]
    slot = [[-1] * k for _ in range(n)]
    weight = [[0.0] * k for _ in range(n)]
    for choice in range(k):
        for token in range(n):
            e = expert[token][choice]
            if filled[e] < capacity:
                slot[token][choice] = filled[e]
                total = sum(probs[token][i] for i in expert[token]) if k > 1 else 1.0
                weight[token][choice] = probs[token][e] / total
                filled[e] += 1
    slot = torch.tensor(slot)
    return torch.tensor(expert), slot, torch.tensor(weight, dtype=x.dtype), slot >= 0


@pytest.mark.title(
    en="Each token's k most probable experts, best first",
    zh="每个 token 选概率最大的 k 个专家，从大到小",
)
@pytest.mark.hint(
    en="Sort by probability from high to low; expert is int64 of shape (T, k).",
    zh="按概率从高到低排序；expert 是形状 (T, k) 的 int64。",
)
@pytest.mark.points(2)
def test_experts(submission, torch_rng):
    for n, d, e, k, capacity in SHAPES:
        x, gate = tokens(torch_rng, n, d, e)
        expert = submission.route(x, gate, k, capacity)[0]
        assert_equal(expert, seat(x, gate, k, capacity)[0], "expert")


@pytest.mark.title(
    en="Equal probabilities: the lower index wins", zh="概率相同时，下标小的专家优先"
)
@pytest.mark.hint(
    en="torch.topk promises no order among equals; a stable sort does.",
    zh="torch.topk 不保证相等元素的次序；稳定排序可以保证。",
)
def test_ties(submission, rng, torch_rng):
    n, e = int(rng.integers(5, 9)), 24
    x = torch.randint(1, 4, (n, 2), generator=torch_rng).float()
    even = submission.route(x, torch.zeros(2, e), 5, n)[0]
    label = {"en": "expert, all probabilities equal", "zh": "概率全相同时的 expert"}
    assert_equal(even, torch.arange(5).expand(n, 5).contiguous(), label)
    best = sorted(int(i) for i in rng.choice(e, 3, replace=False))
    gate = torch.zeros(2, e)
    gate[:, best] = 1.0
    rest = [i for i in range(e) if i not in best][:2]
    assert_equal(
        submission.route(x, gate, 5, n)[0],
        torch.tensor(best + rest).expand(n, 5).contiguous(),
        {"en": "expert, three equal winners", "zh": "三个专家并列第一时的 expert"},
    )


@pytest.mark.title(
    en="All first choices are seated before any second choice", zh="先安排所有首选，再安排次选"
)
@pytest.mark.hint(
    en="Go column by column: tokens in order within the first choices, then within the second.",
    zh="逐列处理：先按 token 顺序排完首选这一列，再排次选那一列。",
)
@pytest.mark.points(3)
def test_first_choices_first(submission, torch_rng):
    x = torch.tensor([[1.0, 2.0], [2.0, 1.0], [2.0, 1.0]])
    slot = submission.route(x, torch.eye(2), 2, 2)[1]
    assert_equal(slot, torch.tensor([[0, -1], [0, 1], [1, -1]]), "slot")
    for n, d, e, k, capacity in SHAPES[:2]:
        x, gate = tokens(torch_rng, n, d, e)
        assert_equal(
            submission.route(x, gate, k, capacity)[1], seat(x, gate, k, capacity)[1], "slot"
        )


@pytest.mark.title(
    en="Capacity counts per expert; what doesn't fit has slot -1",
    zh="容量按专家计算，放不下的 slot 为 -1",
)
@pytest.mark.hint(
    en="Each expert has its own counter from 0 to capacity - 1; kept is bool, true where seated.",
    zh="每个专家各自从 0 数到 capacity - 1；kept 是 bool，得到位置处为真。",
)
@pytest.mark.points(2)
def test_capacity(submission, rng, torch_rng):
    n, d, e, k = 16, 4, 5, 2
    x, gate = tokens(torch_rng, n, d, e)
    for capacity in (1, int(rng.integers(2, 6)), n):
        expert, slot, _, kept = submission.route(x, gate, k, capacity)
        right_expert, right_slot, _, right_kept = seat(x, gate, k, capacity)
        assert_equal(expert, right_expert, "expert")
        assert_equal(kept, right_kept, "kept")
        assert_equal(slot, right_slot, "slot")
        places = list(zip(expert[kept].tolist(), slot[kept].tolist(), strict=True))
        require(
            len(set(places)) == len(places),
            en="Two choices share one slot of one expert.",
            zh="有两个选择占用了同一专家的同一位置。",
        )


@pytest.mark.title(
    en="Weights are renormalised over the k choices", zh="权重在 k 个选择内重新归一化"
)
@pytest.mark.hint(
    en="With room for all, the weights of each token sum to 1 for k >= 2, in the dtype of x.",
    zh="容量充足且 k >= 2 时，每个 token 的权重之和为 1，dtype 与 x 相同。",
)
@pytest.mark.points(2)
def test_weights_renormalised(submission, torch_rng):
    x, gate = tokens(torch_rng, 10, 4, 6)
    for k in (2, 3, 6):
        assert_close(submission.route(x, gate, k, 60)[2], seat(x, gate, k, 60)[2], label="weight")
    narrow = submission.route(x.float(), gate.float(), 2, 60)[2]
    assert_close(narrow, seat(x, gate, 2, 60)[2].float(), rtol=1e-4, atol=1e-5, label="weight")


@pytest.mark.title(
    en="A dropped choice weighs 0 and the others stay as they are",
    zh="被丢弃的选择权重为 0，其余权重不变",
)
@pytest.mark.hint(
    en="Renormalise before dropping, not after: what is dropped is lost to the token.",
    zh="先归一化再丢弃，而不是反过来：被丢弃的部分就此失去。",
)
@pytest.mark.points(2)
def test_dropped_weights(submission, torch_rng):
    x, gate = tokens(torch_rng, 15, 4, 4)
    _, _, expected, kept = seat(x, gate, 2, 2)
    assert not bool(kept.all())
    assert_close(submission.route(x, gate, 2, 2)[2], expected, label="weight")


@pytest.mark.title(
    en="With k = 1 the weight is the probability, and has a gradient",
    zh="k = 1 时权重即概率，且有梯度",
)
@pytest.mark.hint(
    en="Dividing one probability by itself gives 1: the router learns nothing from a constant.",
    zh="一个概率除以自己恒为 1：路由器从常数里什么也学不到。",
)
@pytest.mark.points(2)
def test_single_choice(submission, torch_rng):
    x, gate = tokens(torch_rng, 8, 3, 4)
    assert_close(submission.route(x, gate, 1, 8)[2], seat(x, gate, 1, 8)[2], label="weight")
    check_gradients(submission, torch_rng, x, gate, 1, 8)


@pytest.mark.title(en="Large logits stay finite", zh="logits 很大时结果仍然有限")
@pytest.mark.hint(
    en="exp(1000) is inf: take the softmax in a stable way.",
    zh="exp(1000) 是 inf：请用数值稳定的方式计算 softmax。",
)
def test_large_logits(submission):
    x = torch.tensor([[1000.0, 999.0, 0.0]], dtype=torch.float64)
    weight = submission.route(x, torch.eye(3, dtype=torch.float64), 2, 1)[2]
    first = torch.sigmoid(torch.tensor(1.0, dtype=torch.float64))
    assert_close(weight, torch.stack([first, 1 - first])[None], label="weight")


@pytest.mark.title(
    en="Gradients of the weights reach tokens and gate", zh="权重的梯度能传到 token 与路由矩阵"
)
@pytest.mark.hint(
    en="Take the weights from the softmax itself, with gather or indexing, without detaching them.",
    zh="直接用 gather 或下标从 softmax 的结果取权重，不要 detach。",
)
@pytest.mark.points(2)
def test_weight_gradients(submission, torch_rng):
    x, gate = tokens(torch_rng, 4, 2, 3)
    for capacity in (1, 3):
        check_gradients(submission, torch_rng, x.clone(), gate.clone(), 2, capacity)


def plain_weights(x, gate, k, capacity):
    """Return the weights, differentiable, with the oracle's own choices."""
    expert, _, _, kept = seat(x.detach(), gate.detach(), k, capacity)
    logits = x @ gate
    if k == 1:
        return logits.softmax(-1).gather(1, expert) * kept
    return logits.gather(1, expert).softmax(-1) * kept  # the rest of the softmax cancels out


def check_gradients(submission, torch_rng, x, gate, k, capacity):
    """Compare the weights and their gradients with the oracle's."""
    inputs = x.requires_grad_(), gate.requires_grad_()
    cotangent = torch.randn(len(x), k, generator=torch_rng, dtype=x.dtype)
    expected = plain_weights(*inputs, k, capacity)
    weight = submission.route(*inputs, k, capacity)[2]
    assert_close(weight.detach(), expected.detach(), label="weight")
    require(
        weight.requires_grad,
        en="weight isn't connected to x and w_gate.",
        zh="weight 与 x、w_gate 之间没有计算图。",
    )
    found, wanted = (torch.autograd.grad((w * cotangent).sum(), inputs) for w in (weight, expected))
    assert_close(found[0], wanted[0], label={"en": "gradient of x", "zh": "x 的梯度"})
    label = {"en": "gradient of w_gate", "zh": "w_gate 的梯度"}
    assert_close(found[1], wanted[1], label=label)


@pytest.mark.title(en="k outside 1..E is refused", zh="k 不在 1..E 内时报错")
@pytest.mark.hint(en="Raise ValueError before routing.", zh="在路由之前抛出 ValueError。")
def test_bad_k(submission):
    for k in (0, 4):
        with pytest.raises(ValueError):
            submission.route(torch.ones(2, 2), torch.ones(2, 3), k, 2)


@pytest.mark.title(
    en="The loss is E times the sum of f times P", zh="损失等于 E 乘以 f 与 P 的点积"
)
@pytest.mark.hint(
    en="f counts assignments, P averages probabilities; the factor E makes an even load cost 1.",
    zh="f 统计分配比例，P 是概率均值；乘以 E 后，均匀负载的损失为 1。",
)
@pytest.mark.points(2)
def test_loss_value(submission, rng, torch_rng):
    for n, e in ((11, 4), (30, 7)):
        probs = torch.randn(n, e, generator=torch_rng, dtype=torch.float64).softmax(-1)
        assignment = torch.randint(0, e - 1, (n,), generator=torch_rng)  # the last expert is idle
        counts = [assignment.tolist().count(i) for i in range(e)]
        means = [sum(row[i] for row in probs.tolist()) / n for i in range(e)]
        expected = e * sum(c / n * p for c, p in zip(counts, means, strict=True))
        loss = submission.load_balancing_loss(probs, assignment)
        assert_close(loss, torch.tensor(expected, dtype=torch.float64))
    e = int(rng.integers(2, 9))
    even = submission.load_balancing_loss(torch.full((e, e), 1 / e), torch.arange(e))
    assert_close(
        even, torch.tensor(1.0), label={"en": "the loss of an even load", "zh": "负载均匀时的损失"}
    )


@pytest.mark.title(en="The loss's gradient flows through P alone", zh="损失的梯度只经由 P 传播")
@pytest.mark.hint(
    en="Counts are constants: the gradient of probs[t, i] is E · f_i / T for every token t.",
    zh="计数是常数：对每个 token t，probs[t, i] 的梯度都是 E · f_i / T。",
)
@pytest.mark.points(2)
def test_loss_gradient(submission, torch_rng):
    n, e = 10, 4
    probs = torch.randn(n, e, generator=torch_rng, dtype=torch.float64).softmax(-1).requires_grad_()
    assignment = torch.randint(0, e, (n,), generator=torch_rng)
    share = torch.bincount(assignment, minlength=e).double() / n
    loss = submission.load_balancing_loss(probs, assignment)
    assert_close(loss.detach(), e * (share * probs.detach().mean(0)).sum())
    loss.backward()
    assert_close(
        probs.grad,
        (e * share / n).expand(n, e).contiguous(),
        label={"en": "gradient of probs", "zh": "probs 的梯度"},
    )
