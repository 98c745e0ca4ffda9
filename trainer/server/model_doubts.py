"""What a step of a few samples shows of a model that trains, and likely not as it is meant."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from gradtop.trainer.analysis.formatting import number
from gradtop.trainer.tasks.kinds.classification.classifier import Classifier
from gradtop.trainer.tasks.kinds.multi_label.labeler import Labeler
from gradtop.trainer.tasks.kinds.segmentation.segmenter import Segmenter

NAMED = 3
CLOSE = 1e-3  # by which sums of probabilities may differ from 1, as in half precision
FEWEST = 32  # outputs that all lie between 0 and 1 before that is taken for a sigmoid


def doubts_of_outputs(task: object, outputs: Tensor | None) -> Iterator[str]:
    """`outputs` are those of the initial weights: of logits, about half are negative."""
    if outputs is None:
        return
    if isinstance(task, Classifier | Segmenter) and any(_are_shares(outputs, dimension) for dimension in {1, outputs.dim() - 1} if outputs.dim() > 1):
        yield "the outputs of the model are probabilities, and the loss applies a softmax to them once more: the model trains slowly or not at all; return what is before the softmax"
    if isinstance(task, Labeler) and outputs.numel() >= FEWEST and bool((outputs > 0).all() & (outputs < 1).all()):
        yield "all outputs of the model are between 0 and 1, as after a sigmoid, and the loss applies one, too: return what is before the sigmoid"


def _are_shares(outputs: Tensor, dimension: int) -> bool:
    values = outputs.detach().float()
    return values.shape[dimension] > 1 and bool((values >= 0).all() & ((values.sum(dimension) - 1).abs() < CLOSE).all())


def doubts_of_gradients(model: nn.Module) -> Iterator[str]:
    """After a backward pass from gradients that were None; a zero is no doubt, as one sample may well have it."""
    training = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    left = [name for name, parameter in training.items() if parameter.grad is None]
    if left:
        values = sum(training[name].numel() for name in left)
        more = f" and {number(len(left) - NAMED)} more" if len(left) > NAMED else ""
        yield (
            f"no gradient reaches {number(len(left))} of {number(len(training))} parameters ({number(values)} values), which will not train: {', '.join(left[:NAMED])}{more}; "
            "the loss does not depend on them, or detach(), no_grad() or an operation without a gradient cuts them off"
        )
