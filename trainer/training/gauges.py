"""What changes from step to step in status.json."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradtop.trainer.record.streams.registry import GRAD_NORM, LOSS, LR, SAMPLES_PER_S

if TYPE_CHECKING:
    from gradtop.trainer.training.session import Session


def gauges(session: Session) -> dict[str, object]:
    """The fields of `Status` that a training measures; called from the heartbeat's thread."""
    latest, scores = session.monitor.latest, session.scores
    return {
        "epoch": min(session.epoch_told, session.epochs_told),
        "epochs": session.epochs_told,
        "step": session.step,
        "steps": session.last_step,
        "stopped_early": scores.without_better if session.stopped_early and session.step < session.steps else 0,
        "steps_per_epoch": session.per_epoch if session.counts_epochs else 0,
        "skipped_steps": session.guard.skipped,
        "seconds": session.stopwatch.seconds,
        "loss": latest[LOSS],
        "grad_norm": latest[GRAD_NORM],
        "lr": latest[LR],
        "samples_per_s": latest[SAMPLES_PER_S] or 0.0,
        "val_loss": scores.newest.loss if scores.newest else None,
        "val_accuracy": scores.newest.known_accuracy if scores.newest else None,
        "metrics": dict(scores.newest.further) if scores.newest else {},
        "baselines": dict(scores.newest.baselines) if scores.newest else {},
        "monitor": scores.monitored.name,
        "monitor_mode": scores.monitored.mode,
        "best": scores.best.of(scores.monitored.name) if scores.best else None,
        "best_epoch": scores.best_epoch,
        "val_loss_at_best": scores.best.loss if scores.best else None,
        "accuracy_at_best": scores.best.known_accuracy if scores.best else None,
        "metrics_at_best": dict(scores.best.further) if scores.best else {},
        "best_val_loss": scores.best_loss,
        "best_loss_epoch": scores.best_loss_epoch,
        "best_val_accuracy": scores.best_accuracy,
        "best_accuracy_epoch": scores.best_accuracy_epoch,
        "monitoring": session.monitor.spending(),
    }
