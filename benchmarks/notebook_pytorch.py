#!/usr/bin/env python3
"""The notebook's experiments in PyTorch, on the same text as our presets: validation loss by epoch, as JSON lines.

    pip install torch numpy
    python3 benchmarks/notebook_pytorch.py rnn|rnncell|gru|lstm TRAIN VALID [--seed N] [--epochs N] [--threads N]

Same data, windows, losses and schedules as `chartrain-dist --preset notebook-...`; other random numbers.
"""

import argparse
import json
import math
import pathlib
import sys
import time
from collections import Counter

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Tests" / "Golden"))
from notebook_model import NotebookModel  # noqa: E402

BS, BPTT, EMBEDDING = 64, 8, 42

# Cell, hidden width, layers, dropout, weight decay, phases of (epochs, rate or None to carry on, cosine, fresh Adam).
EXPERIMENTS = {
    "rnn": ("rnn", 256, 1, 0.0, 0.0, [(4, 1e-3, False, False), (4, 1e-4, False, True)]),
    "rnncell": ("rnn", 256, 1, 0.0, 0.0, [(4, 1e-3, False, False)]),
    "gru": ("gru", 256, 1, 0.0, 0.0, [(6, 1e-3, False, False), (3, 1e-4, False, True)]),
    "lstm": (
        "lstm", 512, 2, 0.5, 1e-5, [(2, 1e-2, False, False), (15, 1e-2, True, False), (63, None, True, False)],
    ),
}


def read(path):
    with open(path, encoding="utf-8") as file:
        return "".join(line.rstrip("\n") for line in file).lower()


def streams(text, ids):
    tokens = torch.tensor([ids.get(unit, 0) for unit in text] + [ids.get("<eos>", 0)])
    columns = len(tokens) // BS
    return tokens[: columns * BS].view(BS, columns).t().contiguous()


def detached(state):
    return tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()


def validate(model, data):
    model.eval()
    total, state = 0.0, None
    last = len(data) - 1
    with torch.no_grad():
        for start in range(0, last, 32):
            end = min(start + 32, last)
            logits, _, state = model(data[start:end], state)
            targets = data[start + 1 : end + 1].reshape(-1)
            total += torch.nn.functional.cross_entropy(
                logits.reshape(len(targets), -1), targets, reduction="sum"
            ).item()
    model.train()
    return total / (last * BS)


class CosineRestarts:
    """The notebook's scheduler, counters and all."""

    def __init__(self, base, nominal, mult):
        self.base, self.nb, self.mult, self.index, self.count = base, nominal, mult, 0, 0

    def next(self):
        if self.index < self.nb / 20:
            self.count += 1
            rate = self.base / 100
        else:
            rate = self.base / 2 * (math.cos(math.pi * self.count / self.nb) + 1)
            self.count += 1
            if self.count == self.nb:
                self.count, self.nb = 0, self.nb * self.mult
        self.index += 1
        return rate


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("experiment", choices=EXPERIMENTS)
    parser.add_argument("train")
    parser.add_argument("valid")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=10**9)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    random = np.random.default_rng(options.seed)

    train_text, valid_text = read(options.train), read(options.valid)
    frequent = sorted((-count, unit) for unit, count in Counter(train_text).items() if count >= 3)
    ids = {unit: id for id, unit in enumerate(["<unk>", "<pad>"] + [unit for _, unit in frequent])}
    train, valid = streams(train_text, ids), streams(valid_text, ids)
    nominal = len(train) // BPTT - 1

    cell, hidden, layers, dropout, weight_decay, phases = EXPERIMENTS[options.experiment]
    model = NotebookModel(cell, len(ids), EMBEDDING, hidden, layers)
    model.rnn.dropout = dropout
    optimizer, state, epoch, rate = None, None, 0, None
    for epochs, base, is_cosine, is_fresh in phases:
        base = rate if base is None else base
        if optimizer is None or is_fresh:
            optimizer = torch.optim.Adam(model.parameters(), lr=base, weight_decay=weight_decay)
        schedule = CosineRestarts(base, nominal, 2) if is_cosine else None
        rate = schedule.next() if schedule else base
        for _ in range(epochs):
            if epoch == options.epochs:
                return
            started, start = time.time(), 0
            for _ in range(nominal):
                if start >= len(train) - 1:
                    break
                mean = BPTT if random.random() < 0.95 else BPTT / 2
                end = min(start + max(5, int(random.normal(mean, 5))), len(train) - 1)
                for group in optimizer.param_groups:
                    group["lr"] = rate
                logits, _, state = model(train[start:end], detached(state) if state is not None else None)
                targets = train[start + 1 : end + 1].reshape(-1)
                loss = torch.nn.functional.cross_entropy(logits.reshape(len(targets), -1), targets)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                rate = schedule.next() if schedule else base
                start = end
            epoch += 1
            seconds = time.time() - started
            print(
                json.dumps({"epoch": epoch, "validLoss": validate(model, valid), "seconds": round(seconds, 1)}),
                flush=True,
            )


if __name__ == "__main__":
    main()
