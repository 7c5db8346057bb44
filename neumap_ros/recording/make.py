# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Posed images -> a recording as a robot would have made it, with the truth beside it."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import ConfigError, ImageError, SourceError
from neumap_ros.geometry import Pose
from neumap_ros.images import check_image_size, decode_image
from neumap_ros.mapping.sources.base import FileSource, ImageSource, PosedImage
from neumap_ros.mapping.sources.trajectory import interpolate
from neumap_ros.mapping.sources.tum import tum_line
from neumap_ros.recording import messages
from neumap_ros.recording.bag_writer import BagWriter, quality_of_service
from neumap_ros.recording.drift import DriftSettings, drifting_odometry, measured_drift

TRUTH_FILE = 'ground_truth.tum'
IMAGE_TOPIC, COMPRESSED_TOPIC, INFO_TOPIC = '/camera/image', '/camera/image/compressed', '/camera/camera_info'
TRUTH_TOPIC, ODOMETRY_TOPIC, TF_TOPIC, TF_STATIC_TOPIC = '/ground_truth', '/odom', '/tf', '/tf_static'
ODOM_FRAME, BASE_FRAME, CAMERA_FRAME = 'odom', 'base_link', 'camera_optical'

# REP-103: the base looks along x with z up, the optical frame along z with y down. The camera stands 20 cm in front of
# the base's origin and 50 cm above it.
T_BASE_CAM = Pose(np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]), np.array([0.2, 0.0, 0.5]))

# Where the source has no stamps the recording starts here: a clock at zero means "not set" in ROS.
FIRST_STAMP_NS = 1_700_000_000 * 10**9
DEFAULT_RATE_HZ = 15.0
# What lies between a stamp and the arrival of its message: exposure and transfer of an image, next to nothing for TF.
IMAGE_LATENCY_NS, ODOMETRY_LATENCY_NS = 5_000_000, 1_000_000
_JPEG_QUALITY = 95
_JPEG_START = b'\xff\xd8'

Progress = Callable[[int, int], None]
Entry = tuple[int, str, Any]  # time of the recording, topic, message


@dataclass(frozen=True)
class BagSettings:
    """How a recording is made.

    Attributes:
        rate_hz: images per second; None takes the stamps of the source, or 15 where it has none.
        compressed: CompressedImage (the bytes of JPEG files as they are, others as JPEG) instead of Image.
        odometry_rate_hz: at least so many transforms from odom to the base per second; 0 records no odometry at all.
        drift: of the odometry.
        storage: ``mcap`` or ``sqlite3``.
    """

    rate_hz: float | None = None
    compressed: bool = False
    odometry_rate_hz: float = 50.0
    drift: DriftSettings = field(default_factory=DriftSettings)
    storage: str = 'mcap'

    def __post_init__(self) -> None:
        if self.rate_hz is not None and not (math.isfinite(self.rate_hz) and 0 < self.rate_hz <= 1000):
            raise ConfigError(f'the rate is {self.rate_hz}, expected more than 0 and at most 1000 images per second')
        if not (math.isfinite(self.odometry_rate_hz) and 0 <= self.odometry_rate_hz <= 10_000):
            raise ConfigError(f'the odometry rate is {self.odometry_rate_hz}, expected from 0 (none) to 10000 Hz')


@dataclass(frozen=True)
class BagReport:
    """What was written.

    Attributes:
        folder: the bag.
        counts: messages per topic.
        duration_s: from the first image to the last.
        distance_m: that the base drove, map units.
        drift_m_per_m: of the odometry as it was recorded, see :func:`measured_drift`; NaN without odometry.
        drift_deg_per_10m: likewise.
        cameras: how many different calibrations the images have.
    """

    folder: Path
    counts: dict[str, int]
    duration_s: float
    distance_m: float
    drift_m_per_m: float
    drift_deg_per_10m: float
    cameras: int


