"""Data augmentation of training images, with random parameters for each image; 0 disables a transform."""

from __future__ import annotations

from gradtop.trainer.declare import Section, setting


class AugmentConfig(Section):
    flip: float = setting(0.0, help="Probability of a horizontal flip.", effect="live", ge=0, le=1)
    rotation: float = setting(0.0, help="Maximum rotation angle, in either direction.", unit="degrees", effect="live", ge=0, le=180)
    crop: int = setting(0, help="Maximum shift of a random crop in each direction, padded with black.", unit="pixels", effect="live", ge=0, le=1_000)
    brightness: float = setting(0.0, help="Maximum change of brightness, as a fraction (ColorJitter).", effect="live", ge=0, le=1)
    contrast: float = setting(0.0, help="Maximum change of contrast, as a fraction (ColorJitter).", effect="live", ge=0, le=1)
    erasing: float = setting(0.0, help="Probability of random erasing (Zhong et al., 2020).", effect="live", ge=0, le=1)
    mixup: float = setting(0.0, help="Alpha of mixup (Zhang et al., 2018); the training loss is then of mixed images, higher than that of plain ones.", effect="live", ge=0, le=100)
    cutmix: float = setting(0.0, help="Alpha of CutMix (Yun et al., 2019).", effect="live", ge=0, le=100)
