"""Hidden tests of react-agent: scripted models and tools that keep a record of their calls."""

import pytest

from grading.checks import assert_equal, require

WORDS = ["amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath"]
MALFORMED = "Error: expected Action: name[input] or Final Answer: text"


class Script:
    """A model that says what it is told to and notes its prompts; then it keeps on acting."""

    def __init__(self, *completions):
        self.completions, self.prompts = list(completions), []

    def say(self, prompt):
        self.prompts.append(prompt)
        turn = len(self.prompts) - 1
        require(
            turn < 40,
            en="The agent doesn't stop: it called the model forty times.",
            zh="智能体停不下来：已经调用了模型四十次。",
        )
        return self.completions[turn] if turn < len(self.completions) else "Action: echo[more]"


def recorder(calls, answer=lambda text: text):
    """Return a tool that notes its inputs in ``calls``."""

    def tool(text):
        calls.append(text)
        return answer(text)

    return tool


def shout(text):
    """A tool whose observation differs from its input."""
    return text.upper()


def run(submission, script, tools, question="Why?", max_steps=6):
    """Run the submission with ``script`` as its model."""
    return submission.run(lambda prompt: script.say(prompt), tools, question, max_steps)


def step(text, action=None, argument=None, observation=None):
    return {"text": text, "action": action, "input": argument, "observation": observation}


def check(result, script, steps, answer, question="Why?"):
    """Compare all that a run returned, and the prompts that led to its steps."""
    assert_equal(result, {"answer": answer, "finished": answer is not None, "steps": steps})
    prompt, prompts = f"Question: {question}\n", []
    for each in steps:
        prompts.append(prompt)
        prompt += f"{each['text']}\nObservation: {each['observation']}\n"
    assert_equal(script.prompts, prompts, {"en": "prompts", "zh": "提示词"})


@pytest.mark.title(
    en="Thinks, acts, reads the observation and answers", zh="思考、行动、读取观察结果、作答"
)
@pytest.mark.hint(
    en="Each prompt is the one before, the kept text, and '\\nObservation: ...\\n'.",
    zh="每个提示词等于上一个提示词，加上保留的文字，再加上 '\\nObservation: ...\\n'。",
)
@pytest.mark.points(3)
def test_several_steps(submission, rng):
    a, b, c = (str(word) for word in rng.choice(WORDS, 3, replace=False))
    texts = [f"Thought: find {a}.\nAction: find[{a}]", f"Action: count[{b}]", f"Final Answer: {c}"]
    script, found, counted = Script(*texts), [], []
    tools = {"find": recorder(found, lambda t: f"{t} and {b}"), "count": recorder(counted, len)}
    result = run(submission, script, tools, f"Where is {a}?")
    steps = [
        step(texts[0], "find", a, f"{a} and {b}"),
        step(texts[1], "count", b, str(len(b))),
        step(texts[2]),
    ]
    check(result, script, steps, c, f"Where is {a}?")
    assert_equal((found, counted), ([a], [b]), {"en": "the tools' inputs", "zh": "工具收到的输入"})


@pytest.mark.title(en="A made-up observation is dropped", zh="丢弃模型编造的观察结果")
@pytest.mark.hint(
    en="Cut the completion at its first 'Observation:' before you look for anything else.",
    zh="先在第一个 Observation: 处截断续写，再去找别的内容。",
)
@pytest.mark.points(3)
def test_made_up_observation(submission, rng):
    word, lie = (str(word) for word in rng.choice(WORDS, 2, replace=False))
    action = f"Thought: look.\nAction: echo[{word}]"
    script = Script(f"{action}\nObservation: {lie}\nFinal Answer: {lie}", f"Final Answer: {word}")
    result = run(submission, script, {"echo": shout})
    steps = [step(action, "echo", word, word.upper()), step(f"Final Answer: {word}")]
    check(result, script, steps, word)
    early = Script(f"Thought: hm.\nObservation: {lie}\nAction: echo[{lie}]", "Final Answer: x")
    steps = [step("Thought: hm.", None, None, MALFORMED), step("Final Answer: x")]
    check(run(submission, early, {"echo": shout}), early, steps, "x")


@pytest.mark.title(
    en="One action per completion: the first, and nothing after it",
    zh="每次续写只执行第一个动作，其后的内容丢弃",
)
@pytest.mark.hint(
    en="A second action or an answer on later lines was written without having seen a result.",
    zh="后面几行的第二个动作或答案，都是在没看到结果时写的。",
)
@pytest.mark.points(2)
def test_first_action_decides(submission):
    calls = []
    for tail in ("Action: echo[two]", "Final Answer: two", "Thought: that will do."):
        script = Script(f"Thought: go.\n  Action: echo[one]\n{tail}", "Final Answer: done")
        result = run(submission, script, {"echo": recorder(calls)})
        kept = "Thought: go.\n  Action: echo[one]"
        steps = [step(kept, "echo", "one", "one"), step("Final Answer: done")]
        check(result, script, steps, "done")
    assert_equal(calls, ["one"] * 3, {"en": "the tool's inputs", "zh": "工具收到的输入"})


@pytest.mark.title(en="A tool's error is fed back to the model", zh="工具出错时，把错误反馈给模型")
@pytest.mark.hint(
    en="Catch whatever the tool raises; the observation is 'Error: ' and the message.",
    zh="捕获工具抛出的任何异常；观察结果是 'Error: ' 加上异常消息。",
)
@pytest.mark.points(2)
def test_tool_error(submission, rng):
    word = str(rng.choice(WORDS))

    def fail(text):
        raise ValueError(f"no page about {text}")

    script = Script(f"Action: wiki[{word}]", "Final Answer: gone")
    result = run(submission, script, {"wiki": fail})
    error = f"Error: no page about {word}"
    steps = [step(f"Action: wiki[{word}]", "wiki", word, error), step("Final Answer: gone")]
    check(result, script, steps, "gone")


