"""Generating text with a language model."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor


@torch.no_grad()
def generate(
    forward: Callable[[Tensor], Tensor], start: Tensor, *, context: int, temperature: float, generator: torch.Generator
) -> Iterator[int]:
    """Yield token numbers without end, each drawn from the softmax of the outputs divided by `temperature`, given the `context` tokens before it.

    `start` has the numbers of the prompt, (tokens,); `forward` maps (1, positions) to (1, positions, classes). A temperature of 0
    takes the largest output. It ends where an output is NaN.
    """
    tokens = start[-context:]
    while True:
        # The generator is one of the CPU, so that every device draws the same.
        outputs = forward(tokens.unsqueeze(0))[0, -1].float().cpu()
        if outputs.isnan().any():
            return
        if temperature:
            # The largest becomes 0, so that no temperature overflows.
            chosen = torch.multinomial(torch.softmax((outputs - outputs.max()) / temperature, 0), 1, generator=generator)
        else:
            chosen = outputs.argmax().unsqueeze(0)
        yield int(chosen)
        tokens = torch.cat((tokens, chosen.to(tokens.device)))[-context:]
