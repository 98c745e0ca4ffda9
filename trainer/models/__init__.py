"""What a config's `model` names, what its weights start as, and what is to be said about any module."""

from __future__ import annotations

from gradtop.trainer.models.description import Description, ModuleRow, ParameterRow, describe
from gradtop.trainer.models.initialise import initialise
from gradtop.trainer.models.kinds import build
from gradtop.trainer.models.stages import head_of, last_stage_of

__all__ = ["Description", "ModuleRow", "ParameterRow", "build", "describe", "head_of", "initialise", "last_stage_of"]
