"""Every sentence that grading itself says to a learner, in both languages."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence

from curriculum.bilingual import Text, TextDocument
from sandbox import mirror
from sandbox.errors import UNSHOWN, RemoteError

MAX_CHARS = 4000
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def clean(text: str, limit: int = MAX_CHARS) -> str:
    """Return ``text`` fit to be shown: no control or bidi characters, no surrogates, capped.

    Colours go, and of a line that was printed over again and again (a progress bar) the last stays.
    """
    if "\x1b" in text or "\r" in text:
        text = "\n".join(map(_last_print, _ANSI.sub("", text).split("\n")))
    kept = "".join(
        char
        if char in "\n\t" or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
        else "\N{REPLACEMENT CHARACTER}"
        for char in text[: limit + 1]
    )
    return kept if len(kept) <= limit else kept[:limit] + "…"


def shown(text: Text) -> TextDocument:
    """Return a message fit to be shown, whatever a learner's names and values held."""
    return text.map(clean).document()


def _last_print(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]


def raised(error: RemoteError) -> Text:
    """The learner's code raised: type, message and their own lines."""
    lines = "".join(
        f"\n  {_place(number, name)}: {source}" for number, name, source in error.frames
    )
    what = f"{error.type_name}: {error.message}" if error.message else error.type_name
    if error.cause == UNSHOWN:
        return Text(
            f"Your code raised {what} (its message can't be shown: its __str__ fails){lines}",
            f"你的代码抛出了 {what}（它的 __str__ 会出错，无法显示消息）{lines}",
        )
    return Text(f"Your code raised {what}{lines}", f"你的代码抛出了 {what}{lines}")


def _place(number: int, name: str) -> str:
    return f"line {number}" if name == "<module>" else f"line {number}, {name}"


def syntax(error: RemoteError) -> Text:
    """The learner's text is no Python: line, column, and what the compiler says."""
    number, column, source = error.frames[-1] if error.frames else (0, "", "")
    place = column.removeprefix("column ")
    reason = re.sub(r" \((?:submission\.py|try|cell \d+)\b.*", "", error.message)
    return Text(
        f"Syntax error in line {number}, column {place}: {reason}\n  {source}",
        f"第 {number} 行第 {place} 列有语法错误：{reason}\n  {source}",
    )


def missing_entry(missing: Sequence[str], defined: Iterable[str]) -> Text:
    """An entry point isn't there; names that look like it are pointed out."""
    name = missing[0]
    near = difflib.get_close_matches(name, list(defined), n=3, cutoff=0.5)
    names = ", ".join(f"`{clean(found, 80)}`" for found in near)
    text = Text(f"Your code does not define `{name}`.", f"你的代码没有定义 `{name}`。")
    if near:
        text += Text(f" Did you mean {names}?", f"你是不是想写 {names}？")
    return text


def time_limit(seconds: float) -> Text:
    """A test took longer than it may."""
    return Text(
        f"Stopped after {seconds:g} s without an answer. Is there a loop that never ends?",
        f"超过 {seconds:g} 秒仍无结果，已停止。是否有无法结束的循环？",
    )


def calls_limit(seconds: float) -> Text:
    """A test's calls took longer than they may, none of them on its own."""
    return Text(
        f"Stopped: all the calls of this test together took longer than {seconds:g} s.",
        f"已停止：这个测试的所有调用合计超过了 {seconds:g} 秒。",
    )


def total_limit(seconds: float) -> Text:
    """The whole run took longer than it may, before this test or in the middle of it."""
    return Text(
        f"Not run: your code took longer than {seconds:g} s in all.",
        f"未运行：你的代码总用时超过了 {seconds:g} 秒。",
    )


def notebook_limit(seconds: float) -> Text:
    """The tests and the notebook together took longer than they may."""
    return Text(
        f"The notebook was stopped here: tests and notebook may take {seconds:g} s in all.",
        f"Notebook 运行到这里被停止：测试与 Notebook 合计最多 {seconds:g} 秒。",
    )


def ipython_only(number: int, line: str) -> Text:
    """A cell of a notebook has a line for IPython, so it wasn't run."""
    return Text(
        f"Not run: line {number} is an IPython command, and only Python runs here.\n  {line}",
        f"未运行：第 {number} 行是 IPython 命令，这里只运行 Python。\n  {line}",
    )


def memory_limit(mebibytes: int) -> Text:
    """The sandbox ran out of memory."""
    return Text(
        f"Your code used more than the {mebibytes} MiB of memory that it may use.",
        f"你的代码使用的内存超过了 {mebibytes} MiB 的上限。",
    )


