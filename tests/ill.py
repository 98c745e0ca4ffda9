"""Runs that are ill on purpose, and what must be found in each. `python -m tests.ill` trains them and writes their table into docs/findings.md."""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from gradtop.trainer.analysis.findings import Report, Severity, report
from gradtop.trainer.config import apply_overrides, dump_config, parse_config
from gradtop.trainer.record import Run, RunReader, RunState, new_run, read_status, write_status
from gradtop.trainer.record.layout import Run as RunFolder
from gradtop.trainer.runtime.worker import work

BASE = """
[model]
kind = "mlp"
hidden = [48, 48]

[data]
kind = "digits"

[optimizer]
kind = "sgd"
lr = 0.05

[schedule]
kind = "constant"

[training]
epochs = 8
batch_size = 32
device = "cpu"
seed = 1
"""
LOOKS = 28  # moments of a run at which it is looked at again, to see when a finding came first


@dataclass(frozen=True)
class Ill:
    """`must` are the names of findings that fire, `may` those that are right as well; any other would be a false alarm. `notes` are all notes that there are."""

    name: str
    what: str
    changes: Sequence[str] = ()
    must: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()
    notes: frozenset[str] | None = None


def ill(name: str, what: str, changes: Sequence[str], must: str, may: str = "", notes: str | None = None) -> Ill:
    return Ill(name, what, changes, frozenset(must.split()), frozenset(may.split()), frozenset(notes.split()) if notes is not None else None)


def custom(data: str = "", model: str = "") -> list[str]:
    """A data set or a model of this module."""
    changes = ["data.kind=custom", f"data.target=tests.ill:{data}"] if data else []
    return [*changes, *(["model.kind=custom", f"model.target=tests.ill:{model}"] if model else [])]


