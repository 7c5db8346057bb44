# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A drive as a folder of posed images that ``neumap map build`` and ``neumap evaluate`` take.

=================  ====================================================================================
``images/``        one JPEG per camera and stamp
``depth/``         where asked for: 16-bit PNG of each, millimetres along the optical axis, 0 for none
``poses.json``     intrinsics, stamp and ``T_wc`` (camera to world) of each
``split.json``     ``map``: the images of a mapping drive; ``query``: those of a query drive
``truth.tum``      ``T_world_base`` at every stamp
``floor.json``     the plan of the world, see :func:`floor_document`
``world.json``     the request, its ``key``, and a ``summary`` with the stamps at which the robot was carried elsewhere
=================  ====================================================================================
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neumap_ros.geometry import PIXEL_CENTRE, Camera
from neumap_ros.mapping.sources.tum import tum_line
from neumap_ros.simulation.drives import Drive
from neumap_ros.simulation.folders import REQUEST_FILE, make_folder
from neumap_ros.simulation.photographer import Progress, file_name, photograph
from neumap_ros.simulation.requests import DriveRequest
from neumap_ros.simulation.world import World

TRUTH_FILE, FLOOR_FILE = 'truth.tum', 'floor.json'
FRAME_ID = 'map'

CONVENTION = (
    'T_wc: camera-to-world 4x4, OpenCV camera axes (x right,y down,z forward); '
    'K in pixels, pixel centre of top-left = (0,0); dist OpenCV k1 k2 p1 p2 [k3], with fisheye k1 k2 k3 k4'
)


@dataclass(frozen=True)
class DriveSummary:
    """What a folder holds.

    Attributes:
        images: of each camera.
        cameras: how many.
        duration_s: of the drive.
        length_m: of the drive; being carried does not count.
        jumps_ns: stamps of the first image after each kidnapping.
    """

    images: int
    cameras: int
    duration_s: float
    length_m: float
    jumps_ns: tuple[int, ...]

    @staticmethod
    def of(drive: Drive) -> DriveSummary:
        """Sum a drive up."""
        jumps_ns = tuple(drive.stamps_ns[number] for number in drive.jumps)
        return DriveSummary(len(drive.times_s), len(drive.rig), drive.motion.end_s, drive.length_m, jumps_ns)


def make_posed_images(
    request: DriveRequest,
    out: Path,
    *,
    drive: Drive | None = None,
    cache: Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> DriveSummary:
    """Photograph a drive.

    An interrupted run goes on where it was when the same is asked for again; a folder that is there already and
    answers the same request is left as it is.

    Args:
        request: of the drive.
        out: folder to create.
        drive: of the request, where somebody has it already.
        cache: keeps a copy of everything that was made; None keeps none.
        workers: processes; the pictures do not depend on it.
        progress: called with (images done, images in all).

    Raises:
        ConfigError: the folder holds something else or cannot be written, or the robot finds no way.
        NeumapError: an image cannot be written, or a worker died.
    """

    def fill(folder: Path) -> None:
        world = request.make_world()
        driven = drive or request.make_drive(world)
        photograph(request, driven, folder, workers=workers, progress=progress)
        names = _names(request, driven)
        split = {'map': names, 'query': []} if request.drive == 'mapping' else {'map': [], 'query': names}
        _write_json(folder / 'poses.json', _poses_document(request, driven))
        _write_json(folder / 'split.json', {'poses': 'poses.json', **split})
        write_truth(driven, folder)
        _write_json(folder / FLOOR_FILE, floor_document(world))
        _write_json(folder / REQUEST_FILE, request.to_json() | {'summary': asdict(DriveSummary.of(driven))})

    make_folder(out, request.to_json(), fill, cache)
    facts = json.loads((out / REQUEST_FILE).read_text(encoding='utf-8'))['summary']
    return DriveSummary(**facts | {'jumps_ns': tuple(facts['jumps_ns'])})


def write_truth(drive: Drive, folder: Path) -> None:
    """Write ``truth.tum``: ``T_world_base`` at every stamp."""
    lines = [tum_line(stamp_ns, pose) for stamp_ns, pose in zip(drive.stamps_ns, drive.T_world_base, strict=True)]
    (folder / TRUTH_FILE).write_text(''.join(lines), encoding='ascii')


def floor_document(world: World) -> dict[str, Any]:
    """The plan of a world from above: named polygons in metres in the map's frame, large ones first.

    ``polygons`` are the outlines alone, as run folders keep them.
    """
    areas = [
        {'name': area.name, 'kind': area.kind, 'polygon': np.round(area.polygon_N2, 3).tolist()}
        for area in world.floor_plan
    ]
    polygons = [area['polygon'] for area in areas]
    return {'format': 1, 'frame_id': FRAME_ID, 'unit': 'm', 'areas': areas, 'polygons': polygons}


def _names(request: DriveRequest, drive: Drive) -> list[str]:
    return [f'{file_name(request, mount, number)}.jpg' for number in range(len(drive.times_s)) for mount in drive.rig]


def _poses_document(request: DriveRequest, drive: Drive) -> dict[str, Any]:
    frames = []
    for number, stamp_ns in enumerate(drive.stamps_ns):
        for mount in drive.rig:
            pose = drive.T_world_base[number] @ mount.T_base_cam
            name = f'{file_name(request, mount, number)}.jpg'
            frames.append(
                {'file': f'images/{name}', 'stamp_ns': stamp_ns}
                | _intrinsics(mount.camera)
                | {'T_wc': pose.matrix_44.tolist()}
            )
    source = f'neumap_ros world, seed {request.seed}, {request.condition}, {request.drive} drive of day {request.day}'
    return {'convention': CONVENTION, 'source': source, 'metric': True, 'frames': frames}


def _intrinsics(camera: Camera) -> dict[str, Any]:
    fx, fy, cx, cy, *distortion = camera.params
    values: dict[str, Any] = {'w': camera.width, 'h': camera.height, 'fx': fx, 'fy': fy}
    values |= {'cx': cx - PIXEL_CENTRE, 'cy': cy - PIXEL_CENTRE, 'dist': distortion or [0.0] * 4}
    return values | {'fisheye': True} if camera.model == 'OPENCV_FISHEYE' else values


def _write_json(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, indent=1) + '\n', encoding='utf-8')
