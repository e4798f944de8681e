"""The work that all peers do, and how they are timed: the notebook's sizes, on a text that all read."""

import argparse
import json
import resource
import statistics
import time

WINDOW, EMBEDDING = 8, 42
MODELS = {  # cell, layers, hidden width, dropout between layers, learning rate, weight decay
    "rnn": (1, 256, 0.0, 1e-3, 0.0),
    "gru": (1, 256, 0.0, 1e-3, 0.0),
    "lstm": (2, 512, 0.5, 1e-2, 1e-5),
}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("cell", choices=MODELS)
    parser.add_argument("text")
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--threads", type=int, help="of each process; without it, one process has as many as cores")
    parser.add_argument("--batch", type=int, default=64, help="streams, of all processes together")
    parser.add_argument("--steps", type=int, default=100)
    return parser.parse_args()


def streams(path, batch):
    """[batch, columns] of token numbers, and the vocabulary's size with <unk> and <pad>."""
    with open(path, encoding="utf-8") as file:
        text = file.read().replace("\n", "")
    numbers = {character: index + 2 for index, character in enumerate(sorted(set(text)))}
    columns = len(text) // batch
    rows = [[numbers[c] for c in text[b * columns:(b + 1) * columns]] for b in range(batch)]
    return rows, len(numbers) + 2


def measure(step, steps, warm_up=10):
    """Calls step(number) and prints the median in milliseconds, and the most memory that was held, as JSON."""
    milliseconds = []
    for number in range(warm_up + steps):
        start = time.perf_counter()
        step(number)
        milliseconds.append((time.perf_counter() - start) * 1000)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"stepMilliseconds": statistics.median(milliseconds[warm_up:]), "peakResidentBytes": peak}))
