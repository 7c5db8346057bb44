# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Every parameter of every node, once; ``docs/parameters.md`` and ``config/localization.yaml`` follow from here."""

from __future__ import annotations

import dataclasses
from typing import Any

from neumap_ros.localization.localizer import LocalizerSettings
from neumap_ros.localization.settings import CHOICES, RANGES
from neumap_ros.localization.tracker import TrackerSettings
from neumap_ros.nodes.parameter_row import Row

AUTOSTART = Row('autostart', True, 'Configure and activate without a lifecycle manager.', read_only=True)
STATE_DIR = Row(
    'state_dir', '~/.ros/neumap_ros', 'Folder for what outlives a restart: last pose, map cache.', read_only=True
)

_INTERFACE = (
    Row('cameras', ('camera',), 'Names of the cameras; each one has the topics NAME/image and NAME/camera_info.'),
    Row('image_transport', 'raw', 'Type of the image topics.', choices=('raw', 'compressed')),
    Row('rectified', False, 'Whether the images are rectified; then P of camera_info counts instead of K and D.'),
    Row('frames.map', 'map', 'Frame of the map, the parent of the published transform.'),
    Row('frames.odom', 'odom', 'Frame of the odometry.'),
    Row('frames.base', 'base_link', 'Frame of the robot, whose pose is published.'),
    Row(
        'tf_mode',
        'map_to_odom',
        'Which transform is published, at most one: the correction of the odometry, the pose itself, or none.',
        choices=('map_to_odom', 'map_to_base', 'none'),
    ),
    Row('tf_rate_hz', 30.0, 'How often the transform is sent again.', 'Hz', 1.0, 1000.0),
    Row('transform_tolerance', 0.2, 'How far into the future the transform is dated.', 's', 0.0, 10.0),
    Row('tf_wait_s', 0.1, 'How long an image waits for the odometry of its stamp.', 's', 0.0, 5.0),
    Row(
        'mode',
        'continuous',
        'Localize every image, or only when ~/relocalize is called.',
        choices=('continuous', 'on_request'),
    ),
    Row('max_rate_hz', 0.0, 'Most images a second that are looked at, by their stamps; 0: all.', 'Hz', 0.0, 1000.0),
    Row('max_image_age_s', 1.0, 'Older images are not used; 0: any age.', 's', 0.0, 3600.0),
    Row('sync_tolerance_s', 0.02, 'Images of several cameras this close are taken together.', 's', 0.0, 1.0),
    Row('sync_wait_s', 0.05, 'How long a set of images waits for a camera that is late or dead.', 's', 0.0, 1.0),
    Row(
        'max_wait_periods',
        0.25,
        'Images that waited for the attempt before them for more than this share of the camera period are left for the '
        'next ones. Poses are fresher and fewer; 2 takes every image that is there.',
        'periods',
        0.0,
        2.0,
    ),
    Row('relocalize_timeout_s', 10.0, 'How long ~/relocalize tries before it answers no.', 's', 0.1, 600.0),
    Row(
        'memory_budget_mb', 512, 'Memory for regions of the map; the least recently needed leave first.', 'MB', 1, 2**20
    ),
    Row(
        'device',
        'auto',
        'Where networks run; without a usable GPU it is the CPU, with a warning if a GPU was asked for.',
        choices=('auto', 'cpu', 'cuda'),
    ),
    Row(
        'save_pose_period_s',
        5.0,
        'How often the last pose is saved, to start from it after a restart on the same map; 0: never.',
        's',
        0.0,
        3600.0,
    ),
)

# What may change while the node runs; the rest of the interface takes effect at the next configure.
LIVE_INTERFACE = frozenset(
    {
        'tf_rate_hz',
        'transform_tolerance',
        'tf_wait_s',
        'mode',
        'max_rate_hz',
        'max_image_age_s',
        'relocalize_timeout_s',
        'save_pose_period_s',
    }
)

