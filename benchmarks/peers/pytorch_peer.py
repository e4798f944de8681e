"""The same training steps in PyTorch: plain, or DistributedDataParallel over gloo with --processes, which it starts unless RANK says that somebody has."""

import os
import sys

import torch
from torch import nn

import work


class Model(nn.Module):
    def __init__(self, cell, vocabulary):
        super().__init__()
        layers, hidden, dropout, _, _ = work.MODELS[cell]
        self.embedding = nn.Embedding(vocabulary, work.EMBEDDING)
        self.recurrent = getattr(nn, cell.upper())(work.EMBEDDING, hidden, layers, dropout=dropout)
        self.output = nn.Linear(hidden, vocabulary)

    def forward(self, tokens, state):
        result, state = self.recurrent(self.embedding(tokens), state)
        return self.output(result), state


def detached(state):
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


def run(rank, options):
    torch.set_num_threads(options.threads or (1 if options.processes > 1 else options.cores))
    torch.manual_seed(0)
    rows, vocabulary = work.streams(options.text, options.batch)
    share = options.batch // options.processes
    text = torch.tensor(rows[rank * share:(rank + 1) * share]).t().contiguous()
    model = Model(options.cell, vocabulary)
    if options.processes > 1:
        os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
        os.environ.setdefault("MASTER_PORT", "29533")
        torch.distributed.init_process_group("gloo", rank=rank, world_size=options.processes)
        model = nn.parallel.DistributedDataParallel(model)
    _, _, _, rate, decay = work.MODELS[options.cell]
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, weight_decay=decay)
    loss_function = nn.CrossEntropyLoss()
    windows = (len(text) - 1) // work.WINDOW
    state = None

    def step(number):
        nonlocal state
        first = number % windows * work.WINDOW
        inputs = text[first:first + work.WINDOW]
        targets = text[first + 1:first + 1 + work.WINDOW]
        logits, state = model(inputs, state)
        state = detached(state)
        optimizer.zero_grad(set_to_none=True)
        loss = loss_function(logits.flatten(0, 1), targets.flatten())
        loss.backward()
        optimizer.step()
        return loss.item()

    if rank == 0:
        work.measure(step, options.steps)
    else:
        for number in range(options.steps + 10):
            step(number)
    if options.processes > 1:
        # A process that is gone before the other has finished its last sum ends it with an error; so may taking gloo's threads down.
        torch.distributed.barrier()
        sys.stdout.flush()
        os._exit(0)


if __name__ == "__main__":
    options = work.arguments()
    if "RANK" in os.environ:
        run(int(os.environ["RANK"]), options)
    elif options.processes > 1:
        torch.multiprocessing.spawn(run, args=(options,), nprocs=options.processes)
    else:
        run(0, options)