@pytest.mark.title(
    en="An unknown tool is named, with those that exist", zh="指出未知工具的名称，并列出现有工具"
)
@pytest.mark.hint(
    en="Look the name up before you call it, and list the known names in sorted order.",
    zh="调用之前先查名称是否存在，并按字典序列出已有的工具。",
)
@pytest.mark.points(2)
def test_unknown_tool(submission, rng):
    names = [str(word) for word in rng.permutation(WORDS)[:4]]
    calls = []
    script = Script(f"Action: {names[3]}[x]", "Final Answer: ok")
    result = run(submission, script, dict.fromkeys(names[:3], recorder(calls)))
    error = f"Error: unknown tool '{names[3]}'. Tools: {', '.join(sorted(names[:3]))}"
    steps = [step(f"Action: {names[3]}[x]", names[3], "x", error), step("Final Answer: ok")]
    check(result, script, steps, "ok")
    assert_equal(calls, [], {"en": "the tools' inputs", "zh": "工具收到的输入"})


@pytest.mark.title(
    en="Text without action or answer gets a correction", zh="既无动作也无答案时，提示正确格式"
)
@pytest.mark.hint(
    en="Go on with the format error as the observation; action and input stay None.",
    zh="把格式错误作为观察结果继续循环；action 与 input 保持 None。",
)
@pytest.mark.points(2)
def test_malformed(submission):
    bad = ["Thought: I wonder.", "Action: echo one", "I take Action: echo[x] next", ""]
    script = Script(*bad, "Final Answer: ok")
    result = run(submission, script, {"echo": shout})
    steps = [step(text, None, None, MALFORMED) for text in bad]
    check(result, script, [*steps, step("Final Answer: ok")], "ok")


@pytest.mark.title(en="Stops after max_steps completions", zh="续写满 max_steps 次后停止")
@pytest.mark.hint(
    en="Count the calls of llm. The last action still runs; there is no extra completion.",
    zh="计数的是调用 llm 的次数。最后一次动作仍要执行，但不再多续写一次。",
)
@pytest.mark.points(2)
def test_step_limit(submission, rng):
    for limit in (int(rng.integers(2, 6)), 1, 0):
        script, calls = Script(), []
        result = run(submission, script, {"echo": recorder(calls)}, max_steps=limit)
        assert_equal(len(script.prompts), limit, {"en": "calls of llm", "zh": "llm 的调用次数"})
        assert_equal(len(calls), limit, {"en": "calls of the tool", "zh": "工具的调用次数"})
        steps = [step("Action: echo[more]", "echo", "more", "more")] * limit
        check(result, script, steps, None)


@pytest.mark.title(
    en="Brackets, spaces and any script inside the input survive",
    zh="输入里的方括号、空格和各种文字都原样保留",
)
@pytest.mark.hint(
    en="The input ends at the line's last ']', not at the first one, and isn't stripped.",
    zh="输入到该行最后一个 ']' 为止，而不是第一个；首尾空格也不要去掉。",
)
@pytest.mark.points(2)
def test_input_is_exact(submission, rng):
    i, word = int(rng.integers(10, 99)), str(rng.choice(WORDS))
    inputs = [f"max([{i}, [2][0]])", f" {word} ", "", "北京的天气", f"a: {word}, 'b' -> c"]
    calls = []
    script = Script(*[f"Action:  echo [{text}] " for text in inputs], "Final Answer: ok")
    result = run(submission, script, {"echo": recorder(calls)}, max_steps=9)
    assert_equal(calls, inputs, {"en": "the tool's inputs", "zh": "工具收到的输入"})
    steps = [step(f"Action:  echo [{text}]", "echo", text, text) for text in inputs]
    check(result, script, [*steps, step("Final Answer: ok")], "ok")


@pytest.mark.title(
    en="The answer may span lines and mention actions", zh="答案可以有多行，也可以提到 Action"
)
@pytest.mark.hint(
    en="Everything after the first decisive 'Final Answer:' is the answer, stripped.",
    zh="起决定作用的 Final Answer: 之后的全部内容去掉首尾空白就是答案。",
)
def test_long_answer(submission, rng):
    word = str(rng.choice(WORDS))
    answer = f"{word}, since\nAction: echo[x] said so.\nFinal Answer: is a phrase."
    script = Script(f"Thought: clear.\n Final Answer:  {answer}\n\nObservation: no")
    result = run(submission, script, {"echo": shout})
    kept = f"Thought: clear.\n Final Answer:  {answer}"
    check(result, script, [step(kept)], answer)


@pytest.mark.title(en="Two runs don't disturb each other", zh="两次运行互不影响")
@pytest.mark.hint(
    en="Keep the transcript inside the function: no globals, no mutable defaults.",
    zh="对话记录放在函数内部：不要用全局变量，也不要用可变默认参数。",
)
def test_runs_are_independent(submission):
    for _ in range(2):
        script = Script("Action: echo[a]", "Final Answer: a")
        result = run(submission, script, {"echo": shout})
        steps = [step("Action: echo[a]", "echo", "a", "A"), step("Final Answer: a")]
        check(result, script, steps, "a")
