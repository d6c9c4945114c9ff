"""A conversation: either side may ask while the other waits, nested as deep as needed.

Both sides run this code. Only one of them ever computes at a time: who has asked waits, and
serves what the other asks meanwhile. So no locks, and a callback is just a request the other way.

    request  ["?", operation, payload, gradients enabled, changes, released]
    reply    ["=", payload, tape or None, changes, note]; a tape is [number, parameters],
             the latter [number of a module, numbers of its tensors]: it has gradients of these
             after those of the tensors in the request
    error    ["!", exception, changes, note]
    restart  ["@"], from the process that replaced the agent's
"""

from __future__ import annotations

import copy
import functools
import itertools
import weakref
from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import nn

from sandbox import errors
from sandbox.autograd import RemoteCall, Tape
from sandbox.decoding import Decoder
from sandbox.encoding import Encoder
from sandbox.layers import as_layer, from_layer
from sandbox.mirror import Mirror
from sandbox.modules import Modules
from sandbox.policy import Policy
from sandbox.stream import Stream
from sandbox.wire import LIST, Handle, Layer, ProtocolError, Ref, Unsendable

MAX_NESTING = 100
MAX_EXPORTS = 100_000
MAX_TAPED = 1 << 16
RESTARTED = ["@"]


class Broken(Exception):
    """The conversation was cut short by a fault; this peer can't be used any more."""


