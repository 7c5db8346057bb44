# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A folder of stamped images and a trajectory in the TUM format (``t tx ty tz qx qy qz qw``, seconds)."""

from __future__ import annotations

import logging
import math
import re
from pathlib import Path
from typing import NamedTuple

from neumap_ros.errors import SourceError
from neumap_ros.geometry import Pose
from neumap_ros.mapping.sources.base import FileSource, ImageSource, PosedImage
from neumap_ros.mapping.sources.files import list_images, read_camera_yaml, table_rows
from neumap_ros.mapping.sources.trajectory import Trajectory

_log = logging.getLogger(__name__)

_LIST_FILES = ('rgb.txt', 'associations.txt', 'associate.txt')
_STAMP = re.compile(r'(\d+(?:\.\d+)?)$')

# Names count seconds, ms, us or ns; the unit that agrees with the trajectory wins, the coarsest on a tie.
_UNITS_PER_SECOND = (1, 10**3, 10**6, 10**9)


def open_tum(
    trajectory: Path,
    images_dir: Path,
    camera_yaml: Path,
    T_body_cam: Pose | None = None,
    max_time_difference_s: float = 0.02,
    *,
    metric: bool | None = None,
) -> ImageSource:
    """Open images and a trajectory; poses are interpolated (linear, slerp) at the image stamps.

    Args:
        trajectory: TUM file with the poses of the body in the map.
        images_dir: folder of images named by their stamps (seconds, or integer ms, us or ns), or a folder with
            ``rgb.txt``, or such a list itself: lines ``stamp file``, files relative to the list.
        camera_yaml: calibration as ROS's camera_calibration writes it.
        T_body_cam: camera (optical axes) in the body; None when the trajectory is the camera's.
        max_time_difference_s: an image farther than this from the nearest pose is left out.
        metric: whether the trajectory is in metres; the format does not say (monocular SLAM writes it too).

    Raises:
        SourceError: a file is missing, a line is malformed, or the trajectory covers none of the images.
        CalibrationError: a pose or the calibration is unusable.
    """
    camera = read_camera_yaml(Path(camera_yaml))
    poses = read_tum(Path(trajectory))
    images_dir = Path(images_dir)
    stamped = _stamped_images(images_dir, poses)

    extrinsics = T_body_cam or Pose.identity()
    root = images_dir if images_dir.is_dir() else images_dir.parent
    images: list[PosedImage] = []
    paths: dict[str, Path] = {}
    for time_s, path in stamped:
        T_map_body = poses.at(time_s, max_time_difference_s)
        if T_map_body is not None:
            name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
            images.append(PosedImage(name, camera, T_map_body @ extrinsics, time_s))
            paths[name] = path
    left_out = len(stamped) - len(images)
    if not images:
        raise SourceError(
            f'the trajectory {trajectory} (t = {poses.times_s[0]:.3f} to {poses.times_s[-1]:.3f} s) covers none of the '
            f'{len(stamped)} images in {images_dir} (t = {stamped[0][0]:.3f} to {stamped[-1][0]:.3f} s) within '
            f'{max_time_difference_s} s; check that both use one clock, or raise max_time_difference_s'
        )
    if left_out:
        _log.warning(
            '%d of %d images have no pose within %s s and are left out', left_out, len(stamped), max_time_difference_s
        )
    return FileSource(f'images {images_dir} with trajectory {trajectory}', images, paths, metric=metric)


class TumRow(NamedTuple):
    """One line of a trajectory file.

    Attributes:
        line: number of the line, from 1.
        time_s: its stamp.
        pose: of the body in the map.
    """

    line: int
    time_s: float
    pose: Pose


def read_tum(path: Path) -> Trajectory:
    """Read a trajectory in the TUM format, lines in any order; of two poses at one time the last counts.

    Raises:
        SourceError: no file, no poses, or a malformed line (with its number).
        CalibrationError: NaN or a quaternion that is none (with the line).
    """
    return Trajectory.from_samples((row.time_s, row.pose) for row in read_tum_rows(path))