# Descriptions and ranges of the tracker's settings; see neumap_ros/localization/tracker.py.
_TRACKER: dict[str, tuple[str, float, float]] = {
    'tracker.confirmations': (
        'Fixes that must agree on a first pose or on a large correction before it is accepted; 1 accepts at once.',
        1,
        100,
    ),
    'tracker.confirmation_window': ('Among so many successive fixes.', 1, 1000),
    'tracker.max_correction_m': ('A larger correction of the odometry needs confirmation.', 0.01, 1000),
    'tracker.max_correction_deg': ('The same for the orientation.', 0.1, 180),
    'tracker.agreement_m': ('Fixes agree within so much, plus their uncertainty and drift.', 0.001, 1000),
    'tracker.agreement_deg': ('The same for the orientation.', 0.01, 180),
    'tracker.agreement_sigmas': ('So many standard deviations of both poses are added.', 0, 100),
    'tracker.contradiction_s': ('A large correction waits until no fix agreed with the present pose so long.', 0, 600),
    'tracker.contradiction_m': (
        'It also waits until the robot has driven so far since the first fix that wants it; a radian is half a metre.',
        0,
        100,
    ),
    'tracker.contradiction_fixes': (
        'It needs as many fixes as led to the present pose, up to so many; half for smaller corrections.',
        0,
        1000,
    ),
    'tracker.odometry_drift_m_per_m': ('Error of the odometry per metre driven.', 0, 10),
    'tracker.odometry_drift_deg_per_m': ('Error of its heading per metre driven.', 0, 360),
    'tracker.max_speed_mps': ('Fastest that the robot moves; counts where there is no odometry.', 0, 1000),
    'tracker.max_turn_dps': ('Fastest that it turns; counts where there is no odometry.', 0, 10_000),
    'tracker.lost_after_s': ('Lost when all fixes were refused for so long.', 0.1, 3600),
}

# Descriptions of the core's settings, by dotted name; config/core.yaml explains them at length.
_CORE = {
    'math_threads': 'Threads of PyTorch and of BLAS on the CPU; more than one is slower here.',
    'keep_memory': 'Keep freed memory for the next image.',
    'max_keypoints': 'Keypoints per image. More help in the dark; time grows with them.',
    'points_per_attempt': 'A map with at most so many points is compared at once; so many near a prior first.',
    'points_near_prior': 'Points of one place, compared at once when the whole map was too much or gave no pose.',
    'points_guided': 'Nearest points in view that the guided search projects.',
    'max_attempts': 'Groups of regions tried before giving up. More find the place more often; failures cost more.',
    'alternatives': 'Among so many points a keypoint may choose in the second attempt.',
    'guided_radius_px': 'Search radii around projected points at 1,600 px image width, one pass each.',
    'solver.method': 'RANSAC of this library.',
    'solver.max_error_px': 'Largest reprojection error of an inlier at 1,600 px image width.',
    'solver.max_trials': 'Most iterations; they bound the time of a hopeless image.',
    'solver.confidence': 'Stop when the best pose was found with this probability.',
    'solver.seed': 'Of the random numbers; the same seed gives the same pose.',
    'gate.min_inliers': 'Fewest keypoints that agree with the pose by their descriptors alone.',
    'gate.min_guided_inliers': 'Fewest keypoints that agree after the guided search.',
    'gate.min_surplus': 'By how many standard deviations these must exceed chance.',
    'gate.min_confidence': 'Smallest probability that the pose is right. Higher: fewer wrong poses, and fewer poses.',
    'gate.max_relative_sigma': 'Largest standard deviation of the position, as a fraction of the depth.',
    'gate.max_rotation_sigma_deg': 'Largest standard deviation of the orientation.',
    'extractor_weights': 'File of the weights of the extractor; empty: those that ship. Must be the one that the map '
    'was built with.',
    'gate.min_coverage': 'Smallest share of the 4 x 4 cells of the image that hold an inlier.',
}
_UNITS = {
    '_deg_per_m': 'deg/m',
    '_m_per_m': 'm/m',
    '_px': 'px',
    '_deg': 'deg',
    '_mps': 'm/s',
    '_dps': 'deg/s',
    '_m': 'm',
    '_s': 's',
}


