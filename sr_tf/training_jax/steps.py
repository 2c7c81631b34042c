"""The two phases' steps as pure functions, for Keras's JAX backend; the counterpart of `sr_tf.training.phases`.

A phase's *state* is all that a step changes: a dictionary of lists of arrays. The networks and optimizers here are
descriptions only; their own variables give the first state and are not touched afterwards.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import keras

from sr_tf.training import losses

State = dict[str, list[jax.Array]]
Named = dict[str, jax.Array]


class Pretrain:
    """Phase 1: the generator learns by pixelwise MSE.

    Args:
        generator: maps LR to SR.
        optimizer: of the generator; built here.
        ema_decay: share of the moving average that is kept each step, see `sr_tf.training.averaging`.

    Attributes:
        steps: updates, compiled: from (state, LR [K, N, h, w, 3], HR [K, N, scale · h, scale · w, 3]), uint8 or float
            in [0, 255], a batch for each of K updates, to (the next state, the named losses [K]). It takes the state's
            memory over. A device that is done with an update before Python has asked for the next wants more than one.
    """

    def __init__(self, generator: keras.Model, optimizer: keras.optimizers.Optimizer, ema_decay: float):
        self.generator, self._optimizer, self._decay = generator, _built(optimizer, generator), ema_decay
        self.steps = jax.jit(partial(_repeated, self._step), donate_argnums=0)

    def first_state(self) -> State:
        """The state before the first update, from the networks' and optimizers' own variables."""
        weights = _values(self.generator.trainable_variables)
        return {
            "step": [jnp.zeros((), jnp.int32)],
            "generator": weights,
            "generator_optimizer": _values(self._optimizer.variables),
            "averaged": [jnp.array(weight) for weight in weights],
        }

    def _step(self, state: State, lr, hr) -> tuple[State, Named]:
        lr, hr = _floats(lr, hr)

        def loss(weights):
            return losses.pixel_mse(hr, _run(self.generator, weights, lr))

        value, gradients = jax.value_and_grad(loss)(state["generator"])
        return self._updated(state, gradients), {"loss": value}

    def _updated(self, state: State, gradients) -> State:
        """The generator's update, its moving average and the count."""
        weights, optimizer = _applied(self._optimizer, state["generator"], state["generator_optimizer"], gradients)
        step = state["step"][0] + 1
        count = jnp.asarray(step, jnp.float32)
        share = 1.0 - jnp.minimum(self._decay, (1.0 + count) / (10.0 + count))
        pairs = zip(state["averaged"], weights, strict=True)
        averaged = [average + share * (weight - average) for average, weight in pairs]
        return {
            **state,
            "step": [step],
            "generator": weights,
            "generator_optimizer": optimizer,
            "averaged": averaged,
        }


class AdversarialFineTuning(Pretrain):
    """Phase 2: discriminator and generator in turn, with the losses of `sr_tf.training.phases.AdversarialFineTuning`.

    Args:
        generator: maps LR to SR, pretrained.
        optimizer: of the generator; built here.
        ema_decay: see `Pretrain`.
        discriminator: maps images to logits.
        discriminator_optimizer: built here.
        content_network: maps images in [0, 255] to a list of features; frozen.
        weights: in the generator's loss, by name.
        content_loss: compares the features of HR and SR.
    """

    def __init__(
        self,
        generator: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        ema_decay: float,
        discriminator: keras.Model,
        discriminator_optimizer: keras.optimizers.Optimizer,
        content_network: keras.Model,
        weights: dict[str, float],
        content_loss: Callable = losses.content,
    ):
        super().__init__(generator, optimizer, ema_decay)
        self._discriminator = discriminator
        self._discriminator_optimizer = _built(discriminator_optimizer, discriminator)
        self._weights, self._content_loss = dict(weights), content_loss
        self._fidelity = {
            "pixel_mse": losses.pixel_mse,
            "structure": losses.structure,
            "colour": partial(losses.colour, period=generator.scale),
        }
        self._content_network = content_network
        # An argument of the compiled step: as constants the weights would be compiled into it, 80 MB of them.
        self._frozen = _values(content_network.variables)
        compiled = jax.jit(self._adversarial_steps, donate_argnums=0)
        self.steps = lambda state, lr, hr: compiled(state, self._frozen, lr, hr)
        distance = jax.jit(lambda frozen, hr, sr: content_loss(self._features(frozen, hr), self._features(frozen, sr)))
        self.content_distance = partial(distance, self._frozen)

    def first_state(self) -> State:
        """See `Pretrain.first_state`."""
        return {
            **super().first_state(),
            "discriminator": _values(self._discriminator.trainable_variables),
            "discriminator_optimizer": _values(self._discriminator_optimizer.variables),
        }

    def _adversarial_steps(self, state: State, frozen, lr, hr) -> tuple[State, Named]:
        return _repeated(lambda state, lr, hr: self._adversarial_step(state, frozen, lr, hr), state, lr, hr)

    def _adversarial_step(self, state: State, frozen, lr, hr) -> tuple[State, Named]:
        lr, hr = _floats(lr, hr)
        sr = _run(self.generator, state["generator"], lr)

        def told(weights):
            hr_logits, sr_logits = (_run(self._discriminator, weights, images) for images in (hr, sr))
            loss = losses.discrimination(hr_logits, sr_logits)
            return loss, {"discriminator_loss": loss, "discriminator_accuracy": losses.accuracy(hr_logits, sr_logits)}

        gradients, told_named = jax.grad(told, has_aux=True)(state["discriminator"])
        discriminator, optimizer = _applied(
            self._discriminator_optimizer, state["discriminator"], state["discriminator_optimizer"], gradients
        )
        state = {**state, "discriminator": discriminator, "discriminator_optimizer": optimizer}

        def made(weights):
            sr = _run(self.generator, weights, lr)
            named = {
                "content": self._content_loss(self._features(frozen, hr), self._features(frozen, sr)),
                "adversarial": losses.adversarial(_run(self._discriminator, discriminator, sr)),
                **{name: loss(hr, sr) for name, loss in self._fidelity.items() if self._weights.get(name)},
            }
            loss = sum(self._weights[name] * value for name, value in named.items())
            return loss, {"loss": loss, **named}

        gradients, made_named = jax.grad(made, has_aux=True)(state["generator"])
        return self._updated(state, gradients), {**made_named, **told_named}

    def _features(self, frozen, images):
        return _run(self._content_network, frozen, images)


def _repeated(step: Callable, state: State, lr, hr) -> tuple[State, Named]:
    """A step for each batch of LR [K, N, h, w, 3] and HR."""
    return jax.lax.scan(lambda state, batch: step(state, *batch), state, (lr, hr))


def _run(model: keras.Model, values, images):
    """A network with given values of its variables on images, float32.

    Not by `stateless_call`, which leaves the cast of the inputs to the dtype policy out.
    """
    with keras.StatelessScope(state_mapping=list(zip(model.variables, values, strict=True))):
        return model(images, training=True)


def _floats(*images):
    return (jnp.asarray(batch, jnp.float32) for batch in images)


def _applied(optimizer, weights, variables, gradients):
    """(weights, the optimizer's variables) after its update."""
    return optimizer.stateless_apply(variables, gradients, weights)


def _built(optimizer, model):
    if len(model.variables) != len(model.trainable_variables):
        raise ValueError(f"{model.name}: has variables that no optimizer moves; their changes would be lost here")
    optimizer.build(model.trainable_variables)
    return optimizer


def _values(variables) -> list[jax.Array]:
    """Copies: the step takes over the memory of what it is given."""
    return [jnp.array(variable.value) for variable in variables]
