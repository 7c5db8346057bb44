# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Folders with ``poses.json``: images, OpenCV intrinsics and camera-to-world matrices, and a split into map and query.

``poses.json`` holds ``frames``, each with ``file``, ``w``, ``h``, ``fx``, ``fy``, ``cx``, ``cy``, ``dist`` (OpenCV
k1 k2 p1 p2 [k3 ...], optional) and ``T_wc`` (4x4, OpenCV camera axes). The centre of the top-left pixel is (0, 0).
Optional are ``fisheye`` (true: ``dist`` is k1..k4 of OpenCV's fisheye model) and ``stamp_ns`` (whole nanoseconds).
``split.json`` holds ``map`` and ``query`` (image base names) and ``poses`` (which poses file). Either may say
``"metric": false`` when its units are not metres; without the key they are taken for metres.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from neumap_ros.errors import SourceError
from neumap_ros.geometry import Camera, Pose
from neumap_ros.mapping.sources.base import FileSource, ImageSource, PosedImage
from neumap_ros.mapping.sources.files import flag, number, read_json

POSES_FILE = 'poses.json'


def open_poses_json(
    folder: Path, split: Literal['map', 'query'] | None = None, split_file: str = 'split.json'
) -> ImageSource:
    """Open a folder with ``poses.json``.

    Args:
        folder: the folder.
        split: only the images that map the place, or only the queries; None for all.
        split_file: which split; needed only if ``split`` is given, but its choice of poses file always counts.

    Raises:
        SourceError: files, keys or images of the split are missing or malformed.
        CalibrationError: a pose is not rigid, or a camera not calibrated.
    """
    folder = Path(folder)
    split_path = folder / split_file
    splits: dict[str, Any] = {}
    if split is not None or split_path.is_file():
        splits = read_json(split_path, "the keys 'map' and 'query'")
    poses_name = splits.get('poses', POSES_FILE)
    if not isinstance(poses_name, str):
        raise SourceError(f"{split_path} has 'poses' = {poses_name!r}, expected a file name such as {POSES_FILE}")
    path = folder / poses_name
    data = read_json(path, "the key 'frames'")
    frames = data.get('frames')
    if not isinstance(frames, list):
        raise SourceError(f"{path} has no list 'frames', expected one entry per image; write it again")

    images, paths = [], {}
    for index, frame in enumerate(frames):
        image, relative = _parse_frame(frame, f'{path}, frame {index}')
        images.append(image)
        paths[image.name] = folder / relative
    metric = flag(splits, 'metric', str(split_path))
    if metric is None:
        metric = flag(data, 'metric', str(path))
    source = FileSource(f'{path}', images, paths, metric=True if metric is None else metric)
    if split is None:
        return source
    names = splits.get(split)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SourceError(f'{split_path} has no list {split!r}, expected image names; add it')
    return source.subset(names)


def _parse_frame(frame: Any, where: str) -> tuple[PosedImage, str]:
    if not isinstance(frame, dict) or not isinstance(frame.get('file'), str):
        raise SourceError(f"{where} has no 'file', expected the path of its image; add it")
    relative = frame['file']
    name = Path(relative).name
    where = f'{where} ({name})'
    if 'T_wc' not in frame:
        raise SourceError(f"{where} has no 'T_wc', expected the 4x4 camera-to-world matrix; add it")
    fx, fy, cx, cy = (number(frame, key, where) for key in ('fx', 'fy', 'cx', 'cy'))
    width, height = int(number(frame, 'w', where)), int(number(frame, 'h', where))
    fisheye = flag(frame, 'fisheye', where) or False
    stamp_ns = frame.get('stamp_ns')
    if stamp_ns is not None and (isinstance(stamp_ns, bool) or not isinstance(stamp_ns, int)):
        raise SourceError(f"{where} has 'stamp_ns' = {stamp_ns!r}, expected whole nanoseconds; correct it")
    try:
        pose = Pose.from_matrix(frame['T_wc'], f'the pose of image {name}')
        camera = Camera.from_opencv(
            width, height, fx, fy, cx, cy, frame.get('dist') or (), fisheye=fisheye, name=f'the camera of image {name}'
        )
    except (TypeError, ValueError) as error:
        raise SourceError(f"{where} has a malformed 'T_wc' or 'dist' ({error}), expected lists of numbers") from None
    # Whole seconds first: a double does not hold today's time in nanoseconds.
    time_s = None if stamp_ns is None else stamp_ns // 10**9 + stamp_ns % 10**9 / 1e9
    return PosedImage(name, camera, pose, time_s), relative