def _rows(settings: Any, prefix: str = '') -> tuple[Row, ...]:
    """A row for every field of a dataclass of settings and of those in it."""
    rows: list[Row] = []
    for field in dataclasses.fields(settings):
        name, value = prefix + field.name, getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            rows += _rows(value, f'{name}.')
            continue
        unit = next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), '')
        low: float | None
        high: float | None
        if name in _TRACKER:
            description, low, high = _TRACKER[name]
            rows.append(Row(name, value, description, unit, low, high))
        else:
            bounds = RANGES.get(name)
            low, high = bounds if bounds is not None else (None, None)
            rows.append(Row(name, value, _CORE[name], unit, low, high, CHOICES.get(name, ())))
    return tuple(rows)


TRACKER = _rows(TrackerSettings(), 'tracker.')
CORE = _rows(LocalizerSettings())
# How the process computes is fixed when the first localizer is made; the weights are loaded then.
LIVE = LIVE_INTERFACE | {row.name for row in (*TRACKER, *CORE)} - {'math_threads', 'keep_memory', 'extractor_weights'}

LOCALIZER: tuple[Row, ...] = (*_INTERFACE, STATE_DIR, AUTOSTART, *TRACKER, *CORE)

MAP_SERVER: tuple[Row, ...] = (
    Row('map.uri', '', 'Folder of a map or of a repository of revisions, also as file://; see docs/map_updates.md.'),
    Row('map.revision', 0, 'Which revision; 0: the newest. Another map.uri alone makes it 0.', '', 0, 2**31 - 1),
    Row(
        'map.sha256',
        '',
        'Digest that the manifest of this revision must have; empty: any. A map.revision or another map.uri '
        'without it empties it.',
    ),
    Row(
        'memory_budget_mb',
        256,
        'Memory for regions to send; the least recently needed leave first and are read again from the disk.',
        'MB',
        1,
        2**20,
    ),
    Row(
        'prefetch_radius_m', 20.0, 'Regions this close to the predicted path are sent unasked; 0: none.', 'm', 0.0, 1e6
    ),
    Row('prefetch_horizon_s', 5.0, 'How far ahead the path is predicted from the last poses.', 's', 0.0, 600.0),
    STATE_DIR,
    AUTOSTART,
)

EVALUATOR: tuple[Row, ...] = (
    Row('out', 'run', 'Folder of the run: run.json, attempts.csv, status.csv, trajectory.tum and more.'),
    Row('name', '', 'Name of the run in reports; empty: that of its folder.'),
    Row('labels', '', 'What tells this run from others: key=value, several with commas, such as seed=7.'),
    Row('condition', '', 'Condition of the attempts from now on, such as night; figures are given for each.'),
    Row(
        'ground_truth',
        '',
        'True poses of the base: /topic (PoseStamped, PoseWithCovarianceStamped, TransformStamped or Odometry), '
        '/topic.FRAME for those of another frame, tf:FRAME, tf:FRAME.CHILD, or a TUM file; empty: none.',
    ),
    Row('max_gap_s', 0.5, 'An attempt farther than this from the nearest true pose is not judged.', 's', 0.0, 60.0),
    Row('base_frame', 'base_link', 'Whose poses they are, where a localizer publishes poses and no status.'),
    Row('record_tf', True, 'Look up where TF puts the robot at every attempt.'),
    Row(
        'pictures',
        0,
        'How many of the worst attempts to keep pictures of; the localizer must then draw every one.',
        '',
        0,
        1000,
    ),
    Row('write_period_s', 30.0, 'How often the run is written while it lasts; 0: only in the end.', 's', 0.0, 3600.0),
    AUTOSTART,
)
LIVE_EVALUATOR = frozenset({'condition', 'write_period_s'})
