# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From what the solver thinks of a pose to how wrong poses in this map are.

The solver takes the errors of keypoints for independent, and every inlier for right. Three things say otherwise:

* Map points share the errors of the mapping poses. What is common to all inliers does not average out, so that the
  variance has a part that grows with their number (``shared``) beside the one that does not (``noise``). A map says how
  large both are, measured with mapping images that were held out when it was built
  (:mod:`neumap_ros.mapping.calibration`).
* Some inliers agree by chance and confirm whatever pose they were searched with. How many is measured in every image.
* Of few inliers the residuals tell little, and one wrong match among them weighs much.

All of it scales the covariance as a whole: its shape, which directions are hard to see, is the solver's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from neumap_ros.errors import MapError
from neumap_ros.localization.evidence import SIGMA_INFLATION, SMALLEST_SIGMA_PX, keypoint_sigma
from neumap_ros.localization.fix import Evidence
from neumap_ros.maps.types import Manifest

# Where a manifest keeps it, in the section "build".
KEY = 'covariance'

# The rest holds for all maps: maximum likelihood over 1,797 fixes at seven places, dense and sparse maps, plain,
# evening and night images, with a noise and a shared part for each place. Without any one of the places the exponents
# came out as 1.2 to 1.7 and 0.3 to 0.8. benchmarks/coverage.py measures what comes of it.
CHANCE_EXPONENT = 1.5
FEW_EXPONENT = 0.5
FEW_INLIERS = 60
# Of more chance than this no pose is accepted.
LARGEST_CHANCE = 0.8
# Below this the residuals are rounding errors.
SIGMA_FLOOR_PX = 0.1


@dataclass(frozen=True)
class Calibration:
    """How wrong poses in a map are, in units of what the residuals of their inliers show.

    Attributes:
        noise: standard deviation of what is independent from inlier to inlier.
        shared: standard deviation of what they have in common.
        images: how many held-out images it was measured with; 0: what other maps showed.
    """

    noise: float
    shared: float
    images: int = 0

    def scale(self, evidence: Evidence) -> float:
        """By how much standard deviations grow over those of :func:`neumap_ros.localization.evidence.weigh`."""
        sigma_px = keypoint_sigma(evidence.residual_px, SIGMA_FLOOR_PX)
        assumed = SIGMA_INFLATION * keypoint_sigma(evidence.residual_px, SMALLEST_SIGMA_PX)
        parts = math.sqrt(self.noise**2 + self.shared**2 * evidence.guided_inliers)
        return sigma_px / assumed * parts * trust(evidence)

    def to_manifest(self) -> dict[str, Any]:
        """For the manifest: three digits tell what is known, and every one is a byte of the map."""
        return {'images': self.images, 'noise': float(f'{self.noise:.3g}'), 'shared': float(f'{self.shared:.3g}')}


def trust(evidence: Evidence) -> float:
    """By how much an image alone, whatever the map, tells to widen its standard deviations: 1 or more."""
    count = max(evidence.guided_inliers, 1)
    chance = min(evidence.chance_inliers / count, LARGEST_CHANCE)
    return float((1 - chance) ** -CHANCE_EXPONENT * max(1.0, FEW_INLIERS / count) ** FEW_EXPONENT)


def read_calibration(manifest: Manifest) -> Calibration | None:
    """The calibration of a map, None of one that has none: built without, or by an older version.

    Raises:
        MapError: it holds something else than three numbers.
    """
    stored = manifest.build.get(KEY)
    if stored is None:
        return None
    keys = ('images', 'noise', 'shared')
    values = [stored.get(key) for key in keys] if isinstance(stored, dict) else []
    numbers = [float(v) for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    if len(numbers) != len(keys) or not all(math.isfinite(v) and v >= 0 for v in numbers) or not sum(numbers[1:]) > 0:
        raise MapError(
            f'map {manifest.map_id} has the covariance calibration {stored!r}, expected {", ".join(keys)} as numbers '
            'from 0; build the map again'
        )
    images, noise, shared = numbers
    return Calibration(noise, shared, int(images))
