"""How a text that a language model generated is told."""

from __future__ import annotations

from gradtop.trainer.analysis.formatting import number, significant
from gradtop.trainer.record import clean
from gradtop.trainer.record.samples import TextSample

LONGEST = 4000  # characters of a text
PROMPT = 200  # of a prompt


def sample_title(sample: TextSample) -> str:
    """epoch 5  val loss 1.61  temperature 0.8; and how much of the text there is, where that is not all"""
    loss = "" if sample.loss is None else f"  val loss {significant(sample.loss)}"
    made, unit = (sample.tokens, "tokens") if sample.tokens else (len(sample.text), "characters")
    cut = f"  {number(made)} of {number(sample.wanted)} {unit} (time limit)" if made < sample.wanted else ""
    return f"epoch {number(sample.epoch)}{loss}  temperature {significant(sample.temperature)}{cut}"


def sample_parts(sample: TextSample) -> tuple[str, str]:
    """Prompt and continuation, safe to print, with their line breaks."""
    return clean(sample.prompt, PROMPT, keep_newlines=True), clean(sample.text, LONGEST, keep_newlines=True)


def sample_line(sample: TextSample, width: int) -> str:
    """Prompt and continuation in one line of so many characters, with ↵ for line breaks."""
    text = " ".join("".join(sample_parts(sample)).replace("\n", " ↵ ").split())
    return clean(text, max(2, width))
