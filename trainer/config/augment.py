"""How training images are varied, each one on its own; zero is off."""

from __future__ import annotations

from gradtop.trainer.declare import Section, setting


class AugmentConfig(Section):
    flip: float = setting(0.0, help="Share of images mirrored left to right.", effect="live", ge=0, le=1)
    rotation: float = setting(0.0, help="Largest angle that an image is turned by, either way.", unit="degrees", effect="live", ge=0, le=180)
    crop: int = setting(0, help="Largest shift of an image up, down or sideways; what comes in is black.", unit="pixels", effect="live", ge=0, le=1_000)
    brightness: float = setting(0.0, help="Largest share that an image is made brighter or darker by.", effect="live", ge=0, le=1)
    contrast: float = setting(0.0, help="Largest share that its contrast is raised or lowered by.", effect="live", ge=0, le=1)
    erasing: float = setting(0.0, help="Share of images of which a random rectangle is erased.", effect="live", ge=0, le=1)
    mixup: float = setting(0.0, help="Alpha of mixup: pairs of images and labels are mixed (Zhang et al. 2018).", effect="live", ge=0, le=100)
    cutmix: float = setting(0.0, help="Alpha of CutMix: a rectangle of another image, its label in proportion (Yun et al. 2019).", effect="live", ge=0, le=100)
