# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""RootSIFT through OpenCV: no network, runs on any CPU."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from neumap_ros.features.base import ExtractorInfo, Features, register_extractor, to_gray
from neumap_ros.features.basis import load_basis

# A quarter of OpenCV's default 0.04. Dark and blurred images have hardly any keypoint above the default; where there
# are enough, the best ``max_keypoints`` are kept anyway. Costs about 6 ms at 640x480.
CONTRAST_THRESHOLD = 0.01

DESCRIPTOR_SIZE = 128
GLOBAL_SIZE = 128
VERSION = 1


@register_extractor('rootsift')
class RootSift:
    """SIFT (Lowe 2004) with the square-root mapping of Arandjelovic and Zisserman (CVPR 2012, section 2)."""

    def __init__(self, with_global: bool = True) -> None:
        self._with_global = with_global  # off only while the basis that it needs is being trained
        self.info = ExtractorInfo('rootsift', VERSION, '', DESCRIPTOR_SIZE, GLOBAL_SIZE)
        self._detectors: dict[int, cv2.SIFT] = {}

    def _detector(self, max_keypoints: int) -> cv2.SIFT:
        if max_keypoints not in self._detectors:
            # enable_precise_upscale: without it every keypoint of the doubled octave lies 0.25 px off.
            self._detectors[max_keypoints] = cv2.SIFT.create(
                nfeatures=max_keypoints, contrastThreshold=CONTRAST_THRESHOLD, enable_precise_upscale=True
            )
        return self._detectors[max_keypoints]

    def extract(self, image: NDArray[np.uint8], max_keypoints: int) -> Features:
        """See :class:`neumap_ros.features.base.Extractor`. An image without texture gives zero keypoints."""
        gray = to_gray(image)
        keypoints, descriptors = self._detector(max_keypoints).detectAndCompute(gray, None)
        size = (gray.shape[1], gray.shape[0])
        if descriptors is None or not len(keypoints):
            return Features(
                np.zeros((0, 2), np.float32),
                np.zeros(0, np.float32),
                np.zeros((0, DESCRIPTOR_SIZE), np.float32),
                np.zeros(0, np.float32),
                np.zeros(GLOBAL_SIZE, np.float32),
                size,
            )
        rows = np.array([(*k.pt, k.size, k.response) for k in keypoints], dtype=np.float32)
        # OpenCV keeps ties beyond nfeatures; a stable sort keeps the result deterministic.
        best = np.argsort(-rows[:, 3], kind='stable')[:max_keypoints]
        rows = rows[best]
        descriptors = np.asarray(descriptors, dtype=np.float32)[best]
        descriptors = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-9))
        return Features(
            keypoints_N2=rows[:, :2] + np.float32(0.5),
            scales_N=rows[:, 2] * np.float32(0.5),
            descriptors_ND=descriptors,
            scores_N=rows[:, 3],
            global_descriptor_G=self._global(descriptors),
            image_size=size,
        )

    def _global(self, descriptors_ND: NDArray[np.float32]) -> NDArray[np.float32]:
        if not self._with_global:
            return np.zeros(GLOBAL_SIZE, np.float32)
        basis = load_basis('rootsift')
        return basis.global_descriptor(basis.project(descriptors_ND))
