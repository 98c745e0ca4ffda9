"""Pruning of a checkpoint: what each share of pruned weights costs in accuracy, and what it saves."""

from __future__ import annotations

from gradtop.trainer.job import Job, JobCommand

DETAILS = """\
Prunes the weights of a checkpoint by growing amounts, each in a process of its
own, and evaluates the result on the validation data of the run. Methods are

  global_l1        smallest absolute values of all layers together
  layer_l1         smallest absolute values of each layer
  random           at random in each layer
  channel_l2       output channels with the smallest L2 norm, set to zero; not
                   those of the output layer
  channel_removal  such channels taken out of the model with all that depends on
                   them: pip install 'gradtop[prune]'

Per amount: loss and metrics, sparsity in all and per layer, parameters, size of
the weights in a file, as written and compressed by zlib, and latency for one
sample and for a batch, in turns with the unpruned model. A mask makes a file no
smaller and a model no faster by itself; removed channels do.

--write AMOUNT, or METHOD:AMOUNT, writes a checkpoint with the pruning made
permanent: at the end of the sweep, or at once where RUN is a pruning run. It
lies in checkpoints/ of the pruning run, and gradtop eval, predict, export and
fork take it as any other. A fork keeps the pruned weights at zero while it
trains; to let them train again: training.keep_pruned=false. RUN itself is not
modified.

--json prints one object when the sweep has ended: id, name, path, state, error,
metric, batch, layers, trials and checkpoint (gradtop help json); with --detach
only id, name, path.

  gradtop prune last
  gradtop prune quiet-heron --methods global_l1,random --amounts 0.3,0.5,0.9
  gradtop prune swift-otter --write 0.5
  gradtop fork swift-otter training.epochs=40
"""

JOB = Job(
    name="prune",
    title="a pruning run",
    label="pruning",
    resumable=True,
    forkable=True,
    writes_weights=True,
    command=JobCommand(
        "prune a checkpoint, and measure what that costs and saves",
        DETAILS,
        options={
            "methods": ("NAMES", "methods (default: global_l1, layer_l1, channel_l2)"),
            "amounts": ("NUMBERS", "shares to prune (default: 0.1, 0.2, …, 0.9)"),
            "layers": ("NAMES", "modules, as patterns (default: all convolutions and linear layers)"),
        },
        needs_checkpoint=True,
        write=("AMOUNT", "write the pruned checkpoint: 0.5, or channel_l2:0.5"),
    ),
)
