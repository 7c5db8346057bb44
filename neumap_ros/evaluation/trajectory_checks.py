# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Trajectories that cannot be compared, each refused with one sentence, and gaps of the ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from neumap_ros.errors import SourceError
from neumap_ros.mapping.sources.trajectory import Trajectory
from neumap_ros.mapping.sources.tum import TumRow, read_tum_rows

# Later than the year 5000 in seconds; stamps in milliseconds, micro- or nanoseconds are larger.
LARGEST_STAMP_S = 1e11

# By default a stretch without true poses is a gap if it is so long, and so many times as long as usual.
GAP_S, GAP_PERIODS = 0.5, 5.0


def read_trajectory(path: Path) -> Trajectory:
    """Read a trajectory in the TUM format that can be evaluated: stamps in seconds, each later than the one before.

    Raises:
        SourceError: no file, no poses, a malformed line, stamps that are unsorted, repeated or not in seconds.
        CalibrationError: NaN or a quaternion that is none.
    """
    rows = read_tum_rows(path)
    _check_order(path, rows)
    largest = rows[-1].time_s
    if largest > LARGEST_STAMP_S:
        unit = 'nanoseconds' if largest > 1e17 else 'microseconds' if largest > 1e14 else 'milliseconds'
        raise SourceError(
            f'{path} has stamps such as {largest:.0f}, which look like {unit}, expected seconds; '
            'divide the first column'
        )
    return Trajectory(tuple(row.time_s for row in rows), tuple(row.pose for row in rows))


def _check_order(path: Path, rows: Sequence[TumRow]) -> None:
    back = [(a, b) for a, b in pairwise(rows) if b.time_s < a.time_s]
    if back:
        a, b = back[0]
        places = f', as stamps do in {len(back)} places' if len(back) > 1 else ''
        raise SourceError(
            f'{path}, line {b.line} goes back in time from {a.time_s:.6f} to {b.time_s:.6f} s{places}, expected '
            'ascending stamps; sort the file by its first column, or cut it where another run begins'
        )
    repeated = [(a, b) for a, b in pairwise(rows) if b.time_s == a.time_s]
    if repeated:
        a, b = repeated[0]
        places = f', as {len(repeated)} lines do' if len(repeated) > 1 else ''
        raise SourceError(
            f'{path}, line {b.line} repeats the stamp {b.time_s:.6f} s of line {a.line}{places}, expected one pose for '
            'each stamp; delete one of them'
        )


def no_common_stamps(truth: Trajectory, estimate: Trajectory, max_difference_s: float, offset_s: float) -> SourceError:
    """Make the error for trajectories of which no stamps belong together."""
    times, others = np.array(truth.times_s), np.array(estimate.times_s) + offset_s
    spans = (
        f'the estimate spans {others[0]:.3f} to {others[-1]:.3f} s'
        + (f' (shifted by {offset_s:g} s)' if offset_s else '')
        + f', the ground truth {times[0]:.3f} to {times[-1]:.3f} s'
    )
    if others[0] > times[-1] + max_difference_s or others[-1] < times[0] - max_difference_s:
        return SourceError(
            f'the trajectories do not overlap in time: {spans}; check that both use one clock, or give a time offset'
        )
    after = np.clip(np.searchsorted(times, others), 1, max(1, len(times) - 1)) if len(times) > 1 else np.zeros(1, int)
    nearest = float(np.minimum(np.abs(times[after] - others), np.abs(times[after - 1] - others)).min())
    return SourceError(
        f'no stamps of the trajectories are within {max_difference_s:g} s of each other ({spans}; the nearest two are '
        f'{nearest:.3f} s apart), expected some; raise the time difference or interpolate the ground truth'
    )


def gap_limit_s(times_s: Sequence[float]) -> float:
    """How long a stretch without true poses may be before it counts as a gap: half a second, and five usual steps."""
    return max(GAP_S, GAP_PERIODS * float(np.median(np.diff(times_s)))) if len(times_s) > 1 else GAP_S


def find_gaps(times_s: Sequence[float], limit_s: float) -> tuple[tuple[float, float], ...]:
    """Give (begin, end) in seconds of the stretches between stamps that are longer than a limit."""
    return tuple((a, b) for a, b in pairwise(times_s) if b - a > limit_s)
