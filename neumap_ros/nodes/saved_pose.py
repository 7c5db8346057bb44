# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The last pose on disk, so that a restart begins with a good guess. A guess only, and only in the same map."""

from __future__ import annotations

import json
import math
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from neumap_ros.errors import CalibrationError, ConfigError
from neumap_ros.geometry import Pose

FORMAT = 1


@dataclass(frozen=True)
class SavedPose:
    """Where the robot was.

    Attributes:
        map_id: uuid of the place; elsewhere the pose means nothing.
        T_map_base: the pose.
        stamp_ns: when it was there.
    """

    map_id: str
    T_map_base: Pose
    stamp_ns: int


def saved_pose_path(state_dir: str, node_name: str) -> Path:
    """The file of a node.

    Args:
        state_dir: folder; ``~`` and variables are expanded.
        node_name: its full name, so that robots that share a machine do not share a file.
    """
    folder = Path(os.path.expandvars(state_dir)).expanduser()
    return folder / f'last_pose_{node_name.strip("/").replace("/", "__")}.json'


def write_pose(path: Path, saved: SavedPose) -> None:
    """Write a pose so that a reader, or a robot whose power fails, never finds half of it.

    Raises:
        ConfigError: the folder cannot be written to.
    """
    document = {
        'format': FORMAT,
        'map_id': saved.map_id,
        'stamp_ns': saved.stamp_ns,
        'position': [float(v) for v in saved.T_map_base.translation_3],
        'quaternion_wxyz': [float(v) for v in saved.T_map_base.quaternion_wxyz],
    }
    temporary = ''
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix='.tmp')
        with os.fdopen(handle, 'w', encoding='utf-8') as file:
            json.dump(document, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise ConfigError(
            f'the last pose cannot be saved to {path} ({error.strerror or error}), expected a folder that can be '
            'written to; change state_dir, or set save_pose_period_s to 0'
        ) from None


def read_pose(path: Path) -> SavedPose | None:
    """Read a pose; None where none was saved.

    Raises:
        ConfigError: the file is damaged.
    """
    try:
        document = json.loads(path.read_text(encoding='utf-8'))
        if document['format'] != FORMAT:
            raise ValueError(f'format {document["format"]!r}')
        pose = Pose.from_quaternion(document['quaternion_wxyz'], document['position'], 'the saved pose')
        saved = SavedPose(str(document['map_id']), pose, int(document['stamp_ns']))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, CalibrationError) as error:
        raise ConfigError(
            f'the last pose in {path} cannot be read ({error}); it is not used, delete the file'
        ) from None
    return saved


def initial_radius_m(covariance_36: object, *, at_least: float = 1.0, at_most: float = 50.0) -> float:
    """How far off a pose given with a covariance may be: three standard deviations of its position.

    Args:
        covariance_36: as in geometry_msgs/PoseWithCovariance.
        at_least: for poses that claim to be exact.
        at_most: for covariances that are huge or no numbers.
    """
    numbers = [float(v) for v in covariance_36]  # type: ignore[attr-defined]
    variance = max(numbers[0], numbers[7], numbers[14])
    radius = 3 * math.sqrt(variance) if variance > 0 and math.isfinite(variance) else at_least
    return min(max(radius, at_least), at_most)
