#!/usr/bin/env python3
"""Loads a checkpoint of chartrain-dist into PyTorch and prints the loss there on a text, as JSON.

    python3 Tests/Golden/check_checkpoint.py CHECKPOINT TEXT STREAMS
"""

import json
import sys

import torch
from safetensors import safe_open

from notebook_model import NotebookModel


def main(checkpoint, text_path, streams):
    with safe_open(checkpoint, "pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    config = json.loads(metadata["chartrain.config"])
    vocabulary = json.loads(metadata["chartrain.vocab"])
    model = NotebookModel(
        config["cell"], len(vocabulary), config["embedding"], config["hidden"], config["layers"]
    )
    names = set(model.state_dict())
    model.load_state_dict({name: value for name, value in tensors.items() if name in names})

    ids = {unit: index for index, unit in enumerate(vocabulary)}
    with open(text_path, encoding="utf-8", newline="") as file:
        text = file.read()
    if config["lowercase"]:
        text = text.lower()
    tokens = torch.tensor([ids.get(unit, 0) for unit in text])
    columns = len(tokens) // streams
    by_stream = tokens[: columns * streams].view(streams, columns).t()
    with torch.no_grad():
        logits, _, _ = model(by_stream[:-1])
    loss = torch.nn.functional.cross_entropy(
        logits.double().reshape(-1, len(vocabulary)), by_stream[1:].reshape(-1)
    )
    print(json.dumps({"natsPerCharacter": loss.item(), "characters": by_stream[1:].numel()}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
