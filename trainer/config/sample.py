"""The text that a language model writes at the end of an epoch."""

from __future__ import annotations

from gradtop.trainer.declare import Section, setting


class SampleConfig(Section):
    prompt: str = setting("", help="Beginning of the text that a language model continues; empty for the beginning of the validation text.", effect="live")
    length: int = setting(200, help="Number of characters, or with data.tokenizer of tokens, that are generated.", unit="tokens", effect="live", ge=1, le=2_000)
    temperature: float = setting(0.8, help="Temperature of the softmax from which tokens are drawn; 0 always takes the most likely one.", effect="live", ge=0, le=100)
    every: int = setting(1, help="Epochs between samples of text; 0 generates none.", unit="epochs", effect="live", ge=0, le=1_000_000)
