# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reading the small files beside the images: JSON, ROS camera calibrations, and tables of lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from neumap_ros.errors import CalibrationError, SourceError
from neumap_ros.geometry import Camera
from neumap_ros.images import IMAGE_SUFFIXES


def read_text(path: Path, what: str) -> str:
    """Read the text of a file.

    Args:
        path: the file.
        what: what it should hold, for the error, for example ``poses``.

    Raises:
        SourceError: missing, unreadable or binary.
    """
    try:
        return path.read_text(encoding='utf-8-sig')  # Windows editors put a mark in front
    except OSError as error:
        raise SourceError(
            f'{path} cannot be read ({error.strerror or error}), expected a file with {what}; check the path'
        ) from None
    except UnicodeDecodeError:
        raise SourceError(f'{path} is binary, expected a text file with {what}; check the path') from None


def read_json(path: Path, what: str) -> dict[str, Any]:
    """Read the object in a JSON file.

    Raises:
        SourceError: missing, no JSON (with the line), or no object.
    """
    try:
        data = json.loads(read_text(path, what))
    except json.JSONDecodeError as error:
        raise SourceError(
            f'{path} is not valid JSON at line {error.lineno}, column {error.colno} ({error.msg}), '
            f'expected {what}; correct that line'
        ) from None
    if not isinstance(data, dict):
        raise SourceError(f'{path} holds a {type(data).__name__}, expected a JSON object with {what}; write it again')
    return data


def number(data: dict[str, Any], key: str, where: str, default: float | None = None) -> float:
    """Give the number under a key.

    Raises:
        SourceError: the key is missing and has no default, or holds something else.
    """
    value = data.get(key, default)
    if value is None:
        raise SourceError(f'{where} has no {key!r}, expected a number; add it')
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SourceError(f'{where} has {key!r} = {value!r}, expected a number; correct it')
    return float(value)


def flag(data: dict[str, Any], key: str, where: str) -> bool | None:
    """Give the true, false or null under a key that may be absent.

    Raises:
        SourceError: it holds something else.
    """
    value = data.get(key)
    if value is not None and not isinstance(value, bool):
        raise SourceError(f'{where} has {key!r} = {value!r}, expected true, false or null; correct it')
    return value


def table_rows(path: Path, what: str) -> Iterator[tuple[int, list[str]]]:
    """Read the lines of a text table as (line number from 1, columns), without comments and empty lines.

    Raises:
        SourceError: the file cannot be read.
    """
    for line_number, line in enumerate(read_text(path, what).splitlines(), start=1):
        columns = line.split('#', 1)[0].split()
        if columns:
            yield line_number, columns


def list_images(folder: Path) -> list[Path]:
    """List the image files in a folder and its subfolders, sorted by path.

    Raises:
        SourceError: no folder, or no image in it.
    """
    if not folder.is_dir():
        raise SourceError(f'{folder} is no folder, expected one with images; check the path')
    paths = sorted(path for path in folder.rglob('*') if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    if not paths:
        raise SourceError(f'{folder} has no images, expected files ending in {", ".join(IMAGE_SUFFIXES)}')
    return paths


def read_camera_yaml(path: Path) -> Camera:
    """Read a camera from the YAML file that ROS's camera_calibration writes (top-left pixel's centre at (0, 0)).

    Raises:
        SourceError: the file is missing or no YAML.
        CalibrationError: keys are missing, or the values are no calibration.
    """
    path = Path(path)
    try:
        data = yaml.safe_load(read_text(path, 'a camera calibration'))
    except yaml.YAMLError as error:
        mark = getattr(error, 'problem_mark', None)
        line = f' at line {mark.line + 1}' if mark else ''
        raise SourceError(f'{path} is not valid YAML{line}, expected a camera calibration; write it again') from None
    try:
        coefficients = data.get('distortion_coefficients') or {'data': []}
        return Camera.from_ros(
            int(data['image_width']),
            int(data['image_height']),
            [float(value) for value in data['camera_matrix']['data']],
            str(data.get('distortion_model') or 'plumb_bob'),
            [float(value) for value in coefficients['data']],
            name=f'camera {data.get("camera_name") or path.name}',
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CalibrationError(
            f'{path} is no camera calibration ({type(error).__name__}: {error}), expected image_width, image_height, '
            'camera_matrix.data, distortion_model and distortion_coefficients.data as camera_calibration writes them'
        ) from None
