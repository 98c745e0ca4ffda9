"""Using a trained model: evaluation, predictions and files for other programs, from a checkpoint of a run."""
