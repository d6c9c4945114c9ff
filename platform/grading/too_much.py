"""What is told of code that was too much for a grader. Without torch: the engine tells it, too."""

from __future__ import annotations

from curriculum.bilingual import Text

TOO_MUCH_TO_HOLD = Text(
    "What your code returned takes more memory to keep and check than there is. "
    "Is it much larger than it should be?",
    "保存和检查你的结果所需的内存超出了上限。它是不是比应有的大得多？",
)
TOO_MUCH_TO_CHECK = Text(
    "What your code returned takes far too long to check. Is it much larger than it should be?",
    "检查你的结果所需的时间过长。它是不是比应有的大得多？",
)
GRADER_ENDED = Text(
    "The process that checks your code broke down over what your code returned or passed to it; "
    "with the model answer it did not.",
    "检查程序在处理你的代码返回或传入的内容时崩溃了；用参考答案运行则没有问题。",
)
