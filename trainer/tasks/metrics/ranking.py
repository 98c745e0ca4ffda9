"""AUROC and average precision: how well the outputs of each class or label put what has it before what has not."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from gradtop.trainer.named_tuple import NamedTuple

KEPT = 1 << 26  # scores that are kept, 256 MiB; more are counted in bins
BINS = 4096  # of log-odds, for each class or label
MOST_BINNED = 1 << 24  # counts of bins at most: of very many classes there are fewer bins
REACH = 30.0  # log-odds beyond which a bin goes without end
AT_ONCE = 1 << 22  # scores that are sorted together


def binned_note(names: Sequence[str]) -> str:
    """What is said where `RankedScores` has counted in bins."""
    return f"{' and '.join(names)}: of more than {KEPT:,} outputs, which are counted in bins"


class RankedScores:
    """The outputs of one evaluation, of shape (samples, columns), and which samples have the class or label of each column.

    They are kept on their device, as they are until there are more than `kept`, then as counts in bins of their log-odds.
    """

    def __init__(self, *, kept: int = KEPT) -> None:
        self._kept = kept
        self._outputs: list[Tensor] = []
        self._labels: list[Tensor] = []
        self._values = 0
        self._bins: Tensor | None = None  # (2, columns, bins): without the class, with it; from the highest odds down
        self._nan: Tensor | None = None
        self._classes = False

    @property
    def binned(self) -> bool:
        return self._bins is not None

    def add(self, outputs: Tensor, labels: Tensor) -> None:
        """`labels` are class numbers (negative: of no class, counted nowhere), or of logits, which are odds by themselves, booleans of their shape."""
        self._classes = labels.dim() == 1
        self._outputs.append(outputs)
        self._labels.append(labels)
        self._values += outputs.numel()
        if self._values > self._kept:
            self._count()

    def _count(self) -> None:
        for outputs, labels in zip(self._outputs, self._labels, strict=True):
            scores = log_odds(outputs) if self._classes else outputs
            columns = scores.shape[1]
            size = max(2, min(BINS, MOST_BINNED // columns))
            nan = scores.isnan().any()
            self._nan = nan if self._nan is None else self._nan | nan
            place = ((REACH - scores.nan_to_num()) * (size / (2 * REACH))).long().clamp(0, size - 1)
            cell = (_has(labels, columns) * columns + torch.arange(columns, device=scores.device)) * size + place
            if self._classes:
                cell = cell[labels >= 0]
            counted = torch.bincount(cell.flatten(), minlength=2 * columns * size).view(2, columns, size)
            self._bins = counted if self._bins is None else self._bins + counted
        self._outputs, self._labels, self._values = [], [], self._kept

    def result(self) -> Curves:
        """Waits for the device. Empty without any sample, and where a score is NaN."""
        if self._bins is None and not self._outputs:
            return Curves()
        found = self._of_bins() if self._bins is not None else self._of_scores()
        # Of two classes one is the other turned round; by convention it is the second that is to be found.
        return found._replace(precisions=found.precisions[1:], shares=found.shares[1:]) if self._classes and len(found.shares) == 2 else found

    def _of_bins(self) -> Curves:
        if self._bins is None or self._nan is None or bool(self._nan):
            return Curves()
        misses, hits = self._bins.cpu().double().cumsum(2).unbind()
        return _areas(hits, misses, torch.ones_like(hits, dtype=torch.bool))

    def _of_scores(self) -> Curves:
        scores, labels = torch.cat(self._outputs), torch.cat(self._labels)
        if scores.device.type == "mps":
            # It has no float64.
            scores, labels = scores.cpu(), labels.cpu()
        if self._classes:
            there = labels >= 0
            scores, labels = scores[there], labels[there]
            scores = log_odds(scores)
        if not len(scores) or bool(scores.isnan().any()):
            return Curves()
        has = _has(labels, scores.shape[1])
        width = max(1, AT_ONCE // len(scores))
        parts = []
        for some, having in zip(scores.split(width, 1), has.split(width, 1), strict=True):
            ordered, order = some.T.sort(dim=1, descending=True)
            with_it = having.T.gather(1, order)
            hits = with_it.cumsum(1)
            misses = torch.arange(1, len(scores) + 1, device=scores.device) - hits
            # Equal scores are one point of a curve, which is the last of them.
            last = torch.ones_like(with_it)
            last[:, :-1] = ordered[:, 1:] != ordered[:, :-1]
            parts.append(_areas(hits.double(), misses.double(), last))
        return Curves(*([value for part in parts for value in part[column]] for column in range(3)))


class Curves(NamedTuple):
    """Of each column: the areas under its ROC curve and under precision over recall, nan where all samples are alike in it, and the share of samples that have it."""

    roc_areas: Sequence[float] = ()
    precisions: Sequence[float] = ()
    shares: Sequence[float] = ()

    @property
    def auroc(self) -> float:
        """The mean over the columns that some samples have, and some have not; nan without one."""
        return mean([area for area in self.roc_areas if not math.isnan(area)])

    @property
    def average_precision(self) -> float:
        """The mean over the columns that occur."""
        return mean([precision for precision, share in zip(self.precisions, self.shares, strict=True) if share > 0])

    @property
    def share(self) -> float:
        """The average precision of a constant."""
        return mean([share for share in self.shares if share > 0])


def _has(labels: Tensor, columns: int) -> Tensor:
    return labels if labels.dim() > 1 else labels[:, None] == torch.arange(columns, device=labels.device)


def _areas(hits: Tensor, misses: Tensor, last: Tensor) -> Curves:
    """By how many with and without the class, (columns, places), have come from the highest score down; only places that are `last` of equal scores count."""
    had, missed = _before(hits, last), _before(misses, last)
    count, others = hits[:, -1], misses[:, -1]
    area = ((misses - missed) * (hits + had) / 2 * last).sum(1) / (count * others)
    precision = ((hits - had) * hits / (hits + misses).clamp_min(1) * last).sum(1) / count
    return Curves(*torch.stack([area, precision, count / (count + others)]).tolist())


def _before(counts: Tensor, last: Tensor) -> Tensor:
    """At each place the count at the last place before it that is `last`."""
    reached = (counts * last).cummax(1).values
    return functional.pad(reached[:, :-1], (1, 0))


def log_odds(outputs: Tensor) -> Tensor:
    """Of each class against all others by the softmax of its row, which close to 0 and 1 would no longer tell apart what the odds do."""
    shifted = outputs - outputs.amax(1, keepdim=True)
    logs = shifted.log_softmax(1)
    top = shifted.argmax(1, keepdim=True)
    others = shifted.scatter(1, top, -math.inf).logsumexp(1, keepdim=True)
    return (logs - torch.log1p(-logs.exp())).scatter(1, top, shifted.gather(1, top) - others)


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
