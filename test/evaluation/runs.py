# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs for tests: a robot that drives along a line at 1 m/s and is localized 10 times a second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neumap_ros.evaluation.run_types import AttemptRow, MapFacts, Run
from neumap_ros.geometry import Pose
from neumap_ros.localization.fix import Evidence

START_NS = 1_700_000_000_000_000_000
STEP_NS = 100_000_000


def pose_at(x: float, y: float = 0.0, yaw_deg: float = 0.0) -> Pose:
    """A pose on the floor."""
    half = np.radians(yaw_deg) / 2
    return Pose.from_quaternion((np.cos(half), 0, 0, np.sin(half)), (x, y, 0.2))


def new_row(index: int, *, accepted: bool = True, error_m: float = 0.02, truth: Pose | None = None, **more: Any) -> Any:
    """An attempt at 1 m/s along x; its error is along y."""
    true = truth or pose_at(0.1 * index)
    estimate = Pose(true.rotation_33, true.translation_3 + np.array([0, error_m, 0])) if accepted else None
    return AttemptRow(
        **{
            'name': f'{index:06d}',
            'stamp_ns': START_NS + index * STEP_NS,
            'reason': 'ok' if accepted else 'few_inliers',
            'state': 'localized' if accepted else 'unlocalized',
            'accepted': accepted,
            'map_id': 'a-map',
            'revision': 1,
            'map_sha256': '0' * 64,
            'estimate': estimate,
            'truth': true,
            'error_m': error_m if accepted else np.inf,
            'error_deg': 0.0 if accepted else np.inf,
            'estimate_error_m': error_m if accepted else np.inf,
            'estimate_error_deg': 0.0 if accepted else np.inf,
            'covariance_66': np.diag([0.02**2] * 3 + [0.01**2] * 3) if accepted else None,
            'sigmas': abs(error_m) / 0.02 if accepted else np.nan,
            'confidence': 0.99 if accepted else np.nan,
            'evidence': Evidence(keypoints=500, matches=300, inliers=120, guided_inliers=130, inlier_ratio=0.4),
            'cameras': ('front',),
            'latency_ms': 40.0,
            'stages_ms': {'features_ms': 10.0, 'solving_ms': 5.5},
            **more,
        }
    )


def new_run(rows: Sequence[AttemptRow], **more: Any) -> Run:
    """A replay of these attempts."""
    stamps = [row.stamp_ns for row in rows if row.stamp_ns is not None]
    return Run(
        **{
            'name': 'drive',
            'kind': 'replay',
            'source': 'a bag',
            'attempts': tuple(rows),
            'map': MapFacts('a-map', 1, '0' * 64, 'dpqed', 1234),
            'body': 'base_link',
            'start_ns': min(stamps, default=None),
            'end_ns': max(stamps, default=None),
            **more,
        }
    )
