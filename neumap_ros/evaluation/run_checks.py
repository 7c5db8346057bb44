# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is wrong with the true poses of a run, in sentences that stand beside its figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from neumap_ros.evaluation.metrics import coarse_threshold
from neumap_ros.evaluation.run_types import AttemptRow
from neumap_ros.geometry import FloatArray, Pose

# A constant offset is told from wrong fixes by what is left when it is taken away.
MIN_FIXES, LEFT_SHARE = 8, 0.2


def notes(rows: Sequence[AttemptRow], *, metric: bool, extent: float, expected: bool) -> tuple[str, ...]:
    """Sentences about missing, patchy or foreign true poses; none if all is well.

    Args:
        rows: of a run, judged.
        metric: whether a map unit is a metre.
        extent: of the scene in map units.
        expected: whether true poses were asked for.
    """
    known = sum(row.truth is not None for row in rows)
    if not rows or (not known and not expected):
        return ()
    if not known:
        return (
            f'the ground truth has no pose at any of the {len(rows)} stamps ({_times(rows)}), expected the same clock '
            'and time; compare the stamps, for example of simulated and real time',
        )
    found = [_gaps(rows, known), _offset(rows, metric, extent)]
    return tuple(sentence for sentence in found if sentence)


def _gaps(rows: Sequence[AttemptRow], known: int) -> str:
    if known == len(rows):
        return ''
    longest, begin, latest = 0.0, 0, 0
    previous: AttemptRow | None = None
    for index, row in enumerate(rows):
        if row.truth is None:
            continue
        begin = index if previous is None else begin
        latest = index
        if previous is not None and previous.stamp_ns is not None and row.stamp_ns is not None:
            longest = max(longest, (row.stamp_ns - previous.stamp_ns) / 1e9)
        previous = row
    inside = sum(row.truth is None for row in rows[begin:latest])
    outside = len(rows) - known - inside
    where = [f'{inside} of them in gaps of up to {longest:.2f} s'] if inside else []
    where += [f'{outside} of them before its first or after its last pose'] if outside else []
    return (
        f'the ground truth has no pose for {len(rows) - known} of {len(rows)} attempts, {" and ".join(where)}; '
        'they are left out of all figures that need the truth'
    )


def _offset(rows: Sequence[AttemptRow], metric: bool, extent: float) -> str:
    """A sentence if the same transform lies between most accepted poses and the truth."""
    pairs = [(row.pose, row.truth) for row in rows if row.pose is not None and row.truth is not None]
    bound = coarse_threshold(metric)
    far_m, far_deg = bound.distance * (extent if bound.relative else 1.0), bound.angle_deg
    if len(pairs) < MIN_FIXES:
        return ''
    raw_m, raw_deg = _median_errors(pairs)
    if raw_m <= far_m and raw_deg <= far_deg:
        return ''
    # Of another map frame: T_other_map before the fix. Of another body: T_body_other behind it.
    turn = _middle([truth @ pose.inverse() for pose, truth in pairs])
    # With one rotation for all, because a small error of it counts for much far from the origin.
    moves = [truth.translation_3 - turn.rotation_33 @ pose.translation_3 for pose, truth in pairs]
    frame = Pose(turn.rotation_33, np.median(moves, axis=0))
    body = _middle([pose.inverse() @ truth for pose, truth in pairs])
    unit = 'm' if metric else 'map units'
    candidates = (
        (frame, [(frame @ pose, truth) for pose, truth in pairs], 'in another frame than the map', 'the map frame'),
        (body, [(pose @ body, truth) for pose, truth in pairs], 'of another part of the robot', 'the same frame'),
    )
    # A rigid body that hardly turns fits both; the smaller rest decides.
    left = [_median_errors(moved) for _, moved, _, _ in candidates]
    best = min(range(2), key=lambda index: (left[index][0] / far_m if far_m else 0.0) + left[index][1] / far_deg)
    (offset, _, what, wanted), (left_m, left_deg) = candidates[best], left[best]
    if (raw_m > far_m and left_m > LEFT_SHARE * raw_m) or (raw_deg > far_deg and left_deg > LEFT_SHARE * raw_deg):
        return ''
    distance, angle = offset.error_to(Pose.identity())
    return (
        f'the true poses seem to be {what}: a constant transform of {distance:.2f} {unit} and {angle:.1f} deg lies '
        f'between them and the fixes, and {left_m:.2f} {unit} and {left_deg:.1f} deg remain without it; give the truth '
        f'in {wanted}'
    )


def _middle(poses: Sequence[Pose]) -> Pose:
    """A transform that most of some transforms are near to: medians, so that false fixes do not count."""
    rotations = Rotation.from_matrix(np.array([pose.rotation_33 for pose in poses]))
    mean = rotations.mean()
    # Once more without the half that is farthest from the mean.
    angle = (mean.inv() * rotations).magnitude()
    rotation = rotations[angle <= np.median(angle)].mean()
    rotation_33: FloatArray = np.asarray(rotation.as_matrix())
    return Pose(rotation_33, np.median([pose.translation_3 for pose in poses], axis=0))


def _median_errors(pairs: Sequence[tuple[Pose, Pose]]) -> tuple[float, float]:
    distance, angle = np.median([pose.error_to(truth) for pose, truth in pairs], axis=0)
    return float(distance), float(angle)


def _times(rows: Sequence[AttemptRow]) -> str:
    stamps = [row.stamp_ns for row in rows if row.stamp_ns is not None]
    return f't = {min(stamps) / 1e9:.3f} to {max(stamps) / 1e9:.3f} s' if stamps else 'without stamps'
