"""A phase's step on JAX: a compiled, pure function of the state. TensorFlow is not needed.

The *state* is everything that a step changes: a dictionary of lists of arrays. The variables of the Keras networks and
optimizers only give the initial state; training does not change them.
"""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import jax
import jax.numpy as jnp
import keras
import numpy as np

from sr_tf.config import TrainConfig
from sr_tf.data.sampler import Sampler
from sr_tf.disk.cores import usable_cores
from sr_tf.errors import UserError
from sr_tf.messages import tell
from sr_tf.training.averaging import moved_averages
from sr_tf.training.objectives import Turn
from sr_tf.training.parts import build_parts

State = dict[str, list[jax.Array]]


class JaxBackend:
    """Trains a phase on JAX, on one device.

    Args:
        config: the run's configuration.
        content_network: the content network of the gan phase; by default the one that the configuration names.
        at_once: the number of steps in one call of the device. The default is 10 on a GPU, which finishes a step before
            Python can start the next, and 1 on a CPU, where loops inside a compiled function are slow.

    Attributes:
        averaged: the networks with averaged weights by name, `keras.Model` each; current after `synchronise`.
        device: the device's name, for messages.
        at_once: the number of steps in one call of the device.
        steps: the compiled function from (state, *batches) to (next state, losses by name). Batches have a leading axis
            of K steps, the losses have shape [K]. The function reuses the memory of the state it is given.

    Raises:
        UserError: `--xla` is given; see also `build_parts`.
    """

    def __init__(self, config: TrainConfig, content_network: keras.Model | None = None, at_once: int | None = None):
        if config.xla:
            raise UserError("--xla: JAX compiles every step anyway; leave this flag out with KERAS_BACKEND=jax")
        parts = build_parts(config, content_network)
        self._config, self._objective, self._optimizers = config, parts.objective, parts.optimizers
        self.averaged = parts.averaged()
        self.device = jax.devices()[0].device_kind
        self.at_once = at_once or (1 if jax.default_backend() == "cpu" else 10)
        self._state = self._first_state()
        # Frozen weights are passed as arguments; as constants they would be compiled in (80 MB for a VGG).
        frozen = {name: _values(network.variables) for name, network in parts.objective.frozen.items()}
        compiled = jax.jit(self._steps, donate_argnums=0)
        self.steps = lambda state, *batches: compiled(state, frozen, *batches)
        self._restore = jax.jit(lambda weights, lr: _run(self.averaged["generator"], weights, lr))
        self.content_distance = None
        if "content" in frozen:
            network = parts.objective.frozen["content"]
            distance = jax.jit(
                lambda weights, hr, sr: parts.content_loss(_run(network, weights, hr), _run(network, weights, sr))
            )
            self.content_distance = partial(distance, frozen["content"])

    def state(self) -> dict[str, list[np.ndarray]]:
        """Returns everything that the next step depends on: lists of arrays by network or optimizer."""
        return {name: [np.asarray(value) for value in values] for name, values in self._state.items()}

    def load_state(self, state: dict[str, list[np.ndarray]]) -> None:
        """Restores a state that `state` returned."""
        self._state = {name: [jnp.asarray(value) for value in values] for name, values in state.items()}

    def run(self, sampler: Sampler, last: int, each: Callable[[int, dict], None]) -> None:
        """Trains up to step `last`, and calls `each(step, losses)` after every call of the device.

        The losses are arrays [K] for the K steps of that call. They are still on the device; reading them waits for it.
        """
        first = int(self._state["step"][0])
        tell("compiling the training step with JAX; this can take a few minutes")
        for step, batches in self._batches_ahead(sampler, first, last):
            self._state, named = self.steps(self._state, *batches)
            each(step, named)

    def synchronise(self) -> None:
        """Copies the current averages into the networks of `averaged`."""
        for name, network in self.averaged.items():
            network.set_weights([np.asarray(weight) for weight in self._state[f"averaged_{name}"]])

    def restore(self, lr: np.ndarray) -> np.ndarray:
        """Restores an LR, float32 [1, h, w, 3], by the averaged generator."""
        return np.asarray(self._restore(self._state["averaged_generator"], lr))

    def _first_state(self) -> State:
        state = {"step": [jnp.zeros((), jnp.int32)]}
        for turn in self._objective.turns:
            variables = [variable for name in turn.networks for variable in self._objective.networks[name].variables]
            trainable = self._trainable(turn)
            # A step replaces the trainable variables only; other variables would never be updated.
            if len(variables) != len(trainable):
                raise ValueError(f"{turn.networks}: expected only trainable variables")
            self._optimizers[turn.optimizer].build(trainable)
            state |= {name: _values(self._objective.networks[name].variables) for name in turn.networks}
            state[f"{turn.optimizer}_optimizer"] = _values(self._optimizers[turn.optimizer].variables)
        return state | {f"averaged_{name}": _values(network.variables) for name, network in self.averaged.items()}

    def _trainable(self, turn: Turn) -> list:
        return [variable for name in turn.networks for variable in self._objective.networks[name].trainable_variables]

    def _steps(self, state: State, frozen: State, *batches) -> tuple[State, dict[str, jax.Array]]:
        """Takes one step for each batch; `batches` have a leading axis of steps."""
        return jax.lax.scan(lambda state, batch: self._step(state, frozen, batch), state, batches)

    def _step(self, state: State, frozen: State, batch) -> tuple[State, dict[str, jax.Array]]:
        data = [jnp.asarray(values, jnp.float32) for values in batch]
        named: dict[str, jax.Array] = {}
        if self._objective.prepare is not None:
            data = self._objective.prepare(partial(self._apply, state, frozen), _on_host, *data)
        for turn in self._objective.turns:

            def losses(weights, turn=turn, state=state):
                changed = {**state, **dict(zip(turn.networks, weights, strict=True))}
                return turn.losses(partial(self._apply, changed, frozen), *data)

            weights = [state[name] for name in turn.networks]
            gradients, turn_losses = jax.grad(losses, has_aux=True)(weights)
            optimizer = f"{turn.optimizer}_optimizer"
            updated, variables = self._optimizers[turn.optimizer].stateless_apply(
                state[optimizer], list(itertools.chain(*gradients)), list(itertools.chain(*weights))
            )
            updated = iter(updated)
            networks = {name: list(itertools.islice(updated, len(state[name]))) for name in turn.networks}
            state = {**state, **networks, optimizer: variables}
            named = {**turn_losses, **named}
        step = state["step"][0] + 1
        averages = {
            f"averaged_{name}": moved_averages(state[f"averaged_{name}"], state[name], step, self._config.ema_decay)
            for name in self.averaged
        }
        return {**state, **averages, "step": [step]}, named

    def _apply(self, state: State, frozen: State, name: str, images):
        if name in frozen:
            return _run(self._objective.frozen[name], frozen[name], images)
        return _run(self._objective.networks[name], state[name], images)

    def _batches_ahead(self, sampler: Sampler, first: int, last: int) -> Iterator[tuple[int, tuple]]:
        """Yields (last step, batches) for each call of the device, and prepares the next batches meanwhile.

        A call ends at every step at which losses are shown or the generator is validated.
        """
        every = (self.at_once, self._config.log_every, self._config.validate_every)
        ends = [end for end in range(first + 1, last + 1) if end == last or not all(end % n for n in every)]
        with ThreadPoolExecutor(1) as ahead, ThreadPoolExecutor(usable_cores()) as cutters:

            def cut(start: int, end: int):
                return ahead.submit(sampler.batches, start, end - start, cutters.map)

            waiting = [(end, cut(start, end)) for start, end in zip([first], ends, strict=False)]
            for start, end in itertools.pairwise(ends):
                waiting.append((end, cut(start, end)))
                ready, batches = waiting.pop(0)
                yield ready, batches.result()
            yield from ((end, batches.result()) for end, batches in waiting)


def _run(model: keras.Model, values, images):
    """Applies a network to images, float32, with the given values for its variables.

    `stateless_call` is not used, because it does not cast the inputs to the dtype policy.
    """
    with keras.StatelessScope(state_mapping=list(zip(model.variables, values, strict=True))):
        return model(images, training=True)


def _on_host(function: Callable, like, *tensors):
    return jax.pure_callback(function, jax.ShapeDtypeStruct(like.shape, jnp.float32), *tensors)


def _values(variables) -> list[jax.Array]:
    """Copies the values of variables, because a step reuses the memory of its input state."""
    return [jnp.array(variable.value) for variable in variables]
