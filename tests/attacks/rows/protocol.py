"""J: every byte that leaves the sandbox is the attacker's."""

# ruff: noqa: E501  (hostile texts stay as they would be handed in)

from __future__ import annotations

from tests.attacks.rows.base import (
    PROTOCOL,
    RUNTIME,
    TIME,
    WIRE,
    WRONG,
    WRONG_ANSWER,
    Row,
    on_wire,
)

_CUT = {
    "a length of 4 GiB": (
        'say_and_stay(struct.pack("<II", 2**32 - 1, 0))',
        PROTOCOL,
        ("wire bounds",),
    ),
    "a length just over the bound": (
        'say_and_stay(struct.pack("<II", (64 << 20) + 1, 0))',
        PROTOCOL,
        ("wire bounds",),
    ),
    "four thousand million blobs": (
        'say_and_stay(struct.pack("<II", 4, 2**32 - 1))',
        PROTOCOL,
        ("wire bounds",),
    ),
    "a blob of 2^63 bytes": (
        'say_and_stay(struct.pack("<IIQ", 4, 1, 2**63))',
        PROTOCOL,
        ("wire bounds",),
    ),
    "blobs whose sum wraps": (
        'say_and_stay(struct.pack("<IIQQ", 4, 2, 2**64 - 1, 2))',
        PROTOCOL,
        ("wire bounds",),
    ),
    "a header and no more": ('say_and_stay(struct.pack("<II", 1000, 0) + b"x")', TIME, ()),
    "half a frame, then the end": (
        'say(struct.pack("<II", 1000, 0) + b"x"); os._exit(0)',
        RUNTIME,
        (),
    ),
    "half a frame, then a closed pipe": (
        'say(struct.pack("<II", 1000, 0) + b"x"); os.close(OUT); time.sleep(60)',
        RUNTIME | TIME,
        (),
    ),
    "no answer": ("time.sleep(60)", TIME, ("deadline",)),
    "byte by byte": (
        "for byte in reply([0, 2, 4]):\n    say(bytes([byte])); time.sleep(0.5)\ntime.sleep(60)",
        TIME,
        (),
    ),
    "random bytes": ("say_and_stay(os.urandom(1 << 16))", PROTOCOL | TIME, ()),
    "ones": ('say_and_stay(b"\\xff" * (1 << 16))', PROTOCOL, ()),
    "JSON": ('say_and_stay(b\'{"event": "Graded", "verdict": "accepted"}\\n\' * 9)', PROTOCOL, ()),
    "two replies for one call": (
        "say(reply([0, 1]) + reply([0, 1]))\ntime.sleep(0.2)",
        PROTOCOL | WRONG_ANSWER | {"time_limit", "runtime_error"},
        (),
    ),
}