def make_bag(
    source: ImageSource, out: Path, settings: BagSettings | None = None, progress: Progress | None = None
) -> BagReport:
    """Write a recording of one camera on a robot that drove where the source's images were taken.

    Args:
        source: posed images; their order is the order of the drive unless stamps say otherwise.
        out: folder of the bag, to create; ``ground_truth.tum`` in it holds ``T_map_base`` at every image.
        settings: how.
        progress: called with (images written, images).

    Raises:
        ConfigError: the folder exists or cannot be written.
        SourceError: an image without a pose, or two with one stamp.
        CalibrationError: a camera that CameraInfo cannot express.
        ImageError: an image that cannot be read.
    """
    settings = settings or BagSettings()
    drive = _drive(source, settings.rate_hz)
    for camera in {image.camera for _, image, _ in drive}:
        messages.ros_calibration(camera)
    track = _odometry_track(drive, settings.odometry_rate_hz)
    T_odom_base = drifting_odometry([T_map_base for _, T_map_base in track], settings.drift)
    image_topic = COMPRESSED_TOPIC if settings.compressed else IMAGE_TOPIC
    with BagWriter(out, settings.storage) as bag:
        bag.add_topic(TF_STATIC_TOPIC, messages.TF_MESSAGE, quality_of_service(1, latched=True))
        if track:
            bag.add_topic(TF_TOPIC, messages.TF_MESSAGE, quality_of_service(100))
            bag.add_topic(ODOMETRY_TOPIC, messages.ODOMETRY)
        bag.add_topic(TRUTH_TOPIC, messages.POSE_STAMPED)
        bag.add_topic(INFO_TOPIC, messages.CAMERA_INFO)
        bag.add_topic(image_topic, messages.COMPRESSED_IMAGE if settings.compressed else messages.IMAGE)
        first_ns = drive[0][0]
        mount = messages.transform(first_ns, BASE_FRAME, CAMERA_FRAME, T_BASE_CAM)
        bag.write(TF_STATIC_TOPIC, first_ns, messages.tf_message([mount]))
        stamps = [stamp_ns for stamp_ns, _ in track]
        entries = heapq.merge(
            odometry_entries(stamps, T_odom_base),
            _image_entries(source, drive, image_topic, settings.compressed),
            key=itemgetter(0),
        )
        for bag_time_ns, topic, message in entries:
            bag.write(topic, bag_time_ns, message)
            if topic == image_topic and progress is not None:
                progress(bag.counts[topic], len(drive))
        text = ''.join(tum_line(stamp_ns, T_map_base) for stamp_ns, _, T_map_base in drive)
        (bag.folder / TRUTH_FILE).write_text(text, encoding='ascii')

    path_N3 = np.array([T_map_base.translation_3 for _, _, T_map_base in drive])
    drift = measured_drift([T_map_base for _, T_map_base in track], T_odom_base) if track else (math.nan, math.nan)
    return BagReport(
        folder=out,
        counts=dict(bag.counts),
        duration_s=(drive[-1][0] - drive[0][0]) / 1e9,
        distance_m=float(np.linalg.norm(np.diff(path_N3, axis=0), axis=1).sum()),
        drift_m_per_m=drift[0],
        drift_deg_per_10m=drift[1],
        cameras=len({image.camera for _, image, _ in drive}),
    )


_Drive = Sequence[tuple[int, PosedImage, Pose]]  # stamp, image, T_map_base


def _drive(source: ImageSource, rate_hz: float | None) -> _Drive:
    """Give stamp, image and ``T_map_base`` of every image, by stamp."""
    T_cam_base = T_BASE_CAM.inverse()
    stamped = rate_hz is None and all(image.time_s is not None for image in source.images)
    drive = []
    for number, image in enumerate(source.images):
        if image.T_map_cam is None:
            raise SourceError(f'image {image.name} of {source.description} has no pose, expected one of every image')
        if stamped:
            assert image.time_s is not None
            stamp_ns = round(image.time_s * 1e9)
        else:
            stamp_ns = FIRST_STAMP_NS + round(number * 1e9 / (rate_hz or DEFAULT_RATE_HZ))
        drive.append((stamp_ns, image, image.T_map_cam @ T_cam_base))
    drive.sort(key=itemgetter(0))
    for (before_ns, before, _), (after_ns, after, _) in pairwise(drive):
        if before_ns == after_ns:
            raise SourceError(
                f'the images {before.name} and {after.name} have the same stamp {before_ns / 1e9:.6f} s, expected '
                'different ones of one camera; give --rate to stamp them in order'
            )
    if drive[0][0] <= 0:
        raise SourceError(
            f'the image {drive[0][1].name} has the stamp {drive[0][0] / 1e9} s, expected a positive one (zero means '
            '"not set" in ROS); give --rate to stamp the images in order'
        )
    return drive


