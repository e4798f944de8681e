#!/usr/bin/env python3
"""Writes the golden numbers that GoldenTests.swift meets: small models, computed by PyTorch in float64.

    pip install torch safetensors numpy
    python3 Tests/Golden/make_golden.py

For each cell: weights, three windows with the hidden state carried from one to the next, and for the first of
them logits, hidden states, loss and gradients; then, for each optimizer, the parameters after three steps.
All sizes differ, so that no transposed matrix can pass.
"""

import pathlib

import numpy as np
import torch
from safetensors.numpy import save_file

from notebook_model import CELLS, NotebookModel

V, E, H, L, B = 11, 5, 7, 2, 3
WINDOW_LENGTHS = [6, 4, 5]

OPTIMIZERS = {
    "adam": (torch.optim.Adam, dict(lr=0.01), None),
    "l2": (torch.optim.Adam, dict(lr=0.01, weight_decay=0.1), None),
    "adamw": (torch.optim.AdamW, dict(lr=0.01, weight_decay=0.1), None),
    "clip": (torch.optim.Adam, dict(lr=0.01), 0.05),
}


def new_model(cell):
    return NotebookModel(cell, V, E, H, L)


def detached(state):
    return tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()


def named_state(name, state):
    h, c = state if isinstance(state, tuple) else (state, None)
    return {f"{name}.h": h} | ({} if c is None else {f"{name}.c": c})


def loss_of(model, window, state):
    inputs, targets = window
    logits, output, state = model(inputs, state)
    loss = torch.nn.functional.cross_entropy(logits.reshape(-1, V), targets.reshape(-1))
    return loss, logits, output, state


def parameters(prefix, model):
    return {f"{prefix}{name}": value.detach().clone() for name, value in model.named_parameters()}


def golden(cell):
    torch.manual_seed(20_26)
    # Initial values are float32 numbers, so that both sides start from the same.
    start = new_model(cell).state_dict()
    total = sum(WINDOW_LENGTHS)
    text = torch.randint(V, (total + 1, B))
    windows, begin = [], 0
    for length in WINDOW_LENGTHS:
        end = begin + length
        windows.append((text[begin:end], text[begin + 1 : end + 1]))
        begin = end
    h0 = torch.randn(L, B, H).double() * 0.5
    c0 = torch.randn(L, B, H).double() * 0.5
    h0, c0 = h0.float().double(), c0.float().double()
    state0 = (h0, c0) if cell == "lstm" else h0

    def fresh():
        model = new_model(cell).double()
        model.load_state_dict(start)
        return model

    model = fresh()
    tensors = {"tokens": text} | parameters("", model) | named_state("state", state0)
    loss, logits, output, state = loss_of(model, windows[0], state0)
    loss.backward()
    tensors |= {"expected.loss": loss, "expected.logits": logits, "expected.output": output}
    tensors |= named_state("expected.state", state)
    tensors |= {f"expected.gradient.{name}": p.grad for name, p in model.named_parameters()}

    for name, (optimizer_type, options, clip) in OPTIMIZERS.items():
        model, state = fresh(), state0
        optimizer = optimizer_type(model.parameters(), **options)
        for window in windows:
            optimizer.zero_grad()
            loss, _, _, state = loss_of(model, window, detached(state))
            loss.backward()
            if clip is not None:
                torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
        tensors |= parameters(f"expected.{name}.", model)
    return {name: np.atleast_1d(t.detach().numpy().astype(np.float32)) for name, t in tensors.items()}


if __name__ == "__main__":
    for cell in CELLS:
        save_file(
            golden(cell),
            pathlib.Path(__file__).with_name(f"{cell}.safetensors"),
            metadata={"source": f"make_golden.py, PyTorch {torch.__version__}, float64"},
        )