_TREES = {
    "a map": ('raw_frame(b"\\x95\\xa1=\\x81\\x01\\x02\\xc0\\x91\\x00\\xc0")', "strict parser"),
    "an extension type": (
        'raw_frame(b"\\x95\\xa1=\\xc7\\x03\\x05abc\\xc0\\x91\\x00\\xc0")',
        "strict parser",
    ),
    "a timestamp": (
        'raw_frame(b"\\x95\\xa1=\\xd6\\xff\\x00\\x00\\x00\\x01\\xc0\\x91\\x00\\xc0")',
        "strict parser",
    ),
    "text that is no UTF-8": ('raw_frame(b"\\x95\\xa1=\\xa2\\xc3\\x28\\xc0\\x91\\x00\\xc0")', ""),
    "surrogates": ('raw_frame(b"\\x95\\xa1=\\xa3\\xed\\xa0\\x80\\xc0\\x91\\x00\\xc0")', ""),
    "trailing bytes": ('raw_frame(msgpack.packb(["=", 1, None, [0], None]) + b"\\x00")', ""),
    "an empty body": ('raw_frame(b"")', ""),
    "a tree 10^5 deep": ('raw_frame(b"\\x91" * 100_000)', ""),
    "a tree a thousand deep": (
        'raw_frame(b"\\x95\\xa1=" + b"\\x92\\x00" * 900 + b"\\x00\\xc0\\x91\\x00\\xc0")',
        "",
    ),
    "a pickle": ('raw_frame(__import__("pickle").dumps([1]))', ""),
    "a zip": ('raw_frame(b"PK\\x03\\x04" + bytes(60))', ""),
    "an array file": ('raw_frame(b"\\x93NUMPY\\x01\\x00" + bytes(60))', ""),
    "no list": ("frame(5)", ""),
    "an empty list": ("frame([])", ""),
    "an unknown kind": ('frame(["*", 1])', ""),
    "too few fields": ('frame(["=", 1])', ""),
    "an unknown tag": ("reply([99, 1])", ""),
    "a negative tag": ("reply([-1, 1])", ""),
    "a bool as a tag": ("reply([True, 1])", ""),
    "a list without a tag": ('reply(["x"])', ""),
    "a dict with a key and no value": ("reply([2, 1])", ""),
    "an unhashable key": ("reply([2, [0], 1])", ""),
    "an unhashable item": ("reply([3, [0]])", ""),
    "an int of 2^20 bytes": ('reply([6, b"x" * (1 << 20)])', ""),
    "an int that is text": ('reply([6, "1"])', ""),
    "text that is an int": ("reply([7, 5])", ""),
    "a complex of texts": ('reply([5, "a", "b"])', ""),
    "a dtype that isn't": ('reply([11, "object"])', ""),
    "a blob that isn't there": ('reply([8, 7, "float32", [1], False])', ""),
    "a negative blob": ('reply([8, -1, "float32", [1], False], [b"abcd"])', ""),
    "a shape that wraps": (
        'reply([8, 0, "float32", [4194305, 4194305, 211106198978564], False], [bytes(16)])',
        "",
    ),
    "a negative size": ('reply([8, 0, "float32", [-1, -4], False], [bytes(16)])', ""),
    "a thousand dimensions": ('reply([8, 0, "uint8", [1] * 1000, False], [b"x"])', ""),
    "a huge size beside a zero": ('reply([8, 0, "float32", [0, 2**62], False], [b""])', ""),
    "huge sizes beside a zero": ('reply([8, 0, "float32", [0] + [2**39] * 20, False], [b""])', ""),
    "bytes that don't fit": ('reply([8, 0, "float64", [2], False], [bytes(8)])', ""),
    "a shape of floats": ('reply([8, 0, "float32", [1.0], False], [bytes(4)])', ""),
    "a shape of bools": ('reply([8, 0, "float32", [True], False], [bytes(4)])', ""),
    "an array of objects": ('reply([9, 0, "object", [1]], [bytes(8)])', ""),
    "an array of texts": ('reply([9, 0, "str32", [1]], [bytes(4)])', ""),
    "gradients of ints": ('reply([8, 0, "int32", [1], True], [bytes(4)])', ""),
    "a handle with a text as number": ('reply([12, "1", "function", "f", None])', ""),
    "a reference to nothing": ('reply([13, 12345, ""])', ""),
    "a reference that is a float": ('reply([13, 1.0, ""])', ""),
    "a reference to a part of nothing": ('reply([13, 1, "weight"])', ""),
    "a layer that isn't": ('reply([14, "os.system", [2], [2]])', ""),
    "a layer of lies": (
        'reply([14, "Linear", [2, "in_features", 2**62, "out_features", 2**62], [2, "weight", [0, [8, 0, "float32", [1], False], True]]], [bytes(4)])',
        "",
    ),
    "a module with a private name": (
        'reply([12, 9, "module", "M", [0, [0, [0, [0, "", 0]], [0, [0, "", "M", [2], False, False, [0, [0, "_remote_line", "parameter", 0]]]]], [0, [0, 0, [8, 0, "float32", [1], False], True, None]], [0, True]]], [bytes(4)])',
        "",
    ),
    "a module with too many tensors": (
        'reply([12, 9, "module", "M", [0, [0, [0, [0, "", 0]], [0, [0, "", "M", [2], False, False, [0] + [[0, f"p{i}", "parameter", i] for i in range(5000)]]]], [0], [0, True]]])',
        "",
    ),
    "a module that contains itself": (
        'reply([12, 9, "module", "M", [0, [0, [0, [0, "", 0], [0, "a", 0]], [0, [0, "", "M", [2], False, False, [0]]]], [0], [0, True]]])',
        "",
    ),
    "a module of nothing": ('reply([12, 9, "module", "M", None])', ""),
    "a module without a tensor that it names": (
        'reply([12, 9, "module", "M", [0, [0, [0, [0, "", 0]], [0, [0, "", "M", [2], False, False, [0, [0, "w", "parameter", 0]]]]], [0], [0, True]]])',
        "",
    ),
    "a note that is a list of ints": ('frame(["=", 1, None, [0], [1, 2]])', ""),
    "a note that is a text": ('frame(["=", 1, None, [0], "hello"])', ""),
    "a tape that is a text": ('frame(["=", 1, "1", [0], None])', ""),
    "a tape of parameters of nothing": ('frame(["=", 1, [1, [[7]]], [0], None])', ""),
    "changes that are an int": ('frame(["=", 1, None, 7, None])', ""),
    "changes of changes": ('frame(["=", 1, None, [0, [0, 5], [0]], None])', ""),
    "an error without names": ('frame(["!", [[], "m", [], ""], [0], None])', ""),
    "an error of ints": ('frame(["!", [[1], 2, 3, 4], [0], None])', ""),
    "an error with a thousand frames": (
        'frame(["!", [["ValueError"], "m", [[1, "f", "s"]] * 1000, ""], [0], None])',
        "",
    ),
    "an error with a text as line": (
        'frame(["!", [["ValueError"], "m", [["1", "f", "s"]], ""], [0], None])',
        "",
    ),
    "a reply to a question of nobody": ('frame(["?", "nothing", [0], True, [0], []])', ""),
    "a question with a payload that is no list": ('frame(["?", "call", 5, True, [0], []])', ""),
    "releases that are no list": ('frame(["?", "call", [0], True, [0], 5])', ""),
    "releases of texts": ('frame(["?", "call", [0], True, [0], ["1"]])', ""),
}

