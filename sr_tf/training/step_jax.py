"""A phase's step on JAX: a pure function of the state, compiled; it needs JAX, Keras and NumPy, and no TensorFlow.

The *state* is all that a step changes: a dictionary of lists of arrays. The networks and optimizers here are
descriptions only; their own variables give the first state and are not touched by training.
"""

import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import jax
import jax.numpy as jnp
import keras
import numpy as np

from sr_tf.config import TrainConfig
from sr_tf.data.sampler import Sampler
from sr_tf.errors import UserError
from sr_tf.training.averaging import moved_averages
from sr_tf.training.objectives import Turn
from sr_tf.training.parts import build_parts

State = dict[str, list[jax.Array]]


class JaxBackend:
    """Trains on JAX, on one device.

    Args:
        config: of the run.
        content_network: of the gan phase; by default the one that the configuration names.
        at_once: steps in one call of the device; by default 10 on a GPU, which finishes a step before Python has asked
            for the next, and 1 on a CPU, which is slow at loops inside a compiled function.

    Attributes:
        averaged: the networks' moving averages by name, `keras.Model` each; up to date after `synchronise`.
        device: what computes, for people.
        at_once: steps in one call of the device.
        steps: compiled: from (state, *batches with a leading axis of K steps) to (the next state, the losses [K] by
            name). It takes over the state's memory.

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
        # Arguments of the compiled functions: as constants the weights would be compiled into them, 80 MB of a VGG.
        frozen = {name: _values(network.variables) for name, network in parts.objective.frozen.items()}
        compiled = jax.jit(self._steps, donate_argnums=0)
        self.steps = lambda state, *batches: compiled(state, frozen, *batches)
        self._restored = jax.jit(lambda weights, lr: _run(self.averaged["generator"], weights, lr))
        self.content_distance = None
        if "content" in frozen:
            network = parts.objective.frozen["content"]
            distance = jax.jit(
                lambda weights, hr, sr: parts.content_loss(_run(network, weights, hr), _run(network, weights, sr))
            )
            self.content_distance = partial(distance, frozen["content"])

    def state(self) -> dict[str, list[np.ndarray]]:
        """All that the next step depends on, by owner."""
        return {name: [np.asarray(value) for value in values] for name, values in self._state.items()}

    def load_state(self, state: dict[str, list[np.ndarray]]) -> None:
        """Puts back what `state` returned."""
        self._state = {name: [jnp.asarray(value) for value in values] for name, values in state.items()}

    def run(self, sampler: Sampler, last: int, each: Callable[[int, dict], None]) -> None:
        """Trains up to step `last`; `each(step, losses)` is called after every call of the device.

        The losses are arrays [K] of the K steps of that call, still on the device: reading them waits for it.
        """
        first = int(self._state["step"][0])
        for step, batches in self._batches_ahead(sampler, first, last):
            self._state, named = self.steps(self._state, *batches)
            each(step, named)

    def synchronise(self) -> None:
        """Brings the weights of `averaged` up to date."""
        for name, network in self.averaged.items():
            network.set_weights([np.asarray(weight) for weight in self._state[f"averaged_{name}"]])

    def restore(self, lr: np.ndarray) -> np.ndarray:
        """LR float32 [1, h, w, 3] → SR of the averaged generator."""
        return np.asarray(self._restored(self._state["averaged_generator"], lr))

    def _first_state(self) -> State:
        state = {"step": [jnp.zeros((), jnp.int32)]}
        for turn in self._objective.turns:
            trained = [variable for name in turn.networks for variable in self._objective.networks[name].variables]
            movable = self._moved_by(turn)
            if len(trained) != len(movable):
                raise ValueError(f"{turn.networks}: variables that no optimizer moves would be lost here")
            self._optimizers[turn.optimizer].build(movable)
            state |= {name: _values(self._objective.networks[name].variables) for name in turn.networks}
            state[f"{turn.optimizer}_optimizer"] = _values(self._optimizers[turn.optimizer].variables)
        return state | {f"averaged_{name}": _values(network.variables) for name, network in self.averaged.items()}

    def _moved_by(self, turn: Turn) -> list:
        return [variable for name in turn.networks for variable in self._objective.networks[name].trainable_variables]

    def _steps(self, state: State, frozen: State, *batches) -> tuple[State, dict[str, jax.Array]]:
        """A step for each batch; `batches` have a leading axis of steps."""
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
            gradients, found = jax.grad(losses, has_aux=True)(weights)
            optimizer = f"{turn.optimizer}_optimizer"
            moved, variables = self._optimizers[turn.optimizer].stateless_apply(
                state[optimizer], list(itertools.chain(*gradients)), list(itertools.chain(*weights))
            )
            moved = iter(moved)
            networks = {name: list(itertools.islice(moved, len(state[name]))) for name in turn.networks}
            state = {**state, **networks, optimizer: variables}
            named = {**found, **named}
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
        """Yields (number of steps done after it, batches) for each call; the next are cut while the device works.

        No call goes past a step at which losses are shown or the generator is validated.
        """
        every = (self.at_once, self._config.log_every, self._config.validate_every)
        ends = [end for end in range(first + 1, last + 1) if end == last or not all(end % n for n in every)]
        with ThreadPoolExecutor(1) as ahead, ThreadPoolExecutor(os.cpu_count()) as cutters:

            def cut(start: int, end: int):
                return ahead.submit(sampler.batches, start, end - start, cutters.map)

            waiting = [(end, cut(start, end)) for start, end in zip([first], ends, strict=False)]
            for start, end in itertools.pairwise(ends):
                waiting.append((end, cut(start, end)))
                done, batches = waiting.pop(0)
                yield done, batches.result()
            yield from ((done, batches.result()) for done, batches in waiting)


def _run(model: keras.Model, values, images):
    """A network with given values of its variables on images, float32.

    Not by `stateless_call`, which leaves out the cast of the inputs to the dtype policy.
    """
    with keras.StatelessScope(state_mapping=list(zip(model.variables, values, strict=True))):
        return model(images, training=True)


def _on_host(function: Callable, like, *tensors):
    return jax.pure_callback(function, jax.ShapeDtypeStruct(like.shape, jnp.float32), *tensors)


def _values(variables) -> list[jax.Array]:
    """Copies, since a step takes over the memory of what it is given."""
    return [jnp.array(variable.value) for variable in variables]
