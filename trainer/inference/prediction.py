"""What a trained model says of files: classes of pictures, continuations of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from gradtop.trainer.data.batches import generator_of
from gradtop.trainer.data.dataset import Source
from gradtop.trainer.data.kinds.hf import SavedDataset
from gradtop.trainer.data.kinds.table.loader import TableSource, read_rows
from gradtop.trainer.data.kinds.text.loader import TextSource, read_text
from gradtop.trainer.data.targets import MASKS
from gradtop.trainer.inference.data import PicturePrepare, class_names, load_source, outline, pixel_range
from gradtop.trainer.inference.own_samples import predict_samples
from gradtop.trainer.inference.predicted_masks import MaskWriter
from gradtop.trainer.inference.progress import Tell, WorkCounter
from gradtop.trainer.inference.trained import TrainedModel, TrainedState, open_trained, read_trained
from gradtop.trainer.metrics import TOP
from gradtop.trainer.models.generation import generate
from gradtop.trainer.models.matching import several
from gradtop.trainer.record import Run
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.tasks.kinds.custom.own_task import NOT_DESCRIBED, OwnTask

BATCH, ROWS = 64, 1024  # pictures, and rows of a table, that are predicted at once
Prediction = dict[str, Any]


def predict(run: Run, path: Path, files: Sequence[str], options: Mapping[str, Any], *, device: str = "", tell: Tell = lambda _: None) -> dict[str, Any]:
    """A prediction for each of the files, in order; one that cannot be read has an `error`. `options` are `top` for pictures, else `length`,
    `temperature` and `seed`. With `data`, the name of a part of the run's own data, of its samples in place of files, and `index` may choose some.

    Raises UserError where the model takes neither pictures nor texts.
    """
    tell({"doing": "reading the checkpoint"})
    state = read_trained(run, path, device=device)
    if options.get("masks") and state.config.task.targets != MASKS:
        raise UserError("--masks: this model predicts no masks; leave it out")
    if options.get("data"):
        _refuse(options, ("length", "temperature", "seed"), "a prediction of samples")
        return predict_samples(state, options, tell)
    shape = outline(state)
    trained = open_trained(state, load_source if shape is None else lambda _: shape)
    if isinstance(trained.task, OwnTask):
        raise UserError(NOT_DESCRIBED)
    about = {"step": state.step, "epoch": state.epoch, "weights": state.weights, "device": str(trained.device)}
    if isinstance(trained.source, TextSource):
        _refuse(options, ("top",), "a language model")
        return {**about, "predictions": continue_texts(trained, trained.source, files, options, tell), "notes": []}
    if isinstance(trained.source, TableSource):
        _refuse(options, ("length", "temperature", "seed") if trained.task.each == "class" else ("length", "temperature", "seed", "top"), "a model of a table")
        return {**about, "targets": list(trained.source.encoding.targets), "predictions": predict_tables(trained, trained.source, files, options, tell), "notes": []}
    kind = {"class": "a classifier", "label": "a model of several labels"}.get(trained.task.each, "a regression")
    if isinstance(state.config.data, SavedDataset) and state.config.data.tokenizer:
        # What makes tokens is not needed otherwise.
        from gradtop.trainer.inference.predicted_texts import predict_texts

        _refuse(options, ("length", "temperature", "seed") if trained.task.each == "class" else ("length", "temperature", "seed", "top"), f"{kind} of texts")
        names, notes = _names(state, trained.source, known=shape is None or bool(state.encoding))
        return {**about, "predictions": predict_texts(trained, files, names, int(options.get("top") or TOP), tell), "notes": notes}
    if trained.source.tokens_per_sample or not trained.source.info.channels:
        raise UserError(
            "predict takes pictures for a classifier, tables for a model of one, or texts for a language model or a classifier of them; what this model takes is in none of these files: "
            "give samples of its own data with --data validation, or use it in Python (gradtop help models)"
        )
    _refuse(options, ("length", "temperature", "seed") if trained.task.each == "class" else ("length", "temperature", "seed", "top"), kind)
    names, notes = _names(state, trained.source, known=shape is None or bool(state.encoding))
    writer = mask_writer(trained, files, options)
    if writer is not None and writer.outside != state.config.task.wanted.ignored:
        notes = [*notes, f"in the masks {writer.outside} stands for what lies outside of the square that the model sees"]
    return {**about, "predictions": classify_pictures(trained, files, names, int(options.get("top") or TOP), tell, writer), "notes": notes}


def mask_writer(trained: TrainedModel, files: Sequence[str], options: Mapping[str, Any]) -> MaskWriter | None:
    """What writes the masks, where that is asked for. Raises UserError."""
    if not options.get("masks"):
        return None
    return MaskWriter(Path(options["masks"]), files, trained.state.config, trained.source.info.classes, overwrite=bool(options.get("overwrite")))


def _refuse(options: Mapping[str, Any], unused: Sequence[str], kind: str) -> None:
    if given := [f"--{name}" for name in unused if options.get(name) is not None]:
        raise UserError(f"{' and '.join(given)}: this is {kind}, which has no use for {'it' if len(given) == 1 else 'them'}; leave out {given[0]}")


def _names(state: TrainedState, source: Source, *, known: bool) -> tuple[Sequence[str], list[str]]:
    """The names of the classes, and a sentence where they cannot be had though the data have some."""
    names = class_names(state, source)
    if names or known or not hasattr(source, "reading"):
        return names, []
    try:
        return class_names(state, load_source(state)), []
    except UserError as error:
        return (), [f"classes are given by number, as their names cannot be had: {error}"]


def classify_pictures(trained: TrainedModel, files: Sequence[str], names: Sequence[str], top: int, tell: Tell, writer: MaskWriter | None = None) -> list[Prediction]:
    """What the task says of each picture: the `top` classes for one; pictures are transformed as those for validation. `writer` writes what is predicted of their pixels."""
    from gradtop.trainer.data.kinds.image_folder.images import Unopenable, check_decoder, read_picture

    check_decoder()
    prepare, size, pixels = PicturePrepare(trained.source), trained.source.info.size, pixel_range(trained.state.config)
    counter = WorkCounter("predicting", tell, of=len(files))
    found: list[Prediction] = []
    for begin in range(0, len(files), BATCH):
        some = files[begin : begin + BATCH]
        pictures, readable = [], []
        for file in some:
            prediction: Prediction = {"file": file}
            found.append(prediction)
            try:
                pictures.append(read_picture(file, size, pixels))
                readable.append(prediction)
            except Unopenable as error:
                prediction["error"] = _why(file, str(error))
        if pictures:
            with torch.no_grad():
                outputs = trained.forward(prepare(torch.stack(pictures).to(trained.device)))
            for prediction, described in zip(readable, trained.task.describe(outputs.float(), names, top), strict=True):
                prediction.update(described)
            if writer is not None:
                for prediction, labels in zip(readable, outputs.argmax(1), strict=True):
                    prediction["mask"] = str(writer.write(prediction["file"], labels))
        counter.add(len(some))
    return found


def predict_tables(trained: TrainedModel, source: TableSource, files: Sequence[str], options: Mapping[str, Any], tell: Tell) -> list[Prediction]:
    """What the task says of each row of each file: `rows`, in their order."""
    found: list[Prediction] = []
    for file in files:
        prediction: Prediction = {"file": file}
        found.append(prediction)
        try:
            rows, _ = read_rows(Path(file), source.encoding, "FILE", targets=False)
        except UserError as error:
            prediction["error"] = str(error).removeprefix(f"FILE: {file}").removeprefix(":").strip()
            continue
        counter = WorkCounter("predicting", tell, of=len(rows))
        described: list[dict[str, Any]] = []
        for some in rows.split(ROWS):
            with torch.no_grad():
                outputs = trained.forward(some.to(trained.device))
            described += trained.task.describe(outputs.float(), source.encoding.classes or source.encoding.targets, int(options.get("top") or TOP))
            counter.add(len(some))
        prediction["rows"] = described
    return found


def continue_texts(trained: TrainedModel, source: TextSource, files: Sequence[str], options: Mapping[str, Any], tell: Tell) -> list[Prediction]:
    """What the model writes after the text of each file, a line break at its end apart."""
    sample = trained.state.config.sample
    length = sample.length if options.get("length") is None else int(options["length"])
    temperature = sample.temperature if options.get("temperature") is None else float(options["temperature"])
    seed = trained.state.config.training.seed if options.get("seed") is None else int(options["seed"])
    counter = WorkCounter("predicting", tell, of=length * len(files))
    if trained.device.type == "cpu":
        # What a single text takes is so little that threads would wait for one another most of the time.
        torch.set_num_threads(1)
    found: list[Prediction] = []
    for file in files:
        prediction: Prediction = {"file": file}
        found.append(prediction)
        try:
            prompt = read_text(Path(file)).removesuffix("\n")
            prediction |= {"prompt": prompt, "text": _continued(trained, source, prompt, length, temperature, seed, counter)}
        except UserError as error:
            prediction["error"] = str(error)
    return found


def _continued(trained: TrainedModel, source: TextSource, prompt: str, length: int, temperature: float, seed: int, counter: WorkCounter) -> str:
    if not prompt:
        raise UserError("the text is empty; give at least one character to continue from")
    if unknown := source.encoding.unknown(prompt):
        raise UserError(f"the text has characters that the model does not know: {several([repr(each) for each in unknown])}; write it with those of the training text")
    start = source.encoding.encode(prompt).long()
    if not len(start):
        raise UserError("the tokenizer makes no token of the text; write another one")
    numbers = generate(
        trained.forward, start.to(trained.device), context=trained.state.config.model.window or source.context, temperature=temperature, generator=generator_of(seed, 0)
    )
    found: list[int] = []
    for number in numbers if length else ():
        found.append(number)
        counter.add(1)
        if len(found) >= length:
            break
    if len(found) < length:
        raise UserError("an output of the model is not a number; choose another checkpoint with --checkpoint")
    return source.encoding.decode(torch.tensor(found, dtype=torch.int64))


def _why(file: str, reason: str) -> str:
    path = Path(file)
    if path.is_dir():
        return "is a folder; name the pictures in it"
    return f"cannot be read ({reason})" if path.exists() else "there is no such file"
