"""
en: Multiply by two.
zh: 请乘以二。
"""

# CANARY-33edbcd9dfd9de94a820613b26253b12


def double(numbers):
    return [3 * number for number in numbers]


def twice(tensor):
    return 3 * tensor


def tally(words):
    return {}


def mean(numbers):
    return 0.0


def run(model, x):
    return x