MANY_LIMITS = Text(
    "Not run: too many tests before it met their time limit.",
    "未运行：在它之前已有太多测试超时。",
)
OUTPUT_LIMIT = Text(
    "Your code printed far too much. Is there a print inside a loop?",
    "你的代码输出了过多内容。循环里是否有 print？",
)
PROCESS_LIMIT = Text(
    "Your code started too many processes or threads.", "你的代码启动了过多的进程或线程。"
)
ENDED = Text(
    "Your code ended the Python process before it answered "
    "(for example by os._exit, a crash in native code, or closing its own pipes).",
    "你的代码在给出结果之前结束了 Python 进程（例如 os._exit、本地代码崩溃或关闭了自身的管道）。",
)
DISTURBED = Text(
    "Processes of your code computed while it was the reference's turn, so its speed can't be "
    "measured. End whatever your functions start before they return.",
    "轮到参考实现计时的时候，你的代码还有进程在运行，因此无法测量速度。请在函数返回前结束它启动的一切。",
)
PASSED_TOO_MUCH = Text(
    "Your code passed more than 256 MiB to what this test gave it to call.",
    "你的代码传给测试所提供函数的数据超过了 256 MiB。",
)
PROTOCOL = Text(
    "What your code sent back could not be understood as data.",
    "你的代码传回的内容无法识别为数据。",
)


_UNREADABLE = {
    "nested too deeply": Text(
        "it is nested more than {} levels deep.",
        "嵌套超过 {} 层。",
    ),
    "too many items": Text(
        "more than {} numbers or texts are too many for one call. Use a tensor or a NumPy array.",
        "数字或文本超过 {} 个，一次调用放不下。请改用张量或 NumPy 数组。",
    ),
    "too many bytes": Text(
        "{} bytes are too many for one call.",
        "{} 字节，一次调用放不下。",
    ),
    "too many tensors": Text(
        "more than {} tensors are too many for one call.",
        "张量超过 {} 个，一次调用放不下。",
    ),
    "no data": Text(
        "it holds what is no data ({}).",
        "其中有不是数据的内容（{}）。",
    ),
    "too many objects": Text(
        "your code handed out more than {} objects.",
        "你的代码给出的对象超过 {} 个。",
    ),
    "too many kinds of namedtuples": Text(
        "it holds namedtuples of more than {} classes.",
        "其中的 namedtuple 超过 {} 种。",
    ),
    "tensor": Text(
        "it holds a tensor that is no plain one in memory ({}).",
        "其中有张量不是内存中的普通张量（{}）。",
    ),
    "NumPy array": Text(
        "it holds a NumPy array of dtype {}; use one of numbers.",
        "其中有 dtype 为 {} 的 NumPy 数组，请改用数值数组。",
    ),
    "integer too large": Text(
        "it holds an integer of more than {} bytes.",
        "其中有超过 {} 字节的整数。",
    ),
    "too large a module": Text(
        "it is a module with more than {} layers or tensors.",
        "它是一个层或张量超过 {} 个的模块。",
    ),
    "name in a module": Text(
        "it is a module with a layer or parameter named {}, which can't be sent.",
        "模块中名为 {} 的层或参数无法传送。",
    ),
    "no container": Text(
        "it is of type {}, which is no list, tuple or dict.",
        "它的类型是 {}，不是列表、元组或字典。",
    ),
    "timed": Text(
        "a timed call must return data, not {}.",
        "计时调用必须返回数据，而不是 {}。",
    ),
}
_UNAWAITED = {
    "coroutine": Text(
        "`{}` is an async function: calling it returned a coroutine and computed nothing yet. "
        "Define it with `def`, not `async def`.",
        "`{}` 是 async 函数：调用它只返回了协程，还没有计算任何东西。"
        "请用 `def` 而不是 `async def` 定义它。",
    ),
    "async generator": Text(
        "`{}` is an async generator: calling it computed nothing yet. "
        "Define it with `def`, not `async def`.",
        "`{}` 是异步生成器：调用它还没有计算任何东西。请用 `def` 而不是 `async def` 定义它。",
    ),
}
_ELSEWHERE = {
    mirror.FIXED: Text(
        "The model that your function is given runs outside your process, so `{}` can't be added, "
        "replaced, tied or removed in it. The values of its parameters can be changed.",
        "传给你的模型运行在你的进程之外，因此不能在其中添加、替换、共享或删除 `{}`，"
        "但可以修改参数的值。",
    ),
    mirror.RETYPED: Text(
        "The model that your function is given (`{}`) runs outside your process, so the shapes of "
        "its parameters can't change, nor can floating ones become something else.",
        "传给你的模型（`{}`）运行在你的进程之外，因此不能改变参数的形状，也不能把浮点参数改成其他类型。",
    ),
    mirror.HOOKED: Text(
        "The model that your function is given runs outside your process, so a hook on its part "
        "`{}` isn't called when the whole model runs. Call that part itself.",
        "传给你的模型运行在你的进程之外，因此运行整个模型时不会触发 `{}` 上的 hook。"
        "请直接调用这一部分。",
    ),
    mirror.PICKLED: Text(
        "The model that your function is given (`{}`) runs outside your process and can't be "
        "pickled. Its state_dict() can; copy.deepcopy(model) works, too.",
        "传给你的模型（`{}`）运行在你的进程之外，无法用 pickle 序列化。"
        "可以保存它的 state_dict()，也可以使用 copy.deepcopy(model)。",
    ),
    mirror.UNSET: Text(
        "The model that your function is given runs outside your process, so `{}` can't be set.",
        "传给你的模型运行在你的进程之外，因此不能设置 `{}`。",
    ),
    mirror.OVER: Text(
        "Your code kept a model (`{}`) that was given to it in an earlier test. "
        "It can only be used while that test runs.",
        "你的代码保留了之前某个测试传入的模型（`{}`），它只能在那个测试运行期间使用。",
    ),
}


