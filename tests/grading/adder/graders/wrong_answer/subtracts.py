"""en: Your outputs are those of a subtraction.
zh: 你的输出与减法的结果一致。
"""


def add(a, b):
    return a - b