_REQUESTS = {
    "load": '["?", "load", [0, "import os"], True, [0], []]',
    "attribute": '["?", "attribute", [0, 1, "", "__globals__"], True, [0], []]',
    "set": '["?", "set", [0, 1, "x", 1], True, [0], []]',
    "special": '["?", "special", [0, 1, "getitem", 0], True, [0], []]',
    "run_cell": '["?", "run_cell", [0, "1", 1], True, [0], []]',
    "call of nothing": '["?", "call", [0, 77, [1], [2]], True, [0], []]',
    "method of nothing": '["?", "method", [0, 1, "__class__", [1], [2]], True, [0], []]',
    "forward of nothing": '["?", "forward", [0, 1, "", [1], [2]], True, [0], []]',
    "backward of nothing": '["?", "backward", [0, 1, [0]], True, [0], []]',
}

_NEVER = {"load", "attribute", "set", "special", "run_cell"}
"""What only the sandbox's side answers."""

_FLOOD = """
chunk = frame(["?", "forget", [0, [0]], False, [0], []]) * 2000
def drain():
    fd = next(f for f in range(100, 256) if f != OUT and os.path.exists(f"/proc/self/fd/{f}"))
    while True:
        try:
            os.read(fd, 1 << 16)
        except BlockingIOError:
            time.sleep(0.0005)
threading.Thread(target=drain, daemon=True).start()
while True:
    say(chunk)
"""

_COLLIDE = """
prime = (1 << 61) - 1
flat = [2]
for number in range(1, 300_001):
    flat += [[6, (number * prime).to_bytes(12, "little", signed=True)], None]
say_and_stay(reply(flat))
"""

_COLLIDE_SET = _COLLIDE.replace("flat = [2]", "flat = [3]").replace(", None]\n", "]\n")

_MANY_KEYS = "say_and_stay(reply([2] + list(range(2_000_000))))"
_MANY_ITEMS = "say_and_stay(raw_frame(b'\\x95\\xa1=\\xdd' + struct.pack('>I', 20_000_001) + b'\\x00' + b'\\x91\\x00' * 20_000_000 + b'\\xc0\\x91\\x00\\xc0'))"

_LONG_ERROR = """
text = "\\x1b[31m\\r\\u202e" * (1 << 20)
say_and_stay(frame(["!", [["ValueError"], text, [[1, text, text]], ""], [0], [text[:70000], False]]))
"""

_BIG_INT = "say_and_stay(reply([6, b'\\x7f' * 60_000]))"
_NESTED_REPR = "say_and_stay(reply([0] + [[0, 'x' * 1000]] * 20_000))"

_LATE = """
time.sleep(2.5)
say(reply([0, 2]))
"""

_NESTING = """
for _ in range(150):
    say(frame(["?", "call", [0, 1, [1], [2]], True, [0], []]))
time.sleep(60)
"""

_PRINTS_TO_FD = """
os.dup2(OUT, 1)
print("hello " * 1000, flush=True)
"""

_FORGED_LOAD = {
    "an int": "5",
    "nothing": "None",
    "a list": '[0, "double", "twice"]',
    "a dict of ints": '[2, "double", 1, "twice", 1, "tally", 1, "mean", 1, "run", 1]',
    "a dict with odd keys": "[2, 1, 2, None, 3]",
    "a dict with keys and entries": '[2, "double", [12, 1, "function", "f", None], 5, 6]',
    "a reference": '[13, 1, ""]',
    "a handle": '[12, 1, "object", "dict", None]',
}

_TAKEN_APART = """
def run(model, x):
    line = model._remote_line
    line.modules.changes = lambda: [[], [[model._remote_id, [CHANGE]]]]
    return model(x)
"""
_CHANGES = {
    "gone": '[], ["weight", "0.weight", "training"], True',
    "made anew": '[[["", 0]], [["", "M", {}, False, False, []]]], [], [True]',
    "other tensors": "None, [[99, None, True, None]], [True]",
}