def read_tum_rows(path: Path) -> list[TumRow]:
    """Read the lines of a trajectory in the TUM format, in the order of the file.

    Raises:
        SourceError: no file, no poses, or a malformed line (with its number).
        CalibrationError: NaN or a quaternion that is none (with the line).
    """
    rows = []
    for line_number, columns in table_rows(path, 'lines "t tx ty tz qx qy qz qw"'):
        where = f'{path}, line {line_number}'
        if len(columns) != 8 or ',' in columns[0]:
            raise SourceError(f'{where} has {_columns_in_words(columns)}')
        try:
            t, tx, ty, tz, qx, qy, qz, qw = (float(column) for column in columns)
        except ValueError as error:
            raise SourceError(f'{where} is not numeric ({error}), expected 8 numbers; correct that line') from None
        if not math.isfinite(t):
            raise SourceError(f'{where} has the stamp {columns[0]}, expected seconds; correct or delete that line')
        rows.append(
            TumRow(line_number, t, Pose.from_quaternion((qw, qx, qy, qz), (tx, ty, tz), f'the pose in {where}'))
        )
    if not rows:
        raise SourceError(f'{path} has no poses, expected lines "t tx ty tz qx qy qz qw"; check the path')
    return rows


def _columns_in_words(columns: list[str]) -> str:
    """What is wrong with columns that are not the eight of the TUM format, and which format they look like."""
    expected = 'expected 8 (t tx ty tz qx qy qz qw)'
    if any(',' in column for column in columns):
        return (
            'numbers separated by commas as the CSV files of EuRoC have them (stamps in nanoseconds, quaternions '
            f'qw qx qy qz), {expected} separated by spaces; convert it, for example with evo_traj euroc --save_as_tum'
        )
    if len(columns) == 12:
        return (
            f'12 columns as the pose files of KITTI have them (a 3x4 matrix, no stamp), {expected}; '
            'convert it with the stamps of times.txt'
        )
    return f'{len(columns)} columns, {expected}; correct that line'


def tum_line(stamp_ns: int, pose: Pose) -> str:
    """Write a pose as a line of the TUM format, with all nine digits of the stamp."""
    w, x, y, z = pose.quaternion_wxyz
    values = ' '.join(f'{value:.12g}' for value in (*pose.translation_3, x, y, z, w))
    return f'{stamp_ns // 10**9}.{stamp_ns % 10**9:09d} {values}\n'


def _stamped_images(images_dir: Path, poses: Trajectory) -> list[tuple[float, Path]]:
    """Give (time in seconds, file) of every image, by time."""
    if images_dir.is_file():
        return _read_list(images_dir)
    for name in _LIST_FILES:
        if (images_dir / name).is_file():
            return _read_list(images_dir / name)
    paths = list_images(images_dir)
    digits = []
    for path in paths:
        match = _STAMP.search(path.stem)
        if match is None:
            raise SourceError(
                f'the name of {path} holds no stamp, expected one such as 1305031102.175304.png; '
                f'rename it or write a list {_LIST_FILES[0]} with lines "stamp file"'
            )
        digits.append(match[1])
    start, end = poses.times_s[0], poses.times_s[-1]
    times_per_unit = [[_seconds(text, unit) for text in digits] for unit in _UNITS_PER_SECOND]
    times = max(times_per_unit, key=lambda candidates: sum(start <= time <= end for time in candidates))
    return sorted(zip(times, paths, strict=True))


def _seconds(digits: str, units_per_second: int) -> float:
    if '.' in digits:  # a fraction is in seconds whatever the unit of integers
        return float(digits)
    return int(digits) / units_per_second


def _read_list(path: Path) -> list[tuple[float, Path]]:
    entries = []
    for line_number, columns in table_rows(path, 'lines "stamp file"'):
        try:
            entries.append((float(columns[0]), path.parent / columns[1]))
        except (IndexError, ValueError):
            raise SourceError(
                f'{path}, line {line_number} is {" ".join(columns)!r}, expected "stamp file"; correct that line'
            ) from None
    if not entries:
        raise SourceError(f'{path} lists no images, expected lines "stamp file"; check the path')
    return sorted(entries)
