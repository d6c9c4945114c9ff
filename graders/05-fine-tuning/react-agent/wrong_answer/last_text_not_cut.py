"""en: In the last step you keep what the model made up after its answer.
zh: 在最后一步里，你保留了模型在答案之后编造的内容。
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

Tools = Mapping[str, Callable[[str], object]]

DECISIVE = re.compile(r"^[ \t]*(Action|Final Answer):", re.MULTILINE)
CALL = re.compile(r"([^\[]*)\[(.*)\]")
MALFORMED = "Error: expected Action: name[input] or Final Answer: text"


def run(llm: Callable[[str], str], tools: Tools, question: str, max_steps: int) -> dict[str, Any]:
    """Answer ``question`` with the ReAct loop."""
    prompt, steps = f"Question: {question}\n", []
    for _ in range(max_steps):
        step, answer = _read(llm(prompt))
        steps.append(step)
        if answer is not None:
            return {"answer": answer, "finished": True, "steps": steps}
        if step["action"] is not None:
            step["observation"] = _observe(tools, step["action"], step["input"])
        prompt += f"{step['text']}\nObservation: {step['observation']}\n"
    return {"answer": None, "finished": False, "steps": steps}


def _read(completion: str) -> tuple[dict[str, str | None], str | None]:
    """Return the step that a completion asks for and the final answer, if it is one."""
    text = completion.split("Observation:", 1)[0]
    step: dict[str, str | None] = {"action": None, "input": None, "observation": None}
    marker = DECISIVE.search(text)
    if marker and marker[1] == "Final Answer":
        return {"text": completion.strip(), **step}, text[marker.end() :].strip()
    if marker:
        line = text[marker.end() :].split("\n", 1)[0]
        text = text[: marker.end()] + line
        if call := CALL.match(line):
            step |= {"action": call[1].strip(), "input": call[2]}
    if step["action"] is None:
        step["observation"] = MALFORMED
    return {"text": text.strip(), **step}, None


def _observe(tools: Tools, name: str, argument: str) -> str:
    """Run a tool; whatever goes wrong becomes text that the model can react to."""
    if name not in tools:
        return f"Error: unknown tool {name!r}. Tools: {', '.join(sorted(tools))}"
    try:
        return str(tools[name](argument))
    except Exception as error:  # noqa: BLE001 - a tool may fail in any way
        return f"Error: {error}"
