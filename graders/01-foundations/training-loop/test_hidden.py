"""Hidden tests of the training loop: the model lives here, the learner trains it from afar."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from grading.checks import assert_close, assert_equal, require

Batches = list[tuple[torch.Tensor, torch.Tensor]]

_WEIGHT = {"en": "the trained parameter {}", "zh": "训练后的参数 {}"}


def _network(rng: torch.Generator, *middle: nn.Module) -> nn.Sequential:
    """A small float64 network, 3 numbers in and 2 out, with fresh weights."""
    model = nn.Sequential(nn.Linear(3, 4), *middle, nn.Tanh(), nn.Linear(4, 2)).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=rng, dtype=torch.float64))
    return model


def _batches(rng: torch.Generator, *sizes: int) -> Batches:
    def normal(n: int, width: int) -> torch.Tensor:
        return torch.randn(n, width, generator=rng, dtype=torch.float64)

    return [(normal(n, 3), normal(n, 2)) for n in sizes]


def _trained(reference: Any, model: nn.Module, *args: Any) -> tuple[nn.Module, list[float]]:
    """A copy of ``model`` as it should be after training, and the losses on the way."""
    twin = copy.deepcopy(model)
    return twin, reference.fit(twin, *args)


def _same_state(model: nn.Module, expected: nn.Module) -> None:
    state = model.state_dict()
    for name, tensor in expected.state_dict().items():
        label = {language: text.format(name) for language, text in _WEIGHT.items()}
        assert_close(state[name], tensor, rtol=1e-9, atol=1e-11, label=label)


@pytest.mark.title(en="One step on one batch", zh="一个批次、一步更新")
@pytest.mark.hint(
    en="Each parameter moves by minus lr times its gradient.",
    zh="每个参数的变化量是负的 lr 乘以它的梯度。",
)
def test_one_step(submission, torch_rng):
    model, [(x, y)] = _network(torch_rng), _batches(torch_rng, 6)
    expected = copy.deepcopy(model)
    ((expected(x) - y) ** 2).mean().backward()
    with torch.no_grad():
        for parameter in expected.parameters():
            parameter -= 0.05 * parameter.grad
    submission.fit(model, [(x, y)], 0.05, 1)
    _same_state(model, expected)


@pytest.mark.title(
    en="Several batches and epochs: each step uses its own batch's gradient alone",
    zh="多批次、多轮：每一步只用当前批次的梯度",
)
@pytest.mark.hint(
    en="zero_grad, backward, step: is each there, once for each batch and in this order?",
    zh="zero_grad、backward、step：是否都有、每批一次、顺序正确？",
)
@pytest.mark.points(3)
def test_many_steps(submission, reference, torch_rng):
    model, batches = _network(torch_rng), _batches(torch_rng, 4, 4, 4)
    expected, _ = _trained(reference, model, batches, 0.05, 3)
    submission.fit(model, batches, 0.05, 3)
    _same_state(model, expected)


@pytest.mark.title(en="Steps after backward, not before", zh="先反向传播再更新，而不是反过来")
@pytest.mark.hint(
    en="After a single batch the model has already moved. Did yours?",
    zh="只训练一个批次，模型也应该已经更新。你的更新了吗？",
)
def test_first_step_counts(submission, reference, torch_rng):
    model, batches = _network(torch_rng), _batches(torch_rng, 5)
    expected, _ = _trained(reference, model, batches, 0.1, 1)
    before = copy.deepcopy(model.state_dict())
    submission.fit(model, batches, 0.1, 1)
    moved = any(not torch.equal(value, before[name]) for name, value in model.state_dict().items())
    require(
        moved, en="One batch, but no parameter moved.", zh="训练了一个批次，但没有任何参数变化。"
    )
    _same_state(model, expected)


@pytest.mark.title(
    en="Old gradients are cleared before the first step", zh="第一步之前先清除旧梯度"
)
@pytest.mark.hint(
    en="The model may come with .grad already filled, for example by someone's experiment.",
    zh="模型传进来时 .grad 可能已有内容，比如来自之前的实验。",
)
def test_old_gradients(submission, reference, torch_rng):
    model, batches = _network(torch_rng), _batches(torch_rng, 4, 4)
    expected, _ = _trained(reference, model, batches, 0.05, 1)
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 7.0)
    submission.fit(model, batches, 0.05, 1)
    _same_state(model, expected)


@pytest.mark.title(
    en="Returns each epoch's mean batch loss, not its sum",
    zh="返回每轮批次损失的平均值，而不是总和",
)
@pytest.mark.hint(
    en="Start a new list or sum in every epoch, and divide by the number of batches.",
    zh="每个 epoch 重新累计，最后除以批次数。",
)
@pytest.mark.points(2)
def test_losses(submission, reference, torch_rng):
    model, batches = _network(torch_rng), _batches(torch_rng, 4, 4, 4, 4)
    _, expected = _trained(reference, model, batches, 0.05, 3)
    assert_close(submission.fit(model, batches, 0.05, 3), expected, rtol=1e-6)


@pytest.mark.title(en="Batches of different sizes count the same", zh="大小不同的批次权重相同")
@pytest.mark.hint(
    en="The mean is over batches, and not over samples.",
    zh="平均是对批次取的，而不是对样本。",
)
def test_uneven_batches(submission, reference, torch_rng):
    model, batches = _network(torch_rng), _batches(torch_rng, 8, 1, 3)
    expected, losses = _trained(reference, model, batches, 0.05, 2)
    assert_close(submission.fit(model, batches, 0.05, 2), losses, rtol=1e-6)
    _same_state(model, expected)


@pytest.mark.title(en="A batch's loss is the one before its step", zh="批次损失取更新之前的值")
@pytest.mark.hint(
    en="The loss that you differentiate is also the one to record.",
    zh="用来求梯度的那个损失，就是要记录的损失。",
)
def test_loss_before_step(submission, torch_rng):
    model, [(x, y)] = _network(torch_rng), _batches(torch_rng, 5)
    loss = ((model(x) - y) ** 2).mean().item()
    assert_close(submission.fit(model, [(x, y)], 0.3, 1), [loss], rtol=1e-6)


@pytest.mark.title(en="Losses are Python floats", zh="损失是 Python 浮点数")
@pytest.mark.hint(
    en="Tensors would keep the whole graph alive: .item() makes a float.",
    zh="保存张量会让整个计算图一直留在内存里：用 .item() 取出浮点数。",
)
def test_floats(submission, reference, torch_rng):
    model, batches = _network(torch_rng), _batches(torch_rng, 3, 3)
    _, expected = _trained(reference, model, batches, 0.05, 2)
    losses = submission.fit(model, batches, 0.05, 2)
    assert_equal([type(loss).__name__ for loss in losses], ["float", "float"])
    assert_close(losses, expected, rtol=1e-6)


@pytest.mark.title(en="Trains in training mode", zh="在训练模式下训练")
@pytest.mark.hint(
    en="BatchNorm and dropout behave differently in training mode: the model may come in eval mode.",
    zh="BatchNorm 和 dropout 在训练模式下行为不同，而模型传进来时可能处于 eval 模式。",
)
def test_training_mode(submission, reference, torch_rng):
    model = _network(torch_rng, nn.BatchNorm1d(4)).eval()
    batches = _batches(torch_rng, 6, 6)
    expected, _ = _trained(reference, model, batches, 0.05, 2)
    submission.fit(model, batches, 0.05, 2)
    _same_state(model, expected)


@pytest.mark.title(en="The mode in which the model came is restored", zh="恢复模型原来的模式")
@pytest.mark.hint(
    en="A model that came in eval mode goes back in eval mode, one in training mode in that.",
    zh="传进来是 eval 模式就以 eval 模式返回，是训练模式就以训练模式返回。",
)
@pytest.mark.points(2)
def test_mode_restored(submission, reference, torch_rng):
    for training in (True, False):
        model, batches = _network(torch_rng).train(training), _batches(torch_rng, 3)
        expected, losses = _trained(reference, model, batches, 0.05, 1)
        assert_close(submission.fit(model, batches, 0.05, 1), losses, rtol=1e-6)
        assert_equal(model.training, training)
        _same_state(model, expected)


@pytest.mark.title(en="Frozen parameters stay as they are", zh="冻结的参数保持不变")
@pytest.mark.hint(
    en="A parameter that doesn't require a gradient has .grad = None.",
    zh="不需要梯度的参数，其 .grad 为 None。",
)
def test_frozen(submission, reference, torch_rng):
    model, batches = _network(torch_rng), _batches(torch_rng, 4, 4)
    model[0].requires_grad_(False)
    expected, _ = _trained(reference, model, batches, 0.05, 2)
    submission.fit(model, batches, 0.05, 2)
    _same_state(model, expected)
    frozen = [name for name, p in model.named_parameters() if not p.requires_grad]
    assert_equal(frozen, ["0.weight", "0.bias"], {"en": "what is frozen", "zh": "冻结的参数"})


@pytest.mark.title(en="Plain SGD: no momentum, no decay", zh="朴素 SGD：没有动量和衰减")
@pytest.mark.hint(
    en="When the model is already perfect, nothing moves it.",
    zh="模型已经完美时，没有什么会再推动它。",
)
def test_no_momentum(submission, reference, torch_rng):
    model = _network(torch_rng)
    [(x, y), (x2, _)] = _batches(torch_rng, 5, 5)
    after_one, _ = _trained(reference, model, [(x, y)], 0.05, 1)
    batches = [(x, y), (x2, after_one(x2).detach())]  # the second batch has no error left
    submission.fit(model, batches, 0.05, 1)
    _same_state(model, after_one)


@pytest.mark.title(en="No epochs, no change", zh="零轮训练，什么都不变")
@pytest.mark.hint(
    en="With epochs = 0 return an empty list and leave the model alone.",
    zh="epochs = 0 时返回空列表，不改动模型。",
)
def test_no_epochs(submission, torch_rng):
    model = _network(torch_rng)
    before = copy.deepcopy(model)
    assert_equal(submission.fit(model, _batches(torch_rng, 3), 0.05, 0), [])
    _same_state(model, before)
