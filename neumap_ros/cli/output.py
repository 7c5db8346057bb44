# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A fix as a line for people and as JSON for machines."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neumap_ros.evaluation.run_tables import format_length
from neumap_ros.localization.fix import Fix


def fix_line(path: Path, fix: Fix, metric: bool) -> str:
    """One line: name, reason, pose ``T_map_cam``, standard deviations, inliers, milliseconds.

    Args:
        path: of the image.
        fix: its outcome.
        metric: whether a map unit is a metre.
    """
    evidence = fix.evidence
    words = [path.name, fix.reason.value]
    if fix.T_map_cam is not None:
        words.append('position ' + ' '.join(f'{value:.4f}' for value in fix.T_map_cam.translation_3))
        words.append('quaternion wxyz ' + ' '.join(f'{value:.5f}' for value in fix.T_map_cam.quaternion_wxyz))
        sigma = format_length(evidence.position_sigma, 'm' if metric else 'units')
        words.append(f'sigma {sigma} {evidence.rotation_sigma_deg:.2f} deg')
    words.append(f'{evidence.guided_inliers} inliers')
    words.append(f'confidence {fix.confidence:.2f}')
    words.append(f'{sum(fix.timings_ms.values()):.0f} ms')
    return '  '.join(words)


def fix_document(path: Path, fix: Fix) -> dict[str, Any]:
    """A JSON object; what is unknown or infinite is null."""
    pose, covariance = fix.T_map_cam, fix.covariance_66
    return {
        'image': str(path),
        'reason': fix.reason.value,
        'position': None if pose is None else pose.translation_3.tolist(),
        'quaternion_wxyz': None if pose is None else pose.quaternion_wxyz.tolist(),
        'covariance': None if covariance is None else [[_finite(v) for v in row] for row in covariance.tolist()],
        'confidence': _finite(fix.confidence),
        'evidence': {key: _finite(value) for key, value in dataclasses.asdict(fix.evidence).items()},
        'map_id': fix.map_id,
        'revision': fix.revision,
        'regions': list(fix.regions),
        'timings_ms': fix.timings_ms,
    }


def picture_paths(folder: Path | None, images: Sequence[Path]) -> list[Path | None]:
    """A file for the picture of each image; images of one name get numbers."""
    if folder is None:
        return [None] * len(images)
    paths: list[Path | None] = []
    used: dict[str, int] = {}
    for image in images:
        used[image.stem] = used.get(image.stem, 0) + 1
        number = f'_{used[image.stem]}' if used[image.stem] > 1 else ''
        paths.append(folder / f'{image.stem}{number}.png')
    return paths


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
