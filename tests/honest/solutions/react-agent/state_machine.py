"""Lines read one by one, in a class."""

import re
from collections import OrderedDict

ERROR = "Error: expected Action: name[input] or Final Answer: text"


class Agent:
    def __init__(self, llm, tools):
        self.llm, self.tools = llm, tools

    def read(self, text):
        text = text.split("Observation:")[0]
        found = re.search(r"^[ \t]*(?:(Action)|Final Answer):", text, flags=re.M)
        if found is None:
            return text.strip(), None, None, None
        rest = text[found.end() :]
        if not found.group(1):
            return text.strip(), None, None, rest.strip()
        line = rest.partition("\n")[0]
        text = (text[: found.end()] + line).strip()
        name, bracket, argument = line.partition("[")
        if not bracket or "]" not in argument:
            return text, None, None, None
        return text, name.strip(), argument.rpartition("]")[0], None

    def call(self, name, argument):
        if name not in self.tools:
            return f"Error: unknown tool {name!r}. Tools: {', '.join(sorted(self.tools))}"
        try:
            return str(self.tools[name](argument))
        except Exception as problem:
            return "Error: " + str(problem)


def run(llm, tools, question, max_steps):
    agent = Agent(llm, tools)
    prompt, steps = "Question: " + question + "\n", []
    for _ in range(max_steps):
        text, name, argument, answer = agent.read(llm(prompt))
        if answer is not None:
            observation = None
        else:
            observation = ERROR if name is None else agent.call(name, argument)
        steps.append(OrderedDict(text=text, action=name, input=argument, observation=observation))
        if answer is not None:
            return OrderedDict(answer=answer, finished=True, steps=steps)
        prompt += f"{text}\nObservation: {observation}\n"
    return dict(answer=None, finished=False, steps=steps)
