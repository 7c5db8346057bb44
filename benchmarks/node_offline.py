# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the library says of the images of a recording without nodes, and how poses of both are compared."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.node_bags import images_of
from benchmarks.node_processes import Record
from neumap_ros.geometry import Pose
from neumap_ros.localization.localizer import Localizer
from neumap_ros.mapping.sources.trajectory import interpolate
from neumap_ros.maps.storage import open_map
from neumap_ros.recording.make import T_BASE_CAM, TRUTH_FILE
from neumap_ros.ros_values import camera_from_info, pixels_from_message

# Rounding on the way through messages and TF; nothing that a solver could change is as small.
SAME_M, SAME_DEG = 1e-6, 1e-4


@dataclass(frozen=True)
class OfflineFix:
    """Of one image.

    Attributes:
        T_map_base: None if it was not accepted.
        stage_ms: time of the stages together.
        features_ms: of that, keypoints and descriptors.
    """

    T_map_base: Pose | None
    stage_ms: float
    features_ms: float


@dataclass
class Offline:
    """The library's answers for the images of a recording, by index."""

    fixes: list[OfflineFix] = field(default_factory=list)

    @property
    def accepted(self) -> int:
        """Images with a pose."""
        return sum(fix.T_map_base is not None for fix in self.fixes)


def localize_offline(bag: Path, map_folder: Path) -> Offline:
    """Localize each image by itself: `Localizer.localize` of the pixels that the node gets, and no prior."""
    localizer, offline = Localizer(open_map(map_folder)), Offline()
    T_cam_base = T_BASE_CAM.inverse()
    for number, (_, msgtype, message, info) in enumerate(images_of(bag)):
        pixels = pixels_from_message(message, msgtype, 'camera')
        camera = camera_from_info(info, 'camera', rectified=False)
        if number == 0:
            localizer.localize(pixels, camera)  # warm
        start = time.perf_counter()
        fix = localizer.localize(pixels, camera)
        stage_ms = (time.perf_counter() - start) * 1e3
        pose = None if fix.T_map_cam is None else fix.T_map_cam @ T_cam_base
        offline.fixes.append(OfflineFix(pose, stage_ms, fix.timings_ms['features']))
    return offline


def pose_of(values: Sequence[float]) -> Pose:
    """A pose from a listener's numbers."""
    x, y, z, *quaternion_wxyz = values
    return Pose.from_quaternion(quaternion_wxyz, (x, y, z), 'recorded pose')


@dataclass(frozen=True)
class Comparison:
    """Poses of the nodes beside those of the library, both accepted."""

    compared: int
    same: int
    differences_m: tuple[float, ...]
    differences_deg: tuple[float, ...]

    def figures(self) -> Record:
        """For the results."""
        return {
            'compared': self.compared,
            'same': self.same,
            'same_percent': round(100 * self.same / self.compared, 2) if self.compared else None,
            'difference_mm': spread([1000 * v for v in self.differences_m]),
            'difference_deg': spread(self.differences_deg),
        }


def compare(pairs: Sequence[tuple[Pose, Pose]]) -> Comparison:
    """Compare poses pair by pair."""
    errors = [one.error_to(other) for one, other in pairs]
    metres, degrees = tuple(e[0] for e in errors), tuple(e[1] for e in errors)
    same = sum(m <= SAME_M and d <= SAME_DEG for m, d in errors)
    return Comparison(len(pairs), same, metres, degrees)


def spread(values: Sequence[float], digits: int = 3) -> dict[str, float]:
    """Median, 95th and 99th percentile and the largest."""
    if not len(values):
        return {}
    p50, p95, p99, most = np.percentile(np.asarray(values, dtype=float), [50, 95, 99, 100])
    return {name: round(float(v), digits) for name, v in (('p50', p50), ('p95', p95), ('p99', p99), ('max', most))}


class Truth:
    """``T_map_base`` of a recording at any time."""

    def __init__(self, bag: Path) -> None:
        rows = [line.split() for line in (bag / TRUTH_FILE).read_text().splitlines() if not line.startswith('#')]
        self._stamps = np.array([round(float(row[0]) * 1e9) for row in rows], dtype=np.int64)
        self.poses: list[Pose] = []  # at the images, by index
        for row in rows:
            tx, ty, tz, qx, qy, qz, qw = (float(value) for value in row[1:8])
            self.poses.append(Pose.from_quaternion((qw, qx, qy, qz), (tx, ty, tz), 'ground truth'))

    def speeds_mps(self) -> list[float]:
        """Of the base between images."""
        seconds = np.diff(self._stamps) / 1e9
        steps = np.diff([pose.translation_3 for pose in self.poses], axis=0)
        return [float(v) for v in np.linalg.norm(steps, axis=1) / seconds]

    def at(self, stamp_ns: int) -> Pose | None:
        """The pose between the two nearest images; None outside."""
        # Stamps of the file are rounded to less than a nanosecond's worth of a double.
        after = int(np.searchsorted(self._stamps, stamp_ns))
        if after < len(self._stamps) and abs(int(self._stamps[after]) - stamp_ns) < 1000:
            return self.poses[after]
        if after == 0 or after == len(self._stamps):
            return None
        first, last = int(self._stamps[after - 1]), int(self._stamps[after])
        return interpolate(self.poses[after - 1], self.poses[after], (stamp_ns - first) / (last - first))


def errors_against(truth: Truth, records: Sequence[Record]) -> list[tuple[float, float]]:
    """Metres and degrees of recorded poses against the truth."""
    found: list[tuple[float, float]] = []
    for record in records:
        pose = truth.at(record['stamp'])
        if pose is not None:
            found.append(pose_of(record['pose']).error_to(pose))
    return found


def accuracy(errors: Sequence[tuple[float, float]]) -> Record:
    """Root mean square and median of errors."""
    if not errors:
        return {'count': 0}
    array: Any = np.array(errors)
    rms = np.sqrt((array**2).mean(axis=0))
    median = np.median(array, axis=0)
    names = ('rmse_cm', 'rmse_deg', 'median_cm', 'median_deg')
    values = (100 * rms[0], rms[1], 100 * median[0], median[1])
    return {'count': len(errors), **{name: round(float(v), 4) for name, v in zip(names, values, strict=True)}}
