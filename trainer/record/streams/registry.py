"""The streams of runs, each declared once: no stream or column is named by a literal anywhere else.

A record is a step, a time in unix seconds and the stream's columns, each value a little-endian float64. A job that records
something new declares a stream here; a screen or a command that shows it is named in `shown_by`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from gradtop.trainer import metrics
from gradtop.trainer.named_tuple import NamedTuple

DTYPE = "<f8"  # of every value, in numpy's notation


class Column(NamedTuple):
    """One value of a record. In a `sparse` column NaN means "not measured here", in any other "was not finite"."""

    name: str
    unit: str = ""
    sparse: bool = False


class Measurement(StrEnum):
    """What a lease can request: measured only while it is shown, or more often then."""

    UPDATES = "updates"
    HISTOGRAMS = "histograms"
    PICTURES = "pictures"


# In a segment's `extra`: why columns are not measured, by their names (without a parameter's); ALL stands for every one.
UNAVAILABLE, ALL = "unavailable", ""


class Stream(NamedTuple):
    """A stream; `columns` without step and time. If `per_parameter`, `of_parameter` names them for each parameter or module.

    `jobs` write it: every rank a segment of its own if `every_rank`, else only rank 0. `shown_by` are the modes and commands that
    show it. `metrics` renames columns where those of all streams are listed together; "" omits one.
    """

    name: str
    help: str
    columns: tuple[Column, ...]
    jobs: tuple[str, ...] = ("train",)
    shown_by: tuple[str, ...] = ()
    per_parameter: bool = False
    every_rank: bool = False
    rollup: bool = True
    metrics: Mapping[str, str] | None = None


STEP, TIME = "step", "time"

STEPS = "steps"
LOSS, LR, GRAD_NORM, CLIPPED, SAMPLES_PER_S = metrics.LOSS, "lr", "grad_norm", "clipped", "samples_per_s"
LOADING, PLAIN_LOSS, TRAIN_ACCURACY = "loading", "plain_loss", "train_accuracy"

EVALS = "evals"
EPOCH, ACCURACY = "epoch", metrics.ACCURACY
VAL_LOSS = "val_loss"

PLAN = "plan"

LAYERS = "layers"
WEIGHT_NORM, UPDATE_RATIO = "weight_norm", "update_ratio"

ACTIVATIONS = "activations"
DEAD, SATURATED = "dead", "saturated"
MODULES = "modules"  # in the `extra` of its segments: a table of name and kind, in the order of execution

HISTOGRAMS = "histograms"
PARAMETER, COUNT = "parameter", "count"
LOW, HIGH, MEAN, STD, MIN, MAX, ZEROS, NONFINITE = "low", "high", "mean", "std", "min", "max", "zeros", "nonfinite"

PICTURES = "pictures"
PICTURE, KERNEL, CHANNEL, KERNELS, HEIGHT, WIDTH = "picture", "kernel", "channel", "kernels", "height", "width"
CELLS = 2048  # of a picture at most

LR_RANGE = "lr_range"
SMOOTHED = "smoothed"
RANGED_VALUE, SEED = "ranged", "seed"

BATCH_SIZES = "batch_sizes"
BATCH_SIZE = "batch_size"

SPEEDS = "speeds"
SETTING, STAGE, ROUND, STEP_SECONDS = "setting", "stage", "round", "step_seconds"

INIT_LOSSES, INIT_LAYERS = "init_losses", "init_layers"
INIT, SEED, TRAINING_STEP, LAYER = "init", "seed", "training_step", "layer"
WEIGHT_STD, ACTIVATION_STD, GRADIENT_RMS = "weight_std", "activation_std", "gradient_rms"

PRUNING, PRUNING_LAYERS = "pruning", "pruning_layers"
METHOD, AMOUNT, SCORE, PARAMETER_COUNT, NONZERO, FILE_BYTES, COMPRESSED_BYTES = "method", "amount", "score", "parameter_count", "nonzero", "file_bytes", "compressed_bytes"
LATENCY, BASE_LATENCY, BATCH_LATENCY, BASE_BATCH_LATENCY, DIFFERENCE = "latency", "base_latency", "batch_latency", "base_batch_latency", "difference"

SYSTEM = "system"
CPU, MEMORY = "cpu", "memory"
HOST_CPU, HOST_MEMORY, DISK_READ, DISK_WRITTEN, NET_RECEIVED, NET_SENT = (
    "host_cpu", "host_memory", "disk_read", "disk_written", "net_received", "net_sent",
)  # fmt: skip
GPU_USE, GPU_MEMORY, GPU_MEMORY_TOTAL, GPU_POWER, GPU_TEMPERATURE = (
    "gpu_use", "gpu_memory", "gpu_memory_total", "gpu_power", "gpu_temperature",
)  # fmt: skip
GPU_POWER_LIMIT, GPU_CLOCK, GPU_CLOCK_MAX, GPU_THROTTLE = "gpu_power_limit", "gpu_clock", "gpu_clock_max", "gpu_throttle"
TORCH_ALLOCATED, TORCH_RESERVED = "torch_allocated", "torch_reserved"
CORES, MEMORY_TOTAL, GPU_NAME, GPU_UUID = "cores", "memory_total", "gpu_name", "gpu_uuid"  # in the `extra` of its segments

REGISTRY: Mapping[str, Stream] = {
    stream.name: stream
    for stream in (
        Stream(
            STEPS,
            "Every optimizer step: training loss, learning rate, total gradient norm before clipping, and pace. `loading` is the share "
            "of the time that was spent waiting for batches; `plain_loss` the loss without label smoothing; `train_accuracy`, of some steps, the accuracy on "
            "their batches: augmented, before the step, and of mixed images that of the class with the larger share.",
            (
                Column(LOSS),
                Column(LR),
                Column(GRAD_NORM, sparse=True),
                Column(CLIPPED, sparse=True),
                Column(SAMPLES_PER_S, "1/s", sparse=True),
                Column(LOADING, sparse=True),
                Column(PLAIN_LOSS, sparse=True),
                Column(TRAIN_ACCURACY, sparse=True),
            ),
            shown_by=("overview", "schedule", "system", "metrics", "plot"),
        ),
        Stream(
            EVALS,
            "Every evaluation on the validation set: loss, accuracy, the further metrics that the data allow, and those that code of the user measures, each a column after these.",
            (Column(EPOCH), Column(LOSS), Column(ACCURACY, sparse=True), *(Column(name, sparse=True) for name in metrics.FURTHER)),
            shown_by=("overview", "metrics", "classes", "plot"),
            metrics={LOSS: VAL_LOSS, EPOCH: ""},
        ),
        Stream(
            LAYERS,
            "Sampled steps: gradient norm, weight norm and update:weight ratio of each parameter.",
            (Column(GRAD_NORM), Column(WEIGHT_NORM), Column(UPDATE_RATIO, sparse=True)),
            shown_by=("parameters", "gradients", "metrics", "plot"),
            per_parameter=True,
        ),
        Stream(
            ACTIVATIONS,
            "Sampled steps: of the output of each module that has weights or is a nonlinearity, in the order of execution, the standard "
            "deviation, the share of dead units (zero over the whole batch) and the share of saturated values.",
            (Column(STD, sparse=True), Column(DEAD, sparse=True), Column(SATURATED, sparse=True)),
            shown_by=("metrics", "plot"),
            per_parameter=True,
        ),
        Stream(
            SYSTEM,
            "Once a second: processor and memory of the process, processor, memory, disks and network of its host, its GPU, and PyTorch's "
            "allocator there. 100 % of the processor is one core; `gpu_throttle` is NVML's bit mask of the reasons for lower clocks.",
            (
                Column(CPU, "%"),
                Column(MEMORY, "B"),
                Column(HOST_CPU, "%", sparse=True),
                Column(HOST_MEMORY, "B", sparse=True),
                Column(DISK_READ, "B/s", sparse=True),
                Column(DISK_WRITTEN, "B/s", sparse=True),
                Column(NET_RECEIVED, "B/s", sparse=True),
                Column(NET_SENT, "B/s", sparse=True),
                Column(GPU_USE, "%", sparse=True),
                Column(GPU_MEMORY, "B", sparse=True),
                Column(GPU_MEMORY_TOTAL, "B", sparse=True),
                Column(GPU_POWER, "W", sparse=True),
                Column(GPU_TEMPERATURE, "°C", sparse=True),
                Column(GPU_POWER_LIMIT, "W", sparse=True),
                Column(GPU_CLOCK, "MHz", sparse=True),
                Column(GPU_CLOCK_MAX, "MHz", sparse=True),
                Column(GPU_THROTTLE, sparse=True),
                Column(TORCH_ALLOCATED, "B", sparse=True),
                Column(TORCH_RESERVED, "B", sparse=True),
            ),
            shown_by=("system", "metrics", "plot"),
            every_rank=True,
        ),
        Stream(
            HISTOGRAMS,
            "Histograms of the finite weights of each parameter, one parameter in a record; `bins(n)` follow these columns.",
            tuple(Column(name) for name in (PARAMETER, LOW, HIGH, MEAN, STD, MIN, MAX, ZEROS, NONFINITE, COUNT)),
            shown_by=("weights",),
            rollup=False,
        ),
        Stream(
            PICTURES,
            "Weights as a picture, written only while a screen shows one: some kernels of a parameter in one channel (`picture` 0; channel -1 is "
            "the mean of |W| over the channels), or the matrix of |W| reduced by its mean (1) or maximum (2). `cells()` follow these columns: "
            "`kernels` pictures from number `kernel` on, each of `height` × `width` values.",
            tuple(Column(name) for name in (PARAMETER, PICTURE, KERNEL, CHANNEL, KERNELS, HEIGHT, WIDTH, NONFINITE)),
            shown_by=("weights",),
            rollup=False,
        ),
        Stream(
            LR_RANGE,
            "Every step of a range test: learning rate, loss, its moving average, the value of what is ranged over, and the seed.",
            (Column(LR), Column(LOSS), Column(SMOOTHED), Column(RANGED_VALUE), Column(SEED)),
            jobs=("lr_range",),
            shown_by=("lr_range", "metrics", "plot"),
        ),
        Stream(
            BATCH_SIZES,
            "Every batch size of a batch-size search, in the order in which they were tried: peak memory, and pace; not finite where it does not fit.",
            (Column(BATCH_SIZE), Column(MEMORY, "B"), Column(SAMPLES_PER_S, "1/s")),
            jobs=("batch_size",),
            shown_by=("batch_size",),
            rollup=False,
        ),
        Stream(
            SPEEDS,
            "Every measurement of a speed test: the setting by its place in `settings` of the result, what was taken before it (`stage`), the round, median "
            "time of a step, pace, and the mean loss of the first steps; not finite where the setting does not work.",
            (Column(SETTING), Column(STAGE), Column(ROUND), Column(STEP_SECONDS, "s"), Column(SAMPLES_PER_S, "1/s"), Column(LOSS)),
            jobs=("speed",),
            shown_by=("speed",),
            rollup=False,
        ),
        Stream(
            INIT_LOSSES,
            "Every loss of a comparison of initializations, before the optimizer step `training_step`: the initialization by its place in `init_comparison.kinds`, "
            "and the seed. Records of one `step` are one measurement; its last loss is that of the last step, or not finite; of step 0 where it failed.",
            (Column(INIT), Column(SEED), Column(TRAINING_STEP), Column(LOSS)),
            jobs=("init_comparison",),
            shown_by=("init_comparison",),
            rollup=False,
        ),
        Stream(
            INIT_LAYERS,
            "Each weight of each measurement of a comparison of initializations, at the first step: its place among `parameters`, in the order of the forward pass, "
            "standard deviation of the weights and of what their module puts out, root mean square of their gradient; `bins(n)` from `low` to `high` follow.",
            tuple(Column(name) for name in (INIT, SEED, LAYER, WEIGHT_STD, ACTIVATION_STD, GRADIENT_RMS, LOW, HIGH)),
            jobs=("init_comparison",),
            shown_by=("init_comparison",),
            rollup=False,
        ),
        Stream(
            PRUNING,
            "Every measurement of a pruning run: the method by its place in `prune.methods` (-1: unpruned), the amount, loss, accuracy and the monitored metric, "
            "parameters and those that are not zero, bytes of the weights in a file and compressed by zlib, median time of a forward pass of one sample and of a "
            "batch, each with that of the unpruned model in turns, and how far outputs without the removed channels are from those with zeros there.",
            (
                Column(METHOD), Column(AMOUNT), Column(LOSS), Column(ACCURACY, sparse=True), Column(SCORE), Column(PARAMETER_COUNT), Column(NONZERO), Column(FILE_BYTES, "B"),
                Column(COMPRESSED_BYTES, "B"), Column(LATENCY, "s"), Column(BASE_LATENCY, "s"), Column(BATCH_LATENCY, "s"), Column(BASE_BATCH_LATENCY, "s"),
                Column(DIFFERENCE, sparse=True),
            ),
            jobs=("prune",),
            shown_by=("prune",),
            rollup=False,
        ),
        Stream(
            PRUNING_LAYERS,
            "Each layer of each measurement of a pruning run, under the `step` of the measurement: its place among `parameters`, and its weights that are not zero.",
            (Column(LAYER), Column(NONZERO)),
            jobs=("prune",),
            shown_by=("prune",),
            rollup=False,
        ),
        Stream(PLAN, "The learning rate of the steps to come.", (Column(LR),), shown_by=("overview", "schedule"), rollup=False),
    )
}


def columns_of(stream: str) -> tuple[Column, ...]:
    """The declared columns, without step and time; of a stream per parameter those of one parameter, without its name."""
    return REGISTRY[stream].columns


def written_by(job: str) -> tuple[str, ...]:
    """The streams that a job writes, in the order of their declaration."""
    return tuple(stream.name for stream in REGISTRY.values() if job in stream.jobs)


def shown_by(reader: str) -> tuple[str, ...]:
    """The streams that a mode or a command shows, in the order of their declaration."""
    return tuple(stream.name for stream in REGISTRY.values() if reader in stream.shown_by)


def of_parameter(column: str, parameter: str) -> str:
    """The name of a column of one parameter, such as `grad_norm/head.weight`."""
    return f"{column}/{parameter}"


def parameter_of(column: str, name: str) -> str | None:
    """The parameter whose `column` is called `name`; None where that is another column."""
    return name[len(column) + 1 :] if name.startswith(f"{column}/") else None


def without_parameter(column: str) -> str:
    """The name of a column as it is declared."""
    return column.partition("/")[0]


def bins(count: int) -> tuple[str, ...]:
    """The columns of a histogram's bins, from the lowest to the highest."""
    return tuple(f"b{number}" for number in range(count))


def picture_columns() -> tuple[str, ...]:
    """The columns of a picture's cells; those that it does not need are NaN."""
    return tuple(f"v{number}" for number in range(CELLS))


def count_bins(columns: Iterable[str]) -> int:
    """The number of histogram bins among the columns of a segment."""
    there, number = set(columns), 0
    while f"b{number}" in there:
        number += 1
    return number
