"""The commands of `gradtop`, one module each: `configure` names the arguments, `run` does it and returns the exit code."""
