"""What PyTorch, Lightning, Hugging Face's Trainer, fastai and timm call the keys of a configuration: whoever is used to one is told ours."""

from __future__ import annotations

from collections.abc import Collection, Mapping

OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "optimizer.lr": ("learning_rate", "learningrate", "base_lr", "max_lr"),
    "optimizer.weight_decay": ("wd", "l2"),
    "optimizer.betas": ("adam_beta1", "adam_beta2", "beta1", "beta2"),
    "optimizer.kind": ("opt", "optim", "optimizer_name", "opt_func"),
    "schedule.kind": ("scheduler", "sched", "lr_scheduler", "lr_scheduler_type", "lr_schedule"),
    "schedule.warmup_steps": ("warmup", "num_warmup_steps"),
    "model.kind": ("arch", "architecture", "model_name"),
    "data.kind": ("dataset", "dataset_name"),
    "data.workers": ("num_workers", "n_workers", "dataloader_num_workers"),
    "training.epochs": ("max_epochs", "num_epochs", "n_epochs", "n_epoch", "num_train_epochs", "nepochs"),
    "training.steps": ("max_steps", "num_steps", "total_steps", "max_iters", "iterations"),
    "training.batch_size": ("bs", "batch", "batchsize", "train_batch_size", "per_device_train_batch_size"),
    "training.accumulate": ("accumulate_grad_batches", "gradient_accumulation_steps", "grad_accum", "grad_accum_steps", "accumulation_steps"),
    "training.clip": ("grad_clip", "gradient_clip", "gradient_clip_val", "clip_grad", "clip_norm", "clip_grad_norm", "max_grad_norm", "max_norm"),
    "training.early_stopping": ("patience", "early_stopping_patience", "early_stop", "es_patience"),
    "training.precision": ("amp", "mixed_precision", "use_amp", "fp16", "bf16", "half", "autocast", "dtype"),
    "training.ema": ("ema_decay", "model_ema", "use_ema"),
    "training.evaluate_every": ("val_check_interval", "eval_steps", "eval_every", "eval_interval", "check_val_every_n_epoch"),
    "training.checkpoint_every": ("save_steps", "save_every", "save_interval"),
    "training.keep_checkpoints": ("save_total_limit", "save_top_k"),
    "training.label_smoothing": ("smoothing", "label_smoothing_factor"),
    "training.seed": ("random_seed", "random_state", "manual_seed"),
    "training.device": ("accelerator", "gpu", "cuda"),
    "training.compile": ("torch_compile", "torchcompile"),
}
_OURS = {name: key for key, names in OTHER_NAMES.items() for name in names}
_OF_A_KIND = frozenset({"name", "type"})


def known_as(key: str, keys: Collection[str]) -> str:
    """Our key for one of another library, dotted or not, if it is among `keys`; else ""."""
    table, _, name = key.rpartition(".")
    found = f"{table}.kind" if table and name in _OF_A_KIND else _OURS.get(name.casefold().replace("-", "_"), "")
    return found if found in keys else ""
