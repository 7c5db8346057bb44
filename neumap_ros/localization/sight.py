# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the cameras of a rig see; one camera is a rig whose frame is the camera's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from neumap_ros.features.base import Features
from neumap_ros.geometry import Camera, Pose


@dataclass(frozen=True)
class Sight:
    """What one camera sees.

    Attributes:
        features: of its image.
        camera: intrinsics.
        T_rig_cam: where the camera sits; the identity for a camera on its own.
        name: of the camera.
    """

    features: Features
    camera: Camera
    T_rig_cam: Pose = field(default_factory=Pose.identity)
    name: str = 'camera'


def together(sights: Sequence[Sight]) -> Features:
    """The keypoints of all cameras as if they were one image's: what a search for regions by visual words needs."""
    features = [sight.features for sight in sights]
    if len(features) == 1:
        return features[0]
    return replace(
        features[0],
        keypoints_N2=np.concatenate([f.keypoints_N2 for f in features]),
        scales_N=np.concatenate([f.scales_N for f in features]),
        descriptors_ND=np.concatenate([f.descriptors_ND for f in features]),
        scores_N=np.concatenate([f.scores_N for f in features]),
    )