BROKEN = "zero-gradients weights-not-moving weights-grown dead-units exploding-gradients loss-spike oscillating poor-initialization"
RECURRENT = ("training.epochs=4", "optimizer.kind=adam", "optimizer.lr=1e-2")
RUNS = (
    ill("healthy", "nothing", [], "", notes=""),
    ill("healthy, custom data and model", "nothing", [*custom("drawn", "network"), "training.epochs=24"], "", notes=""),
    ill("twelve samples for validation", "an accuracy of twelve samples", [*custom("few_validated", "network"), "training.epochs=12"], "", "overfitting", notes="few-validated"),
    ill("lr 1e9", "the loss overflows within three steps", ["optimizer.lr=1e9"], "failed diverged", "gradient-not-finite exploding-gradients weights-grown large-updates lr-too-high"),
    ill("lr 5", "all units die, the loss stays above chance", ["optimizer.lr=5"], "not-learning dead-units", f"{BROKEN} lr-too-high large-updates val-loss-diverged"),
    ill("lr 2e-7", "the weights hardly move", ["optimizer.lr=2e-7"], "not-learning", "lr-too-low weights-not-moving small-updates"),
    ill("Adam, lr 2e-7", "the same with steps that do not depend on the gradients", ["optimizer.kind=adam", "optimizer.lr=2e-7"], "not-learning", "lr-too-low small-updates"),
    ill("Adam, lr 0.3", "steps as large as the weights", ["optimizer.kind=adam", "optimizer.lr=0.3"], "not-learning", f"{BROKEN} lr-too-high large-updates vanishing-gradients"),
    ill("zeros", "every weight begins at zero", ["init.kind=zeros", "monitor.budget=0.5"], "not-learning zero-gradients weights-not-moving", "dead-units poor-initialization small-updates"),
    ill("ten sigmoid layers", "gradients vanish on their way", custom(model="sigmoids"), "not-learning vanishing-gradients", "weights-not-moving poor-initialization saturated-units small-updates lr-too-low"),
    ill("recurrent weights of 5", "gradients grow in each of 40 steps back", [*custom("drawn", "exploding"), *RECURRENT], "exploding-gradients", "not-learning saturated-units"),
    ill("healthy, recurrent", "nothing", [*custom("drawn", "recurrent"), *RECURRENT], ""),
    ill("dead ReLUs", "biases of -30 in the first layer", [*custom(model="dead"), "monitor.budget=0.5"], "not-learning dead-units zero-gradients weights-not-moving", "poor-initialization"),
    ill("shuffled labels", "labels that mean nothing, learnt by heart", [*custom("shuffled"), "training.epochs=60", "optimizer.kind=adam", "optimizer.lr=2e-3"], "val-at-chance", "overfitting val-loss-diverged"),
    ill("few samples", "100 noisy samples, a large model", [*custom("few"), "training.epochs=60", "optimizer.lr=0.1"], "overfitting"),
    ill("NaN in validation", "a layer that divides by zero outside training", custom(model="bad_evaluation"), "val-loss-not-finite"),
    ill("imbalance", "19 of 20 samples are of one class", custom("imbalanced"), "class-imbalance", "overfitting"),
    ill("raw inputs", "inputs with mean 200", [*custom("raw"), "optimizer.kind=adam", "optimizer.lr=1e-3"], "input-scale", "loss-spike oscillating"),
    ill("leak", "the target is among the inputs", [*custom("leaking"), "model.hidden=[]", "optimizer.lr=0.1"], "leak", "large-updates"),
    ill("clip 0.01", "every gradient is clipped by far", ["training.clip=0.01"], "clipping", "underfitting"),
    ill("schedule too short", "lr falls by 1e-4 an epoch", ["schedule.kind=step", "schedule.step_size=1", "schedule.gamma=1e-4", "optimizer.lr=0.01"], "lr-over", "underfitting weights-not-moving"),
    ill("decay by steps", "lr falls by a tenth a step", ["schedule.kind=exponential", "schedule.gamma=0.9", "schedule.unit=steps", "training.epochs=4"], "lr-over", "underfitting"),
    ill("warm-up without end", "a warm-up as long as the run", ["schedule.kind=cosine", "schedule.warmup_epochs=4", "training.epochs=4"], "lr-not-decayed"),
    ill("a class without samples", "all samples of class 4 are missing in training", [*custom("missing"), "training.epochs=24"], "absent-class class-never-predicted", "overfitting val-loss-diverged"),
    ill("validation on training data", "half of the samples for validation", [*custom("repeated"), "training.epochs=24"], "validation-overlap"),
    ill("softmax twice", "the model ends with a softmax", [*custom(model="softmax"), "training.epochs=20"], "bounded-outputs"),
    ill("sigmoid at the end", "the model ends with a sigmoid", [*custom(model="sigmoid"), "training.epochs=8"], "bounded-outputs"),
    ill("healthy, batch norm", "nothing", [*custom("drawn", "batch_norm"), "training.epochs=2"], "", notes=""),
    ill("batch norm without momentum", "running statistics that never move", [*custom("drawn", "no_momentum"), "training.epochs=2"], "batch-norm-statistics"),
    ill("batch norm in evaluation mode", "a layer that normalizes nothing", [*custom("drawn", "evaluating_norm"), "training.epochs=2"], "batch-norm-statistics"),
    ill("validation not normalized", "training inputs of mean 0 and deviation 1, validation inputs of 0 to 255", [*custom("differently_scaled", "network"), "training.epochs=2"], "validation-scale", "val-loss-diverged oscillating"),
    ill("sorted by label", "a DataLoader that does not shuffle", [*custom("loaders", "network"), "data.arguments.shuffle=false", "training.epochs=3"], "not-shuffled", "loss-spike oscillating val-loss-diverged not-learning diverged overfitting"),
    ill("healthy, a DataLoader that shuffles", "nothing", [*custom("loaders", "network"), "data.arguments.shuffle=true", "training.epochs=3"], "", notes=""),
    # Of these two, three measurements are needed: under load the usual budget may not reach for them.
    ill("weight decay 1", "weights are pulled to zero", ["optimizer.weight_decay=1", "monitor.budget=0.5"], "not-learning weights-shrunk", "vanishing-gradients dead-units zero-gradients poor-initialization"),
    ill("detached", "a layer that no gradient reaches", [*custom("drawn", "detached"), "training.epochs=24", "monitor.budget=0.5"], "weights-not-moving zero-gradients"),
    ill("large weights", "initialized with a deviation of 3", ["init.kind=normal", "init.std=3"], "not-learning", f"{BROKEN} loss-not-finite diverged failed gradient-not-finite"),
)


# Models and data of the runs


