"""Visible tests of react-agent: a scripted model and a small calculator."""

import pytest

from grading.checks import assert_equal


def scripted(completions, prompts):
    """Return a model that says ``completions`` one by one and notes the prompts it was given."""
    remaining = iter(completions)

    def llm(prompt):
        prompts.append(prompt)
        return next(remaining)

    return llm


@pytest.mark.title(en="The statement's example", zh="题面中的例子")
@pytest.mark.hint(
    en="The model's own 'Observation: 99' is made up: drop it and append the tool's 5.",
    zh="模型自己写的 Observation: 99 是编造的：丢弃它，接上工具返回的 5。",
)
def test_example(submission):
    prompts = []
    llm = scripted(
        ["Thought: add.\nAction: calc[2+3]\nObservation: 99", "Final Answer: 5"], prompts
    )
    tools = {"calc": lambda text: sum(int(part) for part in text.split("+"))}
    result = submission.run(llm, tools, "What is 2+3?", 4)
    text = "Thought: add.\nAction: calc[2+3]"
    steps = [
        {"text": text, "action": "calc", "input": "2+3", "observation": "5"},
        {"text": "Final Answer: 5", "action": None, "input": None, "observation": None},
    ]
    assert_equal(result, {"answer": "5", "finished": True, "steps": steps})
    first = "Question: What is 2+3?\n"
    assert_equal(prompts, [first, first + text + "\nObservation: 5\n"], "prompts")


@pytest.mark.title(en="An unknown tool is reported to the model", zh="把“没有这个工具”告诉模型")
@pytest.mark.hint(
    en="Don't raise: write the error as the observation, with the sorted names of the tools.",
    zh="不要抛出异常：把错误写成观察结果，并列出排好序的工具名。",
)
def test_unknown_tool(submission):
    prompts = []
    llm = scripted(["Action: google[cats]", "Final Answer: no idea"], prompts)
    result = submission.run(llm, {"wiki": lambda s: s, "calc": lambda s: s}, "Cats?", 2)
    expected = "Error: unknown tool 'google'. Tools: calc, wiki"
    assert_equal(result["steps"][0]["observation"], expected, "observation")
    assert_equal(result["answer"], "no idea", "answer")


@pytest.mark.title(en="Stops when the steps are used up", zh="步数用完就停止")
@pytest.mark.hint(
    en="max_steps counts the calls of llm; without a final answer, answer is None.",
    zh="max_steps 限制的是调用 llm 的次数；没有最终答案时 answer 为 None。",
)
def test_step_limit(submission):
    prompts = []
    result = submission.run(
        scripted(["Action: echo[a]"] * 9, prompts), {"echo": lambda s: s}, "?", 3
    )
    assert_equal(len(prompts), 3, {"en": "calls of llm", "zh": "llm 的调用次数"})
    assert_equal((result["answer"], result["finished"]), (None, False))
