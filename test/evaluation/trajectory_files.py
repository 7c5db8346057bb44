# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Trajectories and TUM files for tests."""

import numpy as np
from scipy.spatial.transform import Rotation

from neumap_ros.geometry import Pose
from neumap_ros.mapping.sources.trajectory import Trajectory
from neumap_ros.mapping.sources.tum import tum_line

START_S = 1700000000.0


def drive(count=120, rate_hz=10.0, start_s=START_S):
    """A robot's body on a winding way of some 20 m, up and down a ramp, nodding a little."""
    time = np.arange(count) / rate_hz
    position = np.stack((1.5 * time, 3 * np.sin(0.6 * time), 0.3 * np.sin(0.4 * time)), axis=1)
    angles = np.stack((np.arctan2(1.8 * np.cos(0.6 * time), 1.5), 0.1 * np.sin(time), 0.05 * np.cos(2 * time)), axis=1)
    rotation = Rotation.from_euler('ZYX', angles).as_matrix()
    poses = tuple(Pose(r, t) for r, t in zip(rotation, position, strict=True))
    return Trajectory(tuple((start_s + time).tolist()), poses)


def with_errors(trajectory, metres=0.02, degrees=0.5, seed=0):
    """The same poses with Gaussian errors."""
    rng = np.random.default_rng(seed)
    turns = Rotation.from_rotvec(np.radians(rng.normal(0, degrees, (len(trajectory), 3)))).as_matrix()
    poses = tuple(
        Pose(pose.rotation_33 @ turn, pose.translation_3 + rng.normal(0, metres, 3))
        for pose, turn in zip(trajectory.poses, turns, strict=True)
    )
    return Trajectory(trajectory.times_s, poses)


def changed(trajectory, change):
    """Each pose replaced by what a function makes of it."""
    return Trajectory(trajectory.times_s, tuple(change(pose) for pose in trajectory.poses))


def kept(trajectory, indices):
    """Some poses of it."""
    return Trajectory(tuple(trajectory.times_s[i] for i in indices), tuple(trajectory.poses[i] for i in indices))


def tum_text(trajectory):
    return ''.join(tum_line(round(t * 1e9), pose) for t, pose in zip(trajectory.times_s, trajectory.poses, strict=True))


def write_tum(path, trajectory):
    path.write_text(tum_text(trajectory))
    return path


def scalar_first(text):
    """TUM lines with the quaternion as qw qx qy qz."""
    rows = [line.split() for line in text.splitlines()]
    return ''.join(' '.join((*row[:4], row[7], *row[4:7])) + '\n' for row in rows)