def sigmoids(*, channels: int, size: int, classes: int) -> nn.Module:
    width = channels * size * size
    layers = [layer for _ in range(10) for layer in (nn.Linear(width, width), nn.Sigmoid())]
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(width, classes))


def dead(*, channels: int, size: int, classes: int) -> nn.Module:
    first = nn.Linear(channels * size * size, 48)
    nn.init.constant_(first.bias, -30.0)
    return nn.Sequential(nn.Flatten(), first, nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, classes))


class Recurrent(nn.Module):
    """Reads a vector twice, number by number."""

    def __init__(self, classes: int, width: int = 16) -> None:
        super().__init__()
        self.rnn, self.head = nn.RNN(1, width, batch_first=True), nn.Linear(width, classes)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.rnn(inputs.flatten(1).repeat(1, 2).unsqueeze(2))[0][:, -1])  # type: ignore[no-any-return]


def recurrent(*, channels: int, size: int, classes: int) -> Recurrent:
    return Recurrent(classes)


def exploding(*, channels: int, size: int, classes: int) -> Recurrent:
    model = recurrent(channels=channels, size=size, classes=classes)
    nn.init.normal_(dict(model.named_parameters())["rnn.weight_hh_l0"], std=5 / model.rnn.hidden_size**0.5)
    return model


def network(*, channels: int, size: int, classes: int) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * size * size, 48), nn.ReLU(), nn.Linear(48, classes))


class Norm(nn.BatchNorm1d):
    """Stays in evaluation mode."""

    def train(self, mode: bool = True) -> Norm:
        return super().train(False)


def normalized(norm: nn.Module, *, width: int, classes: int) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(width, 48), norm, nn.ReLU(), nn.Linear(48, classes))


def batch_norm(*, channels: int, size: int, classes: int) -> nn.Sequential:
    return normalized(nn.BatchNorm1d(48), width=channels * size * size, classes=classes)


def no_momentum(*, channels: int, size: int, classes: int) -> nn.Sequential:
    return normalized(nn.BatchNorm1d(48, momentum=0.0), width=channels * size * size, classes=classes)


def evaluating_norm(*, channels: int, size: int, classes: int) -> nn.Sequential:
    return normalized(Norm(48), width=channels * size * size, classes=classes)


def softmax(*, channels: int, size: int, classes: int) -> nn.Module:
    return network(channels=channels, size=size, classes=classes).append(nn.Softmax(1))


def sigmoid(*, channels: int, size: int, classes: int) -> nn.Module:
    return network(channels=channels, size=size, classes=classes).append(nn.Sigmoid())


