"""The same training steps in JAX: one jitted function with the time steps of a window unrolled, Adam included."""

import functools
import os

import work

options = work.arguments()
if options.cores == 1:
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

LAYERS, HIDDEN, DROPOUT, RATE, DECAY = work.MODELS[options.cell]
GATES = {"rnn": 1, "gru": 3, "lstm": 4}[options.cell]


def initial(key, vocabulary):
    bound = HIDDEN ** -0.5
    keys = iter(jax.random.split(key, 4 * LAYERS + 3))
    uniform = lambda *shape: jax.random.uniform(next(keys), shape, minval=-bound, maxval=bound)
    layers = [
        (uniform(work.EMBEDDING if k == 0 else HIDDEN, GATES * HIDDEN), uniform(HIDDEN, GATES * HIDDEN),
         uniform(GATES * HIDDEN), uniform(GATES * HIDDEN)) for k in range(LAYERS)]
    return {"embedding": jax.random.normal(next(keys), (vocabulary, work.EMBEDDING)), "layers": layers,
            "weight": uniform(HIDDEN, vocabulary), "bias": uniform(vocabulary)}


def cell_step(state, from_input, weight, bias):
    """from_input: W_ih x + b_ih. Returns the new state and h."""
    h = state[0]
    hidden = h @ weight + bias
    if options.cell == "rnn":
        h = jnp.tanh(from_input + hidden)
        return (h,), h
    if options.cell == "gru":
        (xr, xz, xn), (hr, hz, hn) = jnp.split(from_input, 3, -1), jnp.split(hidden, 3, -1)
        r, z = jax.nn.sigmoid(xr + hr), jax.nn.sigmoid(xz + hz)
        n = jnp.tanh(xn + r * hn)
        h = n + z * (h - n)
        return (h,), h
    i, f, g, o = jnp.split(from_input + hidden, 4, -1)
    c = jax.nn.sigmoid(f) * state[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return (h, c), h


def loss_function(parameters, states, inputs, targets, key):
    x = parameters["embedding"][inputs]
    new_states = []
    for k, (input_weight, hidden_weight, input_bias, hidden_bias) in enumerate(parameters["layers"]):
        from_input = x @ input_weight + input_bias
        state, x = jax.lax.scan(
            lambda state, row: cell_step(state, row, hidden_weight, hidden_bias), states[k], from_input,
            unroll=work.WINDOW)
        new_states.append(state)
        if k + 1 < LAYERS and DROPOUT > 0:
            kept = jax.random.bernoulli(jax.random.fold_in(key, k), 1 - DROPOUT, x.shape)
            x = jnp.where(kept, x / (1 - DROPOUT), 0)
    logits = jax.nn.log_softmax(x @ parameters["weight"] + parameters["bias"])
    return -jnp.mean(jnp.take_along_axis(logits, targets[..., None], -1)), new_states


@functools.partial(jax.jit, donate_argnums=(0, 1, 2, 3))
def train_step(parameters, first, second, states, number, inputs, targets):
    key = jax.random.fold_in(jax.random.key(0), number)
    (loss, states), gradient = jax.value_and_grad(loss_function, has_aux=True)(
        parameters, states, inputs, targets, key)
    t = number + 1.0
    gradient = jax.tree.map(lambda g, p: g + DECAY * p, gradient, parameters)
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient)
    parameters = jax.tree.map(
        lambda p, m, v: p - RATE * m / (1 - 0.9 ** t) / (jnp.sqrt(v / (1 - 0.999 ** t)) + 1e-8),
        parameters, first, second)
    return parameters, first, second, states, loss


def main():
    rows, vocabulary = work.streams(options.text, options.batch)
    text = np.ascontiguousarray(np.array(rows, np.int32).T)
    windows = (len(text) - 1) // work.WINDOW
    parameters = initial(jax.random.key(1), vocabulary)
    first = jax.tree.map(jnp.zeros_like, parameters)
    second = jax.tree.map(jnp.zeros_like, parameters)
    parts = 2 if options.cell == "lstm" else 1
    states = [tuple(jnp.zeros((options.batch, HIDDEN)) for _ in range(parts)) for _ in range(LAYERS)]

    def step(number):
        nonlocal parameters, first, second, states
        start = number % windows * work.WINDOW
        parameters, first, second, states, loss = train_step(
            parameters, first, second, states, float(number), text[start:start + work.WINDOW],
            text[start + 1:start + 1 + work.WINDOW])
        return float(loss)

    work.measure(step, options.steps)


main()