def _odometry_track(drive: _Drive, rate_hz: float) -> list[tuple[int, Pose]]:
    """Give stamp and ``T_map_base`` of every odometry sample: at the images, and between them evenly."""
    if not rate_hz:
        return []
    track = [(drive[0][0], drive[0][2])]
    for (before_ns, _, before), (after_ns, _, after) in pairwise(drive):
        parts = max(1, math.ceil((after_ns - before_ns) * 1e-9 * rate_hz - 1e-6))
        for part in range(1, parts):
            stamp_ns = before_ns + (after_ns - before_ns) * part // parts
            fraction = (stamp_ns - before_ns) / (after_ns - before_ns)
            track.append((stamp_ns, interpolate(before, after, fraction)))
        track.append((after_ns, after))
    return track


def odometry_entries(stamps: Sequence[int], T_odom_base: Sequence[Pose]) -> Iterator[Entry]:
    """Give time of the recording, topic and message of odometry: TF and nav_msgs/Odometry of each stamp."""
    for number, stamp_ns in enumerate(stamps):
        pose = T_odom_base[number]
        step = T_odom_base[number - 1].inverse() @ pose if number else Pose.identity()
        step_s = (stamp_ns - stamps[number - 1]) / 1e9 if number else 0.0
        recorded_ns = stamp_ns + ODOMETRY_LATENCY_NS
        moving = messages.transform(stamp_ns, ODOM_FRAME, BASE_FRAME, pose)
        yield recorded_ns, TF_TOPIC, messages.tf_message([moving])
        yield (
            recorded_ns,
            ODOMETRY_TOPIC,
            messages.odometry(stamp_ns, ODOM_FRAME, BASE_FRAME, pose, step, step_s),
        )


def _image_entries(source: ImageSource, drive: _Drive, topic: str, compressed: bool) -> Iterator[Entry]:
    for stamp_ns, image, T_map_base in drive:
        recorded_ns = stamp_ns + IMAGE_LATENCY_NS
        yield recorded_ns, TRUTH_TOPIC, messages.pose_stamped(stamp_ns, source.frame_id, T_map_base)
        yield recorded_ns, INFO_TOPIC, messages.camera_info(stamp_ns, CAMERA_FRAME, image.camera)
        pixels, data = _picture(source, image)
        if not compressed:
            yield recorded_ns, topic, messages.image(stamp_ns, CAMERA_FRAME, pixels)
            continue
        if data is None or not data.startswith(_JPEG_START):
            data = _jpeg(pixels, image.name)
        encoding = messages.encoding_of(pixels)
        yield recorded_ns, topic, messages.compressed_image(stamp_ns, CAMERA_FRAME, data, encoding)


def _picture(source: ImageSource, image: PosedImage) -> tuple[NDArray[np.uint8], bytes | None]:
    """Give the pixels, in colour where the source has files in colour, and the bytes of the file."""
    if not isinstance(source, FileSource):
        return source.read(image), None
    path = source.path(image)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f'image {path} cannot be read ({error.strerror or error}); check the path') from None
    pixels = decode_image(data, str(path), colour=True)
    check_image_size(pixels, image.camera, image.name)
    return pixels, data


def _jpeg(pixels: NDArray[np.uint8], name: str) -> bytes:
    done, data = cv2.imencode('.jpg', pixels, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise ImageError(f'image {name} of {pixels.shape} pixels cannot be written as JPEG, expected a smaller one')
    return bytes(data)
