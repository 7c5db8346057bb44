# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A drive as a ROS 2 bag: images, calibration, TF, odometry that drifts, an inertial unit, and the truth."""

from __future__ import annotations

import heapq
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import ConfigError, ImageError
from neumap_ros.geometry import Pose
from neumap_ros.images import decode_image
from neumap_ros.recording import messages
from neumap_ros.recording.bag_writer import BagWriter, quality_of_service
from neumap_ros.recording.drift import DriftSettings, drifting_odometry
from neumap_ros.recording.make import (
    BASE_FRAME,
    IMAGE_LATENCY_NS,
    ODOMETRY_LATENCY_NS,
    ODOMETRY_TOPIC,
    TF_STATIC_TOPIC,
    TF_TOPIC,
    TRUTH_FILE,
    TRUTH_TOPIC,
    Entry,
    odometry_entries,
)
from neumap_ros.simulation import posed_images
from neumap_ros.simulation.drives import TIME_DIGITS, Drive
from neumap_ros.simulation.folders import REQUEST_FILE, folder_key
from neumap_ros.simulation.imu import ImuSettings, measured_imu
from neumap_ros.simulation.photographer import DEPTH_PER_M, Progress, file_name
from neumap_ros.simulation.posed_images import FRAME_ID, make_posed_images
from neumap_ros.simulation.requests import DriveRequest

IMU_TOPIC, IMU_FRAME = '/imu', 'imu_link'

StageProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class WorldBagSettings:
    """How a simulated drive is recorded.

    Attributes:
        compressed: CompressedImage instead of Image.
        odometry_rate_hz: transforms from odom to the base per second; 0 records no odometry.
        drift: of the odometry.
        imu: of the inertial unit.
        storage: ``mcap`` or ``sqlite3``.
    """

    compressed: bool = False
    odometry_rate_hz: float = 50.0
    drift: DriftSettings = field(default_factory=DriftSettings)
    imu: ImuSettings = field(default_factory=ImuSettings)
    storage: str = 'mcap'

    def __post_init__(self) -> None:
        if not 0 <= self.odometry_rate_hz <= 10_000:
            raise ConfigError(f'the odometry rate is {self.odometry_rate_hz}, expected from 0 (none) to 10000 Hz')


def make_world_bag(
    request: DriveRequest,
    out: Path,
    settings: WorldBagSettings | None = None,
    *,
    cache: Path | None = None,
    workers: int = 1,
    progress: StageProgress | None = None,
) -> tuple[Drive, dict[str, int]]:
    """Photograph and record a drive.

    Beside the messages the bag's folder holds ``ground_truth.tum`` (``T_map_base`` at every image), ``floor.json`` and
    ``world.json``. An interrupted run goes on where it was when the same is asked for again.

    Args:
        request: of the drive.
        out: folder of the bag, to create.
        settings: how it is recorded.
        cache: keeps a copy of all pictures that were made; None keeps none.
        workers: processes that take pictures.
        progress: called with (stage, images done, images in all).

    Returns:
        (the drive, messages per topic).

    Raises:
        ConfigError: the folder exists or cannot be written, or the robot finds no way.
        ImageError: a picture cannot be read.
        NeumapError: a picture cannot be written, or a worker died.
    """
    if out.exists():
        raise ConfigError(f'{out} exists already, expected a new folder; choose another one or remove it')
    if not out.absolute().parent.is_dir():
        raise ConfigError(f'the folder {out.absolute().parent} of the bag does not exist; create it first')
    report = progress or (lambda stage, done, total: None)
    pictures = out.absolute().with_name(f'.{out.name}.pictures')
    if pictures.exists() and folder_key(pictures) != request.to_json()['key']:
        shutil.rmtree(pictures)  # of another request that was given up
    drive = request.make_drive(request.make_world())
    make_posed_images(request, pictures, drive=drive, cache=cache, workers=workers, progress=partial(report, 'images'))
    counts = _record(request, drive, pictures, out, settings or WorldBagSettings(), partial(report, 'recording'))
    shutil.rmtree(pictures)
    return drive, counts


def image_topic(camera: str, compressed: bool) -> str:
    """Topic of a camera's images."""
    return f'/{camera}/image/compressed' if compressed else f'/{camera}/image'


