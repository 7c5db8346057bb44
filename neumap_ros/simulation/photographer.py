# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Takes the pictures of a drive, on several processors; every picture depends on the request and its number alone."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from neumap_ros.errors import NeumapError
from neumap_ros.geometry import FloatArray
from neumap_ros.simulation.conditions import condition
from neumap_ros.simulation.drives import Drive, Mount
from neumap_ros.simulation.renderer import WorldRenderer
from neumap_ros.simulation.requests import DRIVES, DriveRequest
from neumap_ros.simulation.sensor import Exposure, auto_exposure, developed, metered, through_lens
from neumap_ros.simulation.shutter import exposed_in_motion, margin_px, padded

JPEG_QUALITY = 95
# The exposure control looks at small images.
_METER_WIDTH_PX = 48
_CHUNK = 8
# Depth files hold whole millimetres; 0 means none.
DEPTH_PER_M, _MAX_DEPTH = 1000.0, 65_535

Progress = Callable[[int, int], None]


def file_name(request: DriveRequest, mount: Mount, number: int) -> str:
    """Name of an image without its ending."""
    prefix = 'map' if request.drive == 'mapping' else 'query'
    camera = f'_{mount.name}' if len(request.cameras) > 1 else ''
    return f'{prefix}{camera}_{number:05d}'