class Peer(Policy):
    """One side of the conversation.

    Subclasses say what they let the other side do: ``operations`` by name, and a policy.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.depth = 0
        self.fault: BaseException | None = None
        self.device: torch.device | None = None
        """Where tensors that arrive shall live, if not in the host's memory."""
        self.operations: dict[str, Callable[..., Any]] = {
            "forward": self._forward,
            "backward": self._backward,
            "train": self._train,
            "copy": self._copy,
            "forget": self._forget,
        }
        self._numbers = itertools.count(1)
        self._exports: dict[int, Any] = {}
        self._export_ids: dict[int, int] = {}
        self._tapes: dict[int, Tape] = {}
        self.modules = Modules(self)
        self._released: list[int] = []

    def is_object(self, value: Any) -> bool:
        """Return whether ``value`` leaves as an object, though its class is derived from data's."""
        return id(value) in self._export_ids

    # Asking

    def request(self, operation: str, *payload: Any) -> Any:
        """Ask the other side, serving what it asks meanwhile; return its answer.

        Raises:
            errors.RemoteError: it raised.
            Unsendable: the payload can't cross; nothing was asked.
            Broken: an earlier fault ended the conversation.
            ProtocolError, Disconnected, DeadlineExceeded: this one did.
        """
        if self.fault is not None:
            raise Broken("this sandbox can't be used any more")
        encoder = Encoder(self._describe, self.is_object)
        tree = encoder.encode(list(payload))
        grad = torch.is_grad_enabled()
        changes = self._changes(encoder)
        released, self._released = self._released, []
        try:
            self.stream.send(["?", operation, tree, grad, changes, released], encoder.blobs)
        except Unsendable:
            self._released += released
            self.modules.forget_sent()
            raise
        except BaseException as error:
            self.fault = error
            raise
        try:
            answer = self._answer(encoder.gradients)
        except BaseException as error:
            self.fault = error
            raise
        if isinstance(answer, errors.RemoteError):
            raise answer
        return answer

    def _answer(self, inputs: list[torch.Tensor]) -> Any:
        while True:
            tree, blobs = self.stream.receive()
            if type(tree) is not list or not tree:
                raise ProtocolError("not a message")
            if tree[0] == "?" and len(tree) == 6:
                self._serve(tree, blobs)
            elif tree[0] == "=" and len(tree) == 5:
                return self._take_reply(tree, blobs, inputs)
            elif tree[0] == "!" and len(tree) == 4:
                decoder = Decoder(blobs, self._adopt, self.device)
                error = errors.rebuild(tree[1])
                self.modules.take(decoder.decode(tree[2]))
                self.take_note(tree[3])
                return error
            else:
                raise ProtocolError("an unknown message")

    def _take_reply(self, tree: list[Any], blobs: Any, inputs: list[torch.Tensor]) -> Any:
        decoder = Decoder(blobs, self._adopt, self.device, reply=True)
        value = decoder.decode(tree[1])
        outputs, tape = list(decoder.gradients), tree[2]
        self.modules.take(decoder.decode(tree[3]))
        self.take_note(tree[4])
        if tape is not None:
            self._bridge(tape, inputs, outputs)
        return value

    def _bridge(self, tape: Any, inputs: list[torch.Tensor], outputs: list[torch.Tensor]) -> None:
        """Make the reply's tensors outputs of a node whose backward the other side computes."""
        try:
            number, parameters = tape
            taped = [(module, each) for module, numbers in parameters for each in numbers]
            sought = [*inputs, *(self.modules.parameter(*each) for each in taped)]
        except (TypeError, ValueError) as error:
            raise ProtocolError("a malformed tape") from error
        if type(number) is not int or len(taped) > MAX_TAPED:
            raise ProtocolError("a malformed tape")
        places = [place for place, tensor in enumerate(sought) if tensor is not None]
        if not (places and outputs and torch.is_grad_enabled()):
            self._released.append(number)
            return
        backward = functools.partial(self._ask_backward, number, places, len(sought))
        wanted = [sought[place] for place in places]
        made = RemoteCall.apply(backward, outputs, *wanted)  # type: ignore[no-untyped-call]
        weakref.finalize(made[0].grad_fn, self._release_later, number).atexit = False

    def _release_later(self, number: int) -> None:
        """Have the other side drop ``number`` with our next request."""
        self._released.append(number)  # the list of now: each request takes it along

    def _ask_backward(
        self, tape: int, places: list[int], size: int, gradients: list[torch.Tensor | None]
    ) -> list[Any]:
        found = self.request("backward", tape, gradients)
        if type(found) is not list or len(found) != size:
            raise ProtocolError("one gradient per input is needed")
        return [found[place] for place in places]

    # Serving

    def serve_one(self) -> None:
        """Wait for one request and answer it."""
        tree, blobs = self.stream.receive()
        if type(tree) is not list or len(tree) != 6 or tree[0] != "?":
            raise ProtocolError("not a request")
        self._serve(tree, blobs)

    def _serve(self, tree: list[Any], blobs: Any) -> None:
        self.depth += 1
        try:
            reply, blobs = self._run(tree, blobs)
        finally:
            self.depth -= 1
        try:
            self.stream.send(reply, blobs)
        except (Unsendable, MemoryError) as error:  # what is in it is too large: say so
            if reply[0] == "=" and reply[2] is not None:
                self._tapes.pop(reply[2][0])
            self.modules.forget_sent()
            self.stream.send(*self._error(error))

    def _run(self, tree: list[Any], blobs: Any) -> tuple[list[Any], Any]:
        try:
            handler, arguments, inputs, grad = self._understand(tree, blobs)
        except self.excused as error:
            return self._error(error)
        try:
            with torch.set_grad_enabled(grad):
                for tensor in inputs:
                    tensor.requires_grad_(grad)
                return self._reply(handler(*arguments), inputs)
        except self.caught as error:
            return self._error(error)

    def _understand(
        self, tree: list[Any], blobs: Any
    ) -> tuple[Callable[..., Any], list[Any], list[torch.Tensor], bool]:
        """Take over what came with a request; return handler, arguments, inputs, whether to
        record gradients."""
        _, operation, payload, grad, changes, released = tree
        decoder = Decoder(blobs, self._adopt, self.device)
        arguments = decoder.decode(payload)
        inputs = list(decoder.gradients)
        self.modules.take(decoder.decode(changes))
        self._release(released)
        handler = self.operations.get(operation) if type(operation) is str else None
        if handler is None or type(arguments) is not list:
            raise ProtocolError("an unknown operation")
        if self.depth > MAX_NESTING:
            raise ProtocolError(f"calls are nested more than {MAX_NESTING} deep")
        return handler, arguments, inputs, grad is True

    caught: tuple[type[BaseException], ...] = (Exception,)
    """What a handler may raise to the other side; anything else ends the conversation."""
    excused: tuple[type[BaseException], ...] = ()
    """What is an answer, too, when a request can't even be understood. Nothing, where the other
    side may be hostile."""

    def _reply(self, value: Any, inputs: list[torch.Tensor]) -> tuple[list[Any], Any]:
        encoder = Encoder(self._describe, self.is_object, reply=True)
        tree = encoder.encode(value)
        changes = self._changes(encoder)
        note = self.note()
        tape: list[Any] | None = None
        if encoder.gradients:
            number, parameters = next(self._numbers), self.modules.parameters()
            tensors = [tensor for *_, owned in parameters for tensor in owned]
            self._tapes[number] = Tape([*inputs, *tensors], list(encoder.gradients))
            tape = [number, [[module, which] for module, which, _ in parameters]]
        return ["=", tree, tape, changes, note], encoder.blobs

    def _error(self, error: BaseException) -> tuple[list[Any], Any]:
        """Return the answer that says ``error``; nothing that a learner's class does stops it."""
        encoder = Encoder(self._describe, self.is_object)
        try:
            changes = self._changes(encoder)
        except self.caught:
            encoder, changes = Encoder(self._describe, self.is_object), [LIST]
        try:
            described = errors.describe(error, self.frames_of(error), self.cause_of(error))
        except self.caught:
            described = errors.describe(error, [])
        return ["!", described, changes, self.note()], encoder.blobs

    def _changes(self, encoder: Encoder) -> Any:
        """Encode what changed since the last frame in the modules that both sides know."""
        try:
            return encoder.encode(self.modules.changes())
        except BaseException:
            self.modules.forget_sent()
            raise

    def exported(self, number: Any) -> Any:
        """Return the object that the other side knows by ``number``.

        Raises:
            ProtocolError: there is none.
        """
        if type(number) is not int or number not in self._exports:
            raise ProtocolError("no such object")
        return self._exports[number]

    def _module(self, number: Any, path: Any) -> nn.Module:
        module = self.exported(number)
        if not isinstance(module, nn.Module) or type(path) is not str:
            raise ProtocolError("not a module")
        return module.get_submodule(path)

    def _forward(self, number: Any, path: Any, args: Any, kwargs: Any) -> Any:
        return self._module(number, path)(*args, **kwargs)

    def _train(self, number: Any, path: Any, mode: Any) -> None:
        self._module(number, path).train(mode is True)

    def _copy(self, number: Any, path: Any) -> nn.Module:
        return copy.deepcopy(self._module(number, path))

    def _backward(self, tape: Any, gradients: Any) -> Any:
        if type(tape) is not int or tape not in self._tapes or type(gradients) is not list:
            raise ProtocolError("no such tape")
        return self._tapes[tape].backward(gradients)

    # Objects

    def number_of(self, value: Any) -> int | None:
        """Return the other side's number of what stands here for something there."""
        return value._remote_id if isinstance(value, Mirror) else self.home_id(value)

    def _describe(self, value: Any) -> Handle | Ref | Layer:
        if isinstance(value, Mirror):
            self.modules.require(value)
            return Ref(value._remote_id, value._remote_path)
        number = self.home_id(value)
        if number is not None:
            return Ref(number)
        kind = self.kind_of(value)
        if kind == "layer":
            if (layer := as_layer(value)) is not None:
                return layer
            kind = "module"
        known = self._export_ids.get(id(value))
        if known is None:
            if len(self._exports) >= MAX_EXPORTS:
                raise Unsendable("too many objects", MAX_EXPORTS)
            known = next(self._numbers)
            self._exports[known], self._export_ids[id(value)] = value, known
        state = self.state_of(value)
        if isinstance(value, nn.Module):
            state = self.modules.own(known, value, whole=self.loads_modules)
        return Handle(known, kind, errors.class_name(type(value)), state)

    loads_modules = False
    """Whether the other side may have our modules' own state_dict and load_state_dict called."""

    def _adopt(self, value: Handle | Ref | Layer) -> Any:
        if isinstance(value, Ref):
            return self._module(value.id, value.path) if value.path else self.exported(value.id)
        if isinstance(value, Layer):
            return from_layer(value)
        if value.kind != "module":
            return self.proxy(value)
        mirror = self.modules.adopt(value.id, value.state, self._release_later)
        if value.id in self._released:  # one that nobody held any more, back again
            self._released.remove(value.id)
        return mirror

    def ask(self, mirror: Mirror, operation: str, *payload: Any) -> Any:
        """Ask something of the module that ``mirror`` stands for.

        Raises:
            Unsendable: it isn't known there any more.
        """
        self.modules.require(mirror)
        return self.request(operation, mirror._remote_id, mirror._remote_path, *payload)

    def get_attribute(self, mirror: Mirror, name: str) -> Any:
        """Return what isn't in the mirror."""
        return self.ask(mirror, "attribute", name)

    def set_attribute(self, mirror: Mirror, name: str, value: Any) -> None:
        """Set what is no tensor and no module."""
        self.ask(mirror, "set", name, value)

    def _release(self, numbers: Any) -> None:
        if type(numbers) is not list:
            raise ProtocolError("malformed releases")
        for number in numbers:
            if type(number) is not int:
                raise ProtocolError("malformed releases")
            self._tapes.pop(number, None)
            self.modules.owned.pop(number, None)
            value = self._exports.pop(number, None)
            self._export_ids.pop(id(value), None)

    # Modules that both sides know

    def forget_modules(self, lasting: Collection[int] = ()) -> None:
        """Drop every module that both sides know, but those of theirs that are ``lasting``: a
        test is over, and its modules with it."""
        gone = set(self.modules.mirrors) - set(lasting)
        self.modules.drop_mirrors(gone)
        self._released += gone
        if owned := list(self.modules.owned):
            self.request("forget", owned)
            self._release(owned)

    def _forget(self, numbers: Any) -> None:
        self.modules.drop_mirrors(numbers)
