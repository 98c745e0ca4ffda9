"""Loss and metrics of classes: one for each sample, or one for each token of a sequence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gradtop.trainer.data.dataset import Source
from gradtop.trainer.metrics import (
    ACCURACY,
    BITS_PER_CHARACTER,
    CHARACTERS,
    LOSS,
    PERPLEXITY,
    SAMPLES,
    TEXT_TOKENS,
    TOKENS,
    TOP,
    TOP5_ACCURACY,
    TOP_CLASSES,
)
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.tasks.kinds import TaskConfig
from gradtop.trainer.tasks.kinds.classification import NOT_IGNORED, ClassificationTask
from gradtop.trainer.tasks.kinds.classification.counts import ClassCounts
from gradtop.trainer.tasks.kinds.classification.labels import class_facts, count_labels, entropy_baseline
from gradtop.trainer.tasks.task import AddedMetrics, MetricInputs, Score, TargetFacts, shape_text

LEAST_WEIGHT = 1e-12  # of a batch in which nothing counts


def build_plain(_config: TaskConfig, source: Source, _saved: Mapping[str, Any]) -> Classifier:
    """Without weights; the targets of a batch tell whether they are of samples or of tokens."""
    return Classifier(classes=source.info.classes, text=_text_of(source))


def build_language_model(_config: TaskConfig, source: Source, _saved: Mapping[str, Any]) -> Classifier:
    """Raises UserError."""
    if not source.tokens_per_sample:
        raise UserError("task.kind = language_model requires labels for each token of a sample, (samples, tokens), and each sample has one; set task.kind = classification")
    return Classifier(classes=source.info.classes, text=_text_of(source))


def build(config: ClassificationTask, source: Source, saved: Mapping[str, Any]) -> Classifier:
    """Raises UserError."""
    classes = source.info.classes
    weights = None
    if source.tokens_per_sample:
        raise UserError("task.kind = classification requires one label for each sample, and these have several; set task.kind = language_model, or leave it out")
    if config.class_weights:
        if len(config.class_weights) != classes:
            raise UserError(f"task.class_weights must be {classes} weights, one for each class of the data, not {len(config.class_weights)}")
        weights = torch.tensor(config.class_weights)
    elif config.balanced:
        weights = _saved_weights(saved, classes)
        weights = _balanced(source, classes, config.ignore_index) if weights is None else weights
    return Classifier(classes=classes, weights=weights, focal=config.focal, ignored=config.ignore_index)


class TextUnits(NamedTuple):
    """What of a text has a number: each character, or tokens of so many characters, None where this is not known."""

    characters: bool
    per_token: Tensor | None = None


def _text_of(source: Source) -> TextUnits | None:
    encoding = getattr(source, "encoding", None)
    if not source.tokens_per_sample or encoding is None:
        return None
    return TextUnits(encoding.unit == CHARACTERS, getattr(source, "characters_per_token", None))


def _saved_weights(saved: Mapping[str, Any], classes: int) -> Tensor | None:
    found = saved.get("weights")
    return torch.tensor(found, dtype=torch.float32) if isinstance(found, list) and len(found) == classes else None


def _balanced(source: Source, classes: int, ignored: int) -> Tensor:
    labels = source.labels
    if labels is None:
        raise UserError("task.balanced requires the labels of all training samples, which a Dataset that is read sample by sample does not give; set task.class_weights")
    counts, counted, _ = count_labels(labels[labels != ignored], classes)
    return torch.tensor([counted / (classes * count) if count else 0.0 for count in counts])


class Classifier:
    """Outputs (batch, classes) or (batch, positions, classes); targets are class numbers, or shares of the classes where images were mixed."""

    each = "class"

    def __init__(
        self, *, classes: int = 0, text: TextUnits | None = None, weights: Tensor | None = None, focal: float = 0.0, ignored: int = NOT_IGNORED
    ) -> None:
        self._classes = classes
        self._text = text
        self._weights = weights
        self._focal = focal
        self._ignored = ignored
        self.headline = PERPLEXITY if text is not None else ACCURACY
        self.added = AddedMetrics()

    @property
    def is_plain(self) -> bool:
        """Whether all samples count alike."""
        return self._weights is None and not self._focal and self._ignored == NOT_IGNORED

    def loss(self, outputs: Tensor, targets: Tensor, *, smoothing: float = 0.0) -> Tensor:
        outputs, targets = _flat(outputs, targets)
        if self.is_plain:
            return functional.cross_entropy(outputs, targets, label_smoothing=smoothing)
        # The mean of torch's own is NaN in a batch in which nothing counts.
        return self.losses(outputs, targets, smoothing).sum() / self.weight(targets)

    def losses(self, outputs: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """Of each sample, weighted: 0 where the label is ignored."""
        found = functional.cross_entropy(
            outputs, targets, weight=self._weights_on(outputs.device), ignore_index=self._ignored, reduction="none", label_smoothing=smoothing
        )
        if not self._focal:
            return found
        there = targets != self._ignored
        right = outputs.softmax(1).gather(1, targets.where(there, 0).unsqueeze(1)).squeeze(1)
        return found * (1 - right) ** self._focal

    def weight(self, targets: Tensor) -> Tensor | int:
        if self.is_plain:
            return len(targets)
        there = targets != self._ignored
        weights = self._weights_on(targets.device)
        each = there.float() if weights is None else weights[targets.where(there, 0)] * there
        return each.sum().clamp_min(LEAST_WEIGHT)

    def _weights_on(self, device: torch.device) -> Tensor | None:
        if self._weights is not None and self._weights.device != device:
            self._weights = self._weights.to(device)
        return self._weights

    def accuracy(self, outputs: Tensor, targets: Tensor) -> Tensor:
        outputs, targets = _flat(outputs, targets)
        # Of mixed images, whose targets are shares, the class that has most of it.
        right = outputs.argmax(1) == (targets if targets.dim() == 1 else targets.argmax(1))
        if self._ignored == NOT_IGNORED:
            return right.float().mean()
        return (right & (targets != self._ignored)).sum() / (targets != self._ignored).sum()

    def meter(self) -> ClassMeter:
        return ClassMeter(self, ignored=self._ignored, text=self._text)

    def for_metrics(self, outputs: Tensor, targets: Tensor) -> MetricInputs:
        return MetricInputs(outputs, targets if self._ignored == NOT_IGNORED else targets.where(targets != self._ignored, NOT_IGNORED))

    def describe(self, outputs: Tensor, names: Sequence[str], top: int) -> list[dict[str, Any]]:
        """The most probable first."""
        probabilities, classes = outputs.softmax(1).topk(min(top, outputs.shape[1]))
        return [
            {"top": [{"class": number, "name": names[number] if number < len(names) else None, "probability": value} for number, value in zip(numbers, values, strict=True)]}
            for numbers, values in zip(classes.tolist(), probabilities.tolist(), strict=True)
        ]

    def labels(self, targets: Tensor) -> str:
        if targets.dim() == 1:
            return SAMPLES
        if self._text is None:
            return TOKENS
        return CHARACTERS if self._text.characters else TOKENS if self._text.per_token is None else TEXT_TOKENS

    def check_outputs(self, outputs: Tensor, targets: Tensor, when: str) -> None:
        wanted = (*targets.shape, self._classes)
        if outputs.shape == wanted:
            return
        if outputs.shape[:-1] == targets.shape:
            raise UserError(
                f"the model does not fit the data: it {when}returns {outputs.shape[-1]} values for each label, and the data have {self._classes} classes; "
                f"give its last layer {self._classes} outputs"
            )
        raise UserError(
            f"the model does not fit the data: for labels of {shape_text(targets)} it {when}returns {shape_text(outputs)}; "
            f"{'×'.join(map(str, wanted))} is expected, a value for each label and class"
        )

    def target_facts(self, targets: Tensor | None, *, sampled: bool, smoothing: float) -> TargetFacts:
        if targets is not None and self._ignored != NOT_IGNORED:
            targets = targets[targets != self._ignored]
        facts = class_facts(targets, self._classes, sampled=sampled, smoothing=smoothing, weights=self._weights)
        return facts._replace(constant_loss=None, constant_training_loss=None) if self._focal else facts

    def loss_baseline(self, support: Sequence[int]) -> dict[str, float]:
        """The best constant of a focal loss is not known."""
        return {} if self._focal else entropy_baseline(support, self._weights)

    def state_dict(self) -> dict[str, Any]:
        return {} if self._weights is None else {"weights": self._weights.tolist()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if (found := _saved_weights(state, self._classes)) is not None:
            self._weights = found

    def inherit(self, state: Mapping[str, Any]) -> str:  # noqa: ARG002 - the weights of classes are of the new data
        return ""


class ClassMeter:
    """A sample with an output that is NaN has no prediction."""

    def __init__(self, classifier: Classifier, *, ignored: int, text: TextUnits | None) -> None:
        self._classifier = classifier
        self._ignored = ignored
        self._text = text
        self._per_token = text.per_token if text is not None else None
        self._length: Tensor | int = 0
        self._loss = self._right = self._weight = torch.zeros(())
        self._samples = 0
        self._counts: ClassCounts | None = None
        self._tokens: Tensor | None = None  # how often each occurs

    def add(self, outputs: Tensor, targets: Tensor) -> None:
        if targets.dim() > 1:
            self._add_tokens(*_flat(outputs, targets))
            return
        self._counts = self._counts or ClassCounts(outputs.shape[-1])
        losses = self._classifier.losses(outputs, targets)
        if not self._classifier.is_plain:
            self._weight = self._weight.to(outputs.device) + self._classifier.weight(targets)
        # As a label that is of no class.
        labels = targets if self._ignored == NOT_IGNORED else targets.where(targets != self._ignored, NOT_IGNORED)
        top = [(outputs.topk(TOP, sorted=False).indices == labels[:, None]).any(1)] if outputs.shape[-1] >= TOP_CLASSES else []
        # All that can wait is computed once for all batches: what a small batch takes is calls of torch.
        self._counts.add(labels, outputs.argmax(1), losses, *top)
        self._samples += len(targets)

    def _add_tokens(self, outputs: Tensor, targets: Tensor) -> None:
        self._loss = self._loss.to(outputs.device) + functional.cross_entropy(outputs, targets, reduction="sum")
        self._right = self._right.to(outputs.device) + (outputs.argmax(1) == targets).sum()
        # Below 0 is of no class.
        counted = torch.bincount(targets.clamp_min(-1) + 1, minlength=outputs.shape[-1] + 1)[1:]
        self._tokens = counted if self._tokens is None else self._tokens + counted
        self._samples += len(targets)
        if self._per_token is not None:
            self._per_token = self._per_token.to(targets.device)
            self._length = self._length + self._per_token[targets].sum()

    def result(self) -> Score:
        if not self._samples:
            return Score(math.nan)
        if self._counts is None:
            loss = self._loss.item() / self._samples
            return Score(loss, self._right.item() / self._samples, of_tokens(loss, self._characters()), baselines=self._of_frequencies())
        found = self._counts.result()
        plain = self._classifier.is_plain
        counted = self._samples if plain else sum(found.support)
        if not counted:
            return Score(math.nan)
        further, baselines = dict(found.metrics), {**self._classifier.loss_baseline(found.support), **found.baselines}
        if found.classes >= TOP_CLASSES:
            further[TOP5_ACCURACY] = int(self._counts.top) / counted
            baselines[TOP5_ACCURACY] = sum(sorted(found.support)[-TOP:]) / counted
        return Score(float(self._counts.loss) / (self._samples if plain else self._weight.item()), found.right / counted, further, found, baselines)

    def _of_frequencies(self) -> dict[str, float]:
        """Of giving each token the probability that is its share: a unigram model of the validation text."""
        if self._tokens is None:
            return {}
        counts = self._tokens.cpu().double()
        if not counts.sum():
            return {}
        shares = counts[counts > 0] / counts.sum()
        loss = float(-(shares * shares.log()).sum())
        return {LOSS: loss, ACCURACY: float(shares.max()), **of_tokens(loss, self._characters())}

    def _characters(self) -> float | None:
        """Of one token, on average."""
        if self._text is None:
            return None
        if self._text.characters:
            return 1.0
        return int(self._length) / self._samples if self._per_token is not None else None


def of_tokens(loss: float, characters: float | None) -> dict[str, float]:
    """The metrics of a language model from the mean cross-entropy per token, which has so many `characters` on average, where that is known."""
    try:
        perplexity = math.exp(loss)
    except OverflowError:
        perplexity = math.inf
    return {PERPLEXITY: perplexity, **({BITS_PER_CHARACTER: loss / math.log(2) / characters} if characters else {})}


def _flat(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Of sequences a row for each token."""
    return (outputs.flatten(0, -2), targets.flatten()) if outputs.dim() > 2 else (outputs, targets)