class Detach(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.detach()


def detached(*, channels: int, size: int, classes: int) -> nn.Module:
    return network(channels=channels, size=size, classes=classes).insert(2, Detach())


class DividesByZero(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        return inputs if self.training else inputs / (inputs.abs().sum() * 0)


def bad_evaluation(*, channels: int, size: int, classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * size * size, 48), nn.ReLU(), DividesByZero(), nn.Linear(48, classes))


def blobs(count: int, *, noise: float = 0.3, classes: int = 10, seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    """Two sets of vectors around the corners of a simplex."""
    draw = torch.Generator().manual_seed(seed)
    labels = [torch.randint(classes, (count,), generator=draw) for _ in range(2)]
    return [(nn.functional.one_hot(each, classes) + noise * torch.randn(count, classes, generator=draw), each) for each in labels]


def shuffled() -> list[tuple[Tensor, Tensor]]:
    draw = torch.Generator().manual_seed(3)
    return [(torch.randn(320, 64, generator=draw), torch.randint(10, (320,), generator=draw)) for _ in range(2)]


def few() -> list[tuple[Tensor, Tensor]]:
    return [(inputs[:100], labels[:100]) for inputs, labels in blobs(300, noise=0.6)]


def drawn() -> list[tuple[Tensor, Tensor]]:
    return blobs(640, classes=20)


def differently_scaled() -> list[tuple[Tensor, Tensor]]:
    training, (inputs, labels) = drawn()
    return [training, (127.5 + 60 * inputs, labels)]


def loaders(*, shuffle: bool) -> list[DataLoader[tuple[Tensor, ...]] | tuple[Tensor, Tensor]]:
    (inputs, labels), validation = drawn()
    order = labels.argsort()
    return [DataLoader(TensorDataset(inputs[order], labels[order]), batch_size=32, shuffle=shuffle), validation]


def few_validated() -> list[tuple[Tensor, Tensor]]:
    training, (inputs, labels) = drawn()
    return [training, (inputs[:12], labels[:12])]


def missing() -> list[tuple[Tensor, Tensor]]:
    (inputs, labels), validation = blobs(960)
    return [(inputs[labels != 4], labels[labels != 4]), validation]


def repeated() -> list[tuple[Tensor, Tensor]]:
    training, (inputs, labels) = drawn()
    return [training, (torch.cat([inputs[:320], training[0][:320]]), torch.cat([labels[:320], training[1][:320]]))]


def imbalanced() -> list[tuple[Tensor, Tensor]]:
    found = []
    for inputs, labels in blobs(2000, classes=2):
        kept = (labels == 0) | (torch.arange(len(labels)) % 20 == 0)
        found.append((inputs[kept], labels[kept]))
    return found


def raw() -> list[tuple[Tensor, Tensor]]:
    return [(200 + 100 * inputs, labels) for inputs, labels in blobs(640)]


def leaking() -> list[tuple[Tensor, Tensor]]:
    return [(20 * inputs, labels) for inputs, labels in blobs(960, noise=0.01)]


# Training them, and looking at them


def train(each: Ill, folder: Path) -> Run:
    """The run of one of them, at its end."""
    run = new_run(folder, dump_config(apply_overrides(parse_config(BASE), list(each.changes))), {"name": each.name})
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        work(run)
    return run


def found_in(run: Run) -> Report:
    reader = RunReader(run)
    reader.refresh()
    return report(reader)


def names(found: Report) -> set[str]:
    """Of what is wrong now."""
    return {finding.name for finding in found.present}


def notes(found: Report) -> set[str]:
    """Of what is information about a healthy run."""
    return {finding.name for finding in found.findings if finding.severity is Severity.NOTE and not finding.passed}


def as_of(run: Run, step: int, folder: Path) -> Run:
    """The run as it was after a step: its streams up to there."""
    target = folder / f"{run.id}-{step}"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(run.path, target, ignore=shutil.ignore_patterns("checkpoints", "control", "leases", "*.roll"))
    reader = RunReader(run)
    for name in ("steps", "evals", "layers", "activations"):
        stream = reader.stream(name)
        stream.refresh()
        for segment in stream.segments:
            kept = segment.place_of(step, after=True)
            file = target / "streams" / Path(segment._path).name
            file.write_bytes(file.read_bytes()[: kept * segment.size])
    then = RunFolder(target)
    status = read_status(run)
    write_status(then, status._replace(state=RunState.STOPPED, step=step, error="", stopped_early=0, seconds=status.seconds * step / max(1, status.step)))
    return then


def first_steps(run: Run, folder: Path) -> Mapping[str, int]:
    """The step after which each finding was there first, of those at which it is looked at: they come more closely in the beginning."""
    last = read_status(run).step
    found: dict[str, int] = {}
    for step in sorted({max(1, round(last ** (look / LOOKS))) for look in range(LOOKS)}):
        then = found_in(as_of(run, step, folder))
        for name in names(then) | notes(then):
            found.setdefault(name, step)
    end = found_in(run)
    for name in names(end) | notes(end):
        found.setdefault(name, last)
    return found


def table(folder: Path) -> str:
    lines = ["| run | what is wrong | found, and after how many steps first | steps |", "|---|---|---|---|"]
    for each in RUNS:
        run = train(each, folder)
        now, first, must = names(found_in(run)) | (each.notes or set()), first_steps(run, folder / "moments"), each.must | (each.notes or set())
        said = ", ".join(f"{'**' * (name in must)}`{name}`{'**' * (name in must)} {first[name]:,}" for name in sorted(now, key=lambda name: (name not in must, first[name])))
        lines.append(f"| {each.name} | {each.what} | {said or '–'} | {read_status(run).step:,} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    from tests.docs import DOCS, PART

    page = DOCS / "findings.md"
    with tempfile.TemporaryDirectory() as folder:
        made = table(Path(folder))
    text = page.read_text(encoding="utf-8")
    page.write_text(PART.sub(lambda part: f"{part[1]}\n{made}\n{part[3]}" if part[2] == "ill" else part[0], text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
