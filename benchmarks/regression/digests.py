# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What decides a result: pictures, odometry, true poses, settings, code that makes maps and poses, and libraries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

import neumap_ros
from benchmarks.regression.records import library_versions
from neumap_ros.errors import ImageError
from neumap_ros.evaluation.ground_truth import TruthAt
from neumap_ros.geometry import Pose
from neumap_ros.mapping.sources import ImageSource, PosedImage
from neumap_ros.mapping.sources.bag_messages import CAMERA_INFO, TF_MESSAGE
from neumap_ros.mapping.sources.bag_reader import BagReader
from neumap_ros.ros_values import COMPRESSED_IMAGE, IMAGE, quaternion_wxyz, xyz

PACKAGE = Path(neumap_ros.__file__).parent
# Modules and packages of neumap_ros that can change a map or a pose, or the figures of a run.
DECISIVE = (
    *('errors.py', 'geometry.py', 'images.py', 'memory.py', 'features', 'models', 'maps', 'mapping', 'localization'),
    *(f'evaluation/{name}.py' for name in ('metrics', 'run', 'run_figures', 'run_rows', 'run_time', 'run_types')),
    *('ros_images.py', 'ros_values.py', 'weights'),
)
# What decides replayed drives only: a change in here builds no map anew.
DRIVES = (
    *('nodes/frame_reader.py', *(f'recording/{name}.py' for name in ('playback', 'tf_buffer', 'topics'))),
    *(f'evaluation/{name}.py' for name in ('ground_truth', 'replay', 'replay_run')),
)
# What decides how a simulated drive is recorded, beside the simulation itself.
RECORDING = ('recording', 'geometry.py', 'ros_values.py')
# Of the suite itself: what makes queries and results.
SUITE = (
    *('datasets.py', 'variants.py'),
    *(f'regression/{name}.py' for name in ('results', 'scenes', 'task', 'trials')),
)
_SUFFIXES = ('.py', '.safetensors', '.json')
# Poses are compared to a hundredth of a millimetre: the last bits of a sine differ from machine to machine.
_POSE_DECIMALS = 5


@dataclass(frozen=True)
class SourceDigest:
    """A source, for keys and for telling whether two queries are the same.

    Attributes:
        queries: of each image its name, camera and pose, whatever it shows.
        pictures: of all pixels; of a recording also of its calibration and odometry.
        stamps_ns: of the images of a recording, which has them in the order of ``queries``.
    """

    queries: tuple[str, ...]
    pictures: str
    stamps_ns: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        """Of everything."""
        return digest_of([self.queries, self.pictures])

    @property
    def by_stamp(self) -> dict[int, str]:
        """The query of each stamp."""
        return dict(zip(self.stamps_ns, self.queries, strict=True))


def digest_of(value: Any) -> str:
    """Sixteen hexadecimal digits of anything that JSON can express."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def digest_source(source: ImageSource) -> SourceDigest:
    """Read all images once."""
    pictures = hashlib.sha256()
    for image in source.images:
        try:
            pixels = source.read(image)
            pictures.update(f'{image.name} {pixels.shape}'.encode() + np.ascontiguousarray(pixels).tobytes())
        except ImageError as error:  # an attempt that fails, see neumap_ros.evaluation.run
            pictures.update(f'{image.name} {type(error).__name__}'.encode())
    metric = source.metric is not False
    queries = tuple(_query(image, metric) for image in source.images)
    return SourceDigest(queries, pictures.hexdigest()[:16])


def _query(image: PosedImage, metric: bool) -> str:
    pose = _rounded(image.T_map_cam)
    camera = json.loads(json.dumps(image.camera.to_json()), parse_float=lambda text: round(float(text), 6))
    return digest_of([image.name, camera, pose, image.time_s, metric])[:8]


def digest_drive(bag: Path, truth: TruthAt) -> SourceDigest:
    """Read a recorded drive of one camera once: all that a localizer hears of it, and where it really was.

    Args:
        bag: folder of the recording.
        truth: true poses of the base.

    Raises:
        SourceError: the recording is damaged.
    """
    reader = BagReader(bag)
    types = reader.topics()
    heard, queries, stamps = hashlib.sha256(), [], []
    for position, message in reader.messages([topic for topic in types if types[topic] in _HEARD]):
        kind = types[position.topic]
        heard.update(f'{position.topic} {position.bag_time_ns} '.encode() + _HEARD[kind](message))
        if kind in (IMAGE, COMPRESSED_IMAGE):
            stamps.append(_stamp_ns(message))
            queries.append(digest_of([position.topic, stamps[-1], _rounded(truth(stamps[-1]))])[:8])
    reader.close()
    return SourceDigest(tuple(queries), heard.hexdigest()[:16], tuple(stamps))


def _image_bytes(message: Any) -> bytes:
    return f'{_stamp_ns(message)} '.encode() + np.asarray(message.data, dtype=np.uint8).tobytes()


def _info_bytes(message: Any) -> bytes:
    matrices = [np.round(np.asarray(value, dtype=np.float64), 6).tolist() for value in (message.k, message.d)]
    return json.dumps([message.header.frame_id, message.width, message.height, matrices]).encode()


def _tf_bytes(message: Any) -> bytes:
    rows = []
    for item in message.transforms:
        numbers = np.array([*quaternion_wxyz(item.transform.rotation), *xyz(item.transform.translation)])
        frames = item.header.frame_id, item.child_frame_id
        rows.append([*frames, _stamp_ns(item), (numbers.round(_POSE_DECIMALS) + 0.0).tolist()])
    return json.dumps(rows).encode()


# What a localizer listens to, by message type.
_HEARD = {IMAGE: _image_bytes, COMPRESSED_IMAGE: _image_bytes, CAMERA_INFO: _info_bytes, TF_MESSAGE: _tf_bytes}


def _stamp_ns(message: Any) -> int:
    stamp = message.header.stamp
    return int(stamp.sec) * 10**9 + int(stamp.nanosec)


def _rounded(pose: Pose | None) -> list[list[float]] | None:
    # Adding 0.0 makes a negative zero a zero.
    return None if pose is None else (pose.matrix_44.round(_POSE_DECIMALS) + 0.0).tolist()


@lru_cache(maxsize=1)
def code_version() -> str:
    """A digest of the code and of the libraries that decide every result."""
    suite = Path(__file__).resolve().parents[1]
    return digest_of([library_versions(), digest_files(decisive_files()), digest_files(suite / name for name in SUITE)])


def digest_files(paths: Iterable[Path]) -> str:
    """Sixteen hexadecimal digits of files."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def decisive_files(names: Sequence[str] = DECISIVE) -> list[Path]:
    """Files of neumap_ros.

    Args:
        names: of modules and packages.
    """
    return sorted(path for name in names for path in _files(PACKAGE / name))


def _files(top: Path) -> Iterable[Path]:
    return [top] if top.is_file() else [path for path in top.rglob('*') if path.suffix in _SUFFIXES]
