#!/usr/bin/env python3
"""Runs a model's ONNX file in onnxruntime and its safetensors file in PyTorch over the same characters; prints the largest
difference of their logits and states.

    python3 Tests/Golden/check_onnx.py MODEL.onnx MODEL.safetensors
"""

import json
import sys

import numpy
import onnxruntime
import torch
from safetensors import safe_open

from notebook_model import NotebookModel

TIME, STREAMS = 17, 3


def main(onnx_path, tensors_path):
    with safe_open(tensors_path, "pt") as file:
        config = json.loads(file.metadata()["chartrain.config"])
        vocabulary = json.loads(file.metadata()["chartrain.vocab"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    model = NotebookModel(config["cell"], len(vocabulary), config["embedding"], config["hidden"], config["layers"])
    model.load_state_dict(tensors)
    tokens = numpy.random.default_rng(1).integers(0, len(vocabulary), (TIME, STREAMS))
    with torch.no_grad():
        logits, _, state = model(torch.from_numpy(tokens))
    names = ["h", "c"] if config["cell"] == "lstm" else ["h"]
    expected = [logits.numpy()] + [part.numpy() for part in (state if len(names) == 2 else [state])]

    session = onnxruntime.InferenceSession(onnx_path, providers=["CPUExecutionProvider"])
    assert json.loads(session.get_modelmeta().custom_metadata_map["chartrain.vocab"]) == vocabulary
    states = {name: numpy.zeros((config["layers"], STREAMS, config["hidden"]), numpy.float32) for name in names}
    found = []
    # In two pieces: the state goes from one to the other.
    for piece in (tokens[:5], tokens[5:]):
        inputs = {"tokens": piece} | {name + "0": states[name] for name in names}
        logits, *after = session.run(["logits"] + names, inputs)
        states = dict(zip(names, after))
        found.append(logits)
    found = [numpy.concatenate(found)] + [states[name] for name in names]
    print(max(float(numpy.abs(a - b).max()) for a, b in zip(expected, found)))


if __name__ == "__main__":
    main(*sys.argv[1:])