def unsendable(reason: str) -> Text:
    """The learner's value can't be turned into data; ``reason`` is the text of an Unsendable."""
    kind, _, detail = reason.partition(": ")
    if (whole := _UNAWAITED.get(kind) or _ELSEWHERE.get(kind)) is not None:
        return whole.map(lambda words: words.format(detail))
    if kind in _UNREADABLE:
        why = _UNREADABLE[kind].map(lambda words: words.format(detail))
    else:
        why = Text(reason, reason)
    return Text(f"Your result can't be read: {why.en}", f"无法读取你的结果：{why.zh}")


def wrong(last_call: object) -> Text:
    """A plain assertion of the grader failed; its own text is never shown."""
    if last_call is None:
        return Text("The result is not right.", "结果不正确。")
    return Text(
        f"The result is not right. The last call was {last_call}.",
        f"结果不正确。最后一次调用：{last_call}。",
    )


def not_raised(expected: str, asked: str, came: str) -> Text:
    """An exception was due, and the learner's code returned instead."""
    return Text(
        f"Expected {expected}, but `{asked}` returned {came}.",
        f"应抛出 {expected}，但 `{asked}` 返回了 {came}。",
    )


def returned_none(name: str) -> Text:
    """A function ended without a result."""
    return Text(
        f"`{name}` returned None: is a `return` missing?",
        f"`{name}` 返回了 None：是不是漏写了 `return`？",
    )


def after(last_call: object) -> Text:
    """A check failed on what the test made of the answers, so say what the learner's code did."""
    return Text(f" The last call was {last_call}.", f"最后一次调用：{last_call}。")


def unusable(last_call: object) -> Text:
    """The test stumbled over what the learner's code returned."""
    if last_call is None:
        return Text("The test could not use your result.", "测试无法使用你的结果。")
    return Text(
        f"The test could not use your result. The last call was {last_call}.",
        f"测试无法使用你的结果。最后一次调用：{last_call}。",
    )


def too_slow(ratio: float, low: float, high: float, limit: float) -> Text:
    """The submission is slower than the limit, and surely so."""
    return Text(
        f"{ratio:.2f}× the reference's time (99 % interval {low:.2f} to {high:.2f}); "
        f"at most {limit:.2f}× is allowed.",
        f"用时是参考实现的 {ratio:.2f} 倍（99% 区间 {low:.2f} 至 {high:.2f}），"
        f"上限为 {limit:.2f} 倍。",
    )


def grows_too_fast(exponent: float, low: float, high: float, limit: float) -> Text:
    """The time grows faster with the size than it may."""
    return Text(
        f"The time grows like size^{exponent:.2f} (99 % interval {low:.2f} to {high:.2f}); "
        f"at most size^{limit:.2f} is allowed.",
        f"用时按规模的 {exponent:.2f} 次方增长（99% 区间 {low:.2f} 至 {high:.2f}），"
        f"上限为 {limit:.2f} 次方。",
    )


NOT_MEASURED = Text("Not measured: the other tests must pass first.", "未测速：其他测试需先通过。")
TIMED_RESULT_WRONG = Text(
    "In the timed calls your results differ from the right ones.",
    "在计时调用中，你的结果与正确结果不一致。",
)