class Photographer:
    """A camera team in a world: renders and exposes single images.

    Args:
        request: of the drive.
        drive: of the request.
        world_renderer: of the request's world; None builds it.
    """

    def __init__(self, request: DriveRequest, drive: Drive, world_renderer: WorldRenderer | None = None) -> None:
        self.request, self.drive = request, drive
        self.renderer = world_renderer or WorldRenderer(request.make_world())
        self._condition = condition(request.condition)

    def meter(self, mount: int, number: int) -> FloatArray:
        """Light that the exposure control of a camera sees in an image, see :func:`metered`."""
        camera = self.drive.rig[mount].camera
        small = camera.scaled(_METER_WIDTH_PX / camera.width)
        pose = self.drive.camera_motion(self.drive.rig[mount], number)(0.0)
        return metered(self.renderer.render(small, pose, self._condition).radiance_HW3)

    def take(self, mount: int, number: int, exposure: Exposure) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Take an image.

        Args:
            mount: number of the camera.
            number: of the image.
            exposure: of the image.

        Returns:
            (pixels (H, W, 3), blue green red; depth (H, W) in metres at the stamp, 0 where nothing is).
        """
        settings = replace(self.request.sensor, seed=_seed(self.request, mount))
        camera = self.drive.rig[mount].camera
        motion = self.drive.camera_motion(self.drive.rig[mount], number)
        open_s = exposure.time_s if settings.motion_blur else 0.0
        readout_s = settings.readout_s if settings.rolling_shutter else 0.0
        margin = margin_px(camera, motion, (open_s + readout_s) / 2)
        seen = self.renderer.render(padded(camera, margin), motion(0.0), self._condition)
        light = exposed_in_motion(
            seen.radiance_HW3,
            seen.depth_HW,
            camera,
            motion,
            margin_px=margin,
            exposure_s=open_s,
            readout_s=readout_s,
        )
        pixels = developed(through_lens(light, camera, settings), exposure, settings, number)
        inner = slice(margin, margin + camera.height), slice(margin, margin + camera.width)
        return pixels, seen.depth_HW[inner]

    def meter_all(self, jobs: Sequence[tuple[int, int]]) -> list[FloatArray]:
        """Meter images, each given as (number of the camera, number of the image)."""
        return [self.meter(mount, number) for mount, number in jobs]

    def store_all(self, folder: Path, jobs: Sequence[tuple[int, int, Exposure]]) -> None:
        """Take images and write them to ``images/`` (and ``depth/``), unless they are there."""
        for mount, number, exposure in jobs:
            name = file_name(self.request, self.drive.rig[mount], number)
            image_file = folder / 'images' / f'{name}.jpg'
            if image_file.is_file():
                continue
            pixels, depth_HW = self.take(mount, number, exposure)
            if self.request.depth:
                levels = np.clip(np.rint(depth_HW * DEPTH_PER_M), 0, _MAX_DEPTH).astype(np.uint16)
                _write(folder / 'depth' / f'{name}.png', levels, [])
            _write(image_file, pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


def photograph(
    request: DriveRequest, drive: Drive, folder: Path, *, workers: int = 1, progress: Progress | None = None
) -> None:
    """Take all images of a drive that a folder does not hold yet.

    Args:
        request: of the drive.
        drive: of the request.
        folder: gets ``images/`` and ``depth/``.
        workers: processes; 1 works in this one. The images do not depend on it.
        progress: called with (images done, images in all).

    Raises:
        NeumapError: an image cannot be written, or a worker died.
    """
    for name in ('images', 'depth') if request.depth else ('images',):
        (folder / name).mkdir(exist_ok=True)
    jobs = [(mount, number) for number in range(len(drive.times_s)) for mount in range(len(drive.rig))]
    chunks = [jobs[start : start + _CHUNK] for start in range(0, len(jobs), _CHUNK)]
    with _team(request, drive, workers) as team:
        light: dict[_Job, FloatArray] = {}
        for chunk, values in zip(chunks, team('meter_all', [(chunk,) for chunk in chunks]), strict=True):
            light.update(zip(chunk, values, strict=True))
        exposures: dict[_Job, Exposure] = {}
        times_N = np.array(drive.times_s)
        for mount in range(len(drive.rig)):
            light_N3 = np.array([light[mount, number] for number in range(len(times_N))])
            for number, exposure in enumerate(auto_exposure(light_N3, times_N, request.sensor, drive.jumps)):
                exposures[mount, number] = exposure
        tasks = [(folder, [(*job, exposures[job]) for job in chunk]) for chunk in chunks]
        taken = 0
        for chunk, _ in zip(chunks, team('store_all', tasks), strict=True):
            taken += len(chunk)
            if progress is not None:
                progress(taken, len(jobs))


_Job = tuple[int, int]  # camera, image
_Team = Callable[[str, Sequence[tuple[Any, ...]]], Iterable[Any]]

# The one of a worker process, which is started for one drive and ends with it.
_of_this_process: list[Photographer] = []


@contextmanager
def _team(request: DriveRequest, drive: Drive, workers: int) -> Iterator[_Team]:
    """Give a function that calls a photographer's method once for each tuple of arguments, in order."""
    if workers <= 1:
        alone = Photographer(request, drive)
        yield lambda method, tasks: (getattr(alone, method)(*task) for task in tasks)
        return
    context = multiprocessing.get_context('spawn')  # a fork would copy locks that other threads hold
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(request, drive))
    try:
        yield lambda method, tasks: pool.map(partial(_call, method), tasks)
    except BrokenProcessPool:
        raise NeumapError(
            'a process that takes pictures died, expected it to work on; there may be too little memory: use one '
            'process (--workers 1) or smaller images'
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start(request: DriveRequest, drive: Drive) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the work in order
    cv2.setNumThreads(1)
    threadpool_limits(1)
    _of_this_process.append(Photographer(request, drive))


def _call(method: str, task: tuple[Any, ...]) -> Any:
    return getattr(_of_this_process[0], method)(*task)


def _seed(request: DriveRequest, mount: int) -> int:
    """Seed of the noise and dirt of one camera on one drive."""
    drive = DRIVES.index(request.drive)
    mixed = np.random.SeedSequence([request.seed, request.sensor.seed, request.day, drive, mount])
    return int(mixed.generate_state(1)[0])


def _write(path: Path, pixels: NDArray[Any], options: Sequence[int]) -> None:
    """Write an image so that it is never seen half."""
    done, data = cv2.imencode(path.suffix, pixels, options)
    if not done:
        raise NeumapError(f'image {path} cannot be encoded, expected OpenCV to do so; reinstall OpenCV')
    partial_file = path.with_name(f'.{path.name}.partial')
    partial_file.write_bytes(data.tobytes())
    partial_file.replace(path)