def _record(
    request: DriveRequest, drive: Drive, pictures: Path, out: Path, settings: WorldBagSettings, progress: Progress
) -> dict[str, int]:
    total = len(drive.times_s) * len(drive.rig)
    with BagWriter(out, settings.storage) as bag:
        bag.add_topic(TF_STATIC_TOPIC, messages.TF_MESSAGE, quality_of_service(1, latched=True))
        bag.add_topic(TRUTH_TOPIC, messages.POSE_STAMPED)
        if settings.odometry_rate_hz:
            bag.add_topic(TF_TOPIC, messages.TF_MESSAGE, quality_of_service(100))
            bag.add_topic(ODOMETRY_TOPIC, messages.ODOMETRY)
        if settings.imu.rate_hz:
            bag.add_topic(IMU_TOPIC, messages.IMU)
        image_topics = set()
        for mount in drive.rig:
            topic = image_topic(mount.name, settings.compressed)
            image_topics.add(topic)
            bag.add_topic(f'/{mount.name}/camera_info', messages.CAMERA_INFO)
            bag.add_topic(topic, messages.COMPRESSED_IMAGE if settings.compressed else messages.IMAGE)
            if request.depth:
                bag.add_topic(f'/{mount.name}/depth', messages.IMAGE)
        mounts = [(mount.T_base_cam, _frame(mount.name)) for mount in drive.rig] + [(Pose.identity(), IMU_FRAME)]
        static = [messages.transform(drive.start_ns, BASE_FRAME, frame, pose) for pose, frame in mounts]
        bag.write(TF_STATIC_TOPIC, drive.start_ns, messages.tf_message(static))
        entries = heapq.merge(
            _odometry(drive, settings),
            _imu(drive, settings.imu),
            _images(request, drive, pictures, settings.compressed),
            key=itemgetter(0),
        )
        done = 0
        for bag_time_ns, topic, message in entries:
            bag.write(topic, bag_time_ns, message)
            if topic in image_topics:
                done += 1
                progress(done, total)
        (bag.folder / TRUTH_FILE).write_bytes(_read(pictures / posed_images.TRUTH_FILE))
        for name in (posed_images.FLOOR_FILE, REQUEST_FILE):
            (bag.folder / name).write_bytes(_read(pictures / name))
    return dict(bag.counts)


def wheel_odometry(drive: Drive, rate_hz: float, drift: DriftSettings) -> tuple[list[int], list[Pose]]:
    """What the wheels say; they do not notice when somebody carries the robot.

    Args:
        drive: true motion.
        rate_hz: samples per second; there is one at every image too.
        drift: errors.

    Returns:
        (stamps in nanoseconds, ``T_odom_base``).
    """
    regular = np.arange(0.0, drive.motion.end_s, 1 / rate_hz)
    times = np.unique(np.concatenate([np.round(regular, TIME_DIGITS), drive.times_s]))
    rolled: list[Pose] = []
    T_rolled_world = Pose.identity()
    leg_before = 0
    for time_s in times:
        leg = drive.motion.leg_number(time_s)
        pose = drive.motion.pose(time_s)
        if leg != leg_before:
            T_rolled_world = rolled[-1] @ pose.inverse()
            leg_before = leg
        rolled.append(T_rolled_world @ pose)
    return [drive.stamp_ns(float(time_s)) for time_s in times], drifting_odometry(rolled, drift)


def _odometry(drive: Drive, settings: WorldBagSettings) -> Iterator[Entry]:
    if not settings.odometry_rate_hz:
        return iter(())
    return odometry_entries(*wheel_odometry(drive, settings.odometry_rate_hz, settings.drift))


def _imu(drive: Drive, settings: ImuSettings) -> Iterator[Entry]:
    samples = measured_imu(drive.motion, settings)
    variances = settings.gyro_noise**2 * settings.rate_hz, settings.accelerometer_noise**2 * settings.rate_hz
    for time_s, angular_3, force_3 in zip(samples.times_s_N, samples.angular_N3, samples.force_N3, strict=True):
        stamp_ns = drive.stamp_ns(float(time_s))
        message = messages.imu(stamp_ns, IMU_FRAME, angular_3, force_3, variances)
        yield stamp_ns + ODOMETRY_LATENCY_NS, IMU_TOPIC, message


def _images(request: DriveRequest, drive: Drive, pictures: Path, compressed: bool) -> Iterator[Entry]:
    for number, stamp_ns in enumerate(drive.stamps_ns):
        recorded_ns = stamp_ns + IMAGE_LATENCY_NS
        yield recorded_ns, TRUTH_TOPIC, messages.pose_stamped(stamp_ns, FRAME_ID, drive.T_world_base[number])
        for mount in drive.rig:
            name, frame = file_name(request, mount, number), _frame(mount.name)
            yield recorded_ns, f'/{mount.name}/camera_info', messages.camera_info(stamp_ns, frame, mount.camera)
            if request.depth:
                depth_HW = _read_depth(pictures / 'depth' / f'{name}.png')
                yield recorded_ns, f'/{mount.name}/depth', messages.depth_image(stamp_ns, frame, depth_HW)
            path = pictures / 'images' / f'{name}.jpg'
            data = _read(path)
            topic = image_topic(mount.name, compressed)
            if compressed:
                yield recorded_ns, topic, messages.compressed_image(stamp_ns, frame, data, 'bgr8')
            else:
                yield recorded_ns, topic, messages.image(stamp_ns, frame, decode_image(data, str(path), colour=True))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f'picture {path} cannot be read ({error.strerror or error}); make the drive again') from None


def _read_depth(path: Path) -> NDArray[np.float32]:
    levels = cv2.imdecode(np.frombuffer(_read(path), np.uint8), cv2.IMREAD_UNCHANGED)
    if levels is None:
        raise ImageError(f'depth {path} is damaged, expected a PNG file; make the drive again')
    return np.asarray(levels, dtype=np.float32) / np.float32(DEPTH_PER_M)


def _frame(camera: str) -> str:
    return f'{camera}_optical'
