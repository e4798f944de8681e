"""The model of the notebook in PyTorch, with the attribute names that checkpoints use."""

import torch

CELLS = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}


class NotebookModel(torch.nn.Module):
    def __init__(self, cell, vocabulary, embedding, hidden, layers):
        super().__init__()
        self.e = torch.nn.Embedding(vocabulary, embedding)
        self.rnn = CELLS[cell](embedding, hidden, layers)
        self.l_out = torch.nn.Linear(hidden, vocabulary)

    def forward(self, tokens, state=None):
        """tokens [T, B] to logits [T, B, V], the last layer's output [T, B, H] and the new state."""
        output, state = self.rnn(self.e(tokens), state)
        return self.l_out(output), output, state
