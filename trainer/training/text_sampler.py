"""The text that a language model generates at the end of an epoch, for people to read."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import torch

from gradtop.trainer.data.batches import generator_of
from gradtop.trainer.data.kinds.text.loader import TextSource
from gradtop.trainer.metrics import CHARACTERS, TOKENS
from gradtop.trainer.models.generation import generate
from gradtop.trainer.record import EventKind
from gradtop.trainer.record.samples import TextSample
from gradtop.trainer.runtime.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from gradtop.trainer.config import Config
    from gradtop.trainer.data.dataset import Source
    from gradtop.trainer.training.session import Session

# Seconds that one sample may take: 5 % of what was trained since the last one, within these bounds.
LEAST, SHARE, MOST = 0.5, 0.05, 5.0
OPENING = {CHARACTERS: 32, TOKENS: 12}  # of the validation text, in place of a prompt
NAMED = 8  # characters that a message names


def check_prompt(config: Config, source: Source) -> None:
    """Raises UserError where the prompt has characters that the model does not know."""
    if not isinstance(source, TextSource):
        return
    prompt = config.sample.prompt
    if prompt and not len(source.encoding.encode(prompt)):
        raise UserError("sample.prompt: the tokenizer makes no token of it; write another one")
    if unknown := source.encoding.unknown(prompt):
        several = " ".join(map(repr, unknown[:NAMED])) + (" …" if len(unknown) > NAMED else "")
        raise UserError(
            f"sample.prompt: {several} {'does' if len(unknown) == 1 else 'do'} not occur in the training text, whose {len(source.vocabulary)} characters are "
            "all that the model knows; write the prompt with those"
        )


class TextSampler:
    """Generates a sample of text after the evaluation of an epoch; training is as without it, bit for bit."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._since = session.stopwatch.seconds
        self._given_up = False

    def sample_if_due(self) -> None:
        """Obeys control while it generates, and raises what that raises."""
        session, source = self._session, self._session.source
        every = session.config.sample.every
        epoch = -(-session.step // session.per_epoch)
        if self._given_up or not every or not isinstance(source, TextSource) or (epoch % every and not session.finished):
            return
        # Whatever the model may draw from the shared generators when it is evaluated.
        session.generators.hold()
        try:
            found = self._generate(source, limit=min(MOST, max(LEAST, SHARE * (session.stopwatch.seconds - self._since))))
        except _Failed as failed:
            self._given_up = True
            session.writer.event(EventKind.UNAVAILABLE, step=session.step, stream="samples", reason=str(failed))
            return
        finally:
            session.generators.put_back()
        self._since = session.stopwatch.seconds
        if not found:
            return  # the weights are NaN
        config, score = session.config.sample, session.scores.newest
        session.writer.sample(
            TextSample(
                step=session.step,
                epoch=epoch,
                time=time.time(),
                loss=score.loss if score else None,
                temperature=config.temperature,
                prompt=source.encoding.decode(self._prompt(source)),
                text=source.encoding.decode(torch.tensor(found)),
                tokens=len(found) if source.encoding.unit == TOKENS else 0,
                wanted=config.length,
            )
        )

    def _prompt(self, source: TextSource) -> Tensor:
        prompt = self._session.config.sample.prompt
        return source.encoding.encode(prompt).long() if prompt else source.validation_part[: OPENING[source.encoding.unit]].long()

    def _generate(self, source: TextSource, *, limit: float) -> list[int]:
        """Raises _Failed where the model cannot, Stop and EndNow where control says so."""
        session = self._session
        config, control, compute = session.config.sample, session.control, session.compute
        model = compute.evaluated
        numbers = generate(
            lambda inputs: compute.forward(inputs, model),
            self._prompt(source).to(session.device),
            context=source.context,
            temperature=config.temperature,
            generator=generator_of(session.config.training.seed, session.step),
        )
        found: list[int] = []
        until = time.monotonic() + limit
        model.eval()
        try:
            with self._uncompiled(), self._one_thread():
                while len(found) < config.length and (not found or time.monotonic() < until):
                    number = self._next(numbers)
                    if number is None:
                        break
                    found.append(number)
                    if control.due():
                        before = time.monotonic()
                        control.obey(session)
                        until += time.monotonic() - before  # it may have been a pause
        finally:
            model.train()
        return found

    @staticmethod
    def _next(numbers: Iterator[int]) -> int | None:
        try:
            return next(numbers, None)
        except Exception as error:
            first = (str(error).strip().splitlines() or [""])[0]
            raise _Failed(f"{type(error).__name__}: {first}") from error

    @contextlib.contextmanager
    def _one_thread(self) -> Iterator[None]:
        """On a CPU: what a single text takes is so little that threads would wait for one another most of the time."""
        session = self._session
        threads, wanted = torch.get_num_threads(), session.config.training.threads
        if session.device.type == "cpu":
            torch.set_num_threads(1)
        try:
            yield
        finally:
            # Unless it was changed live meanwhile.
            if session.config.training.threads == wanted:
                torch.set_num_threads(threads)

    def _uncompiled(self) -> contextlib.AbstractContextManager[object]:
        """Each length of a text would be compiled for itself."""
        compiled = self._session.config.training.compile and self._session.compute.ema is None
        return torch.compiler.set_stance("force_eager") if compiled else contextlib.nullcontext()


class _Failed(Exception):
    """The model cannot generate text."""