_FORGET = {
    "ends": "lambda numbers: os._exit(0)",
    "raises": "lambda numbers: 1 / 0",
    "hangs": "lambda numbers: time.sleep(60)",
    "lies": "lambda numbers: say(b'x' * 64) or time.sleep(60)",
}


def _named(group: str, name: str) -> str:
    return f"J{group}-{name}"


ROWS = [
    *(
        Row(_named("01-J05", name), f"{name}", on_wire(body), expect, 0, layers=layers)
        for name, (body, expect, layers) in _CUT.items()
    ),
    *(
        Row(
            _named("07-J13", name),
            name,
            on_wire(f"say_and_stay({body})"),
            PROTOCOL,
            0,
            layers=(layer,) if layer else (),
        )
        for name, (body, layer) in _TREES.items()
    ),
    *(
        Row(
            _named("06", name),
            f"a forged question to the grader: {name}",
            on_wire(f"say(frame({body}))\ntime.sleep(0.1)"),
            PROTOCOL if name in _NEVER else PROTOCOL | WRONG_ANSWER | RUNTIME | TIME,
            0,
            layers=("closed operations",) if name == "attribute" else (),
        )
        for name, body in _REQUESTS.items()
    ),
    *(
        Row(
            _named("09-load", name),
            f"a forged answer to the loading: {name}",
            on_wire(f"say_and_stay(reply({body}))", load=True),
            PROTOCOL | RUNTIME | WRONG_ANSWER | TIME,
            0,
        )
        for name, body in _FORGED_LOAD.items()
    ),
    *(
        Row(
            _named("02-forget", name),
            f"an agent that {name} when it shall forget a model",
            on_wire(
                f"agent().operations['forget'] = {body}\n"
                "def run(model, x):\n    model(x)\n    return x\n",
                load=True,
            ),
            WRONG_ANSWER | RUNTIME | TIME | PROTOCOL,
            0,
        )
        for name, body in _FORGET.items()
    ),
    *(
        Row(
            _named("02-changes", name),
            f"the grader's model, {name} by what the sandbox says of it",
            WIRE + WRONG + _TAKEN_APART.replace("CHANGE", change),
            PROTOCOL | WRONG_ANSWER,
            0,
        )
        for name, change in _CHANGES.items()
    ),
    Row("J04-late", "a reply that comes after the deadline", on_wire(_LATE), TIME, 0),
    Row(
        "J03-E12",
        "a flood of small questions",
        on_wire(_FLOOD),
        PROTOCOL | TIME,
        0,
        with_neighbour=True,
    ),
    Row(
        "J08-keys",
        "two million keys",
        on_wire(_MANY_KEYS),
        PROTOCOL | TIME | WRONG_ANSWER | {"memory_limit"},
        0,
    ),
    Row(
        "J08-items",
        "twenty million lists",
        on_wire(_MANY_ITEMS),
        PROTOCOL | TIME | WRONG_ANSWER | {"memory_limit"},
        0,
    ),
    Row(
        "J08-collide",
        "keys that all have the same hash",
        on_wire(_COLLIDE),
        PROTOCOL | TIME | WRONG_ANSWER,
        0,
    ),
    Row(
        "J08-collide-set",
        "items that all have the same hash",
        on_wire(_COLLIDE_SET),
        PROTOCOL | TIME | WRONG_ANSWER,
        0,
    ),
    Row(
        "J08-int",
        "an int of 60,000 bytes, which has no short text",
        on_wire(_BIG_INT),
        WRONG_ANSWER | PROTOCOL,
        0,
    ),
    Row(
        "J08-repr",
        "a value with an endless text",
        on_wire(_NESTED_REPR),
        WRONG_ANSWER | PROTOCOL,
        0,
    ),
    Row(
        "J20",
        "an error of megabytes of controls",
        on_wire(_LONG_ERROR),
        RUNTIME | PROTOCOL,
        0,
        layers=("cleaning of texts",),
    ),
    Row(
        "J06-nesting",
        "questions within questions",
        on_wire(_NESTING),
        PROTOCOL | TIME | RUNTIME | WRONG_ANSWER,
        0,
    ),
    Row(
        "J17",
        "prints that reach the protocol",
        on_wire(_PRINTS_TO_FD),
        PROTOCOL | TIME | RUNTIME | WRONG_ANSWER,
        0,
    ),
    Row(
        "J17-closed",
        "a closed protocol",
        on_wire("os.close(OUT)"),
        RUNTIME | TIME | PROTOCOL | WRONG_ANSWER,
        0,
    ),
]
