# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs as recordings for the Rerun viewer: where the robot was, what it was told, what it saw, over time.

``stamp`` is the time of the images, ``attempt`` counts them. Lengths are map units.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from neumap_ros.errors import ConfigError
from neumap_ros.evaluation.metrics import false_fix_threshold
from neumap_ros.evaluation.run import scene_extent
from neumap_ros.evaluation.run_types import AttemptRow, Run
from neumap_ros.evaluation.sights import Sight
from neumap_ros.geometry import FloatArray, Pose

if TYPE_CHECKING:
    from neumap_ros.localization.localizer import Localizer

APPLICATION = 'neumap_ros'
# Optical axes (x right, y down, z forward) in those of a base (x forward, y left, z up).
T_BASE_OPTICAL = Pose(np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]), np.zeros(3))
# A frustum of a camera that the run does not describe, degrees.
NOMINAL_FIELD_DEG = 60.0
# Share of the scene's extent: half the width of a frustum, and the size of a map point.
FRUSTUM, POINT = 1 / 40, 1 / 800
JPEG_QUALITY = 80
# Ellipsoids hold 97 % of the errors if covariances are honest.
ELLIPSOID_SIGMAS = 3.0

WHITE, GREY, GREEN, ORANGE, RED, BLUE = (
    (255, 255, 255),
    (140, 140, 140),
    (0, 158, 115),
    (230, 159, 0),
    (213, 60, 0),
    (0, 114, 178),
)


class RerunRecording:
    """A recording that grows by one attempt after the other; to be closed, best by ``with``.

    Args:
        path: of the ``.rrd`` file; it appears whole when the recording is closed.
        name: of the recording in the viewer.
        runs: labels of the runs, in the order of the viewer.

    Raises:
        ConfigError: rerun is missing, or the file cannot be written.
    """

    def __init__(self, path: Path, name: str, runs: Sequence[str]) -> None:
        self._rr = _rerun()
        self._path = path
        self._partial = path.with_name(f'.{path.name}.{uuid.uuid4().hex[:8]}')
        self._attempts = dict.fromkeys(runs, 0)
        # The same runs are the same recording; the viewer then replaces an older one.
        identity = uuid.uuid5(uuid.NAMESPACE_URL, '\n'.join((name, *runs)))
        self._stream = self._rr.RecordingStream(APPLICATION, recording_id=identity)
        self._stream.set_log_time_enabled(False)
        self._stream.set_log_tick_enabled(False)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._partial.touch()
        except OSError as error:
            raise ConfigError(
                f'{path} cannot be written ({error.strerror or error}), expected a folder with free space and write '
                'permission; choose another one'
            ) from None
        self._stream.save(self._partial, default_blueprint=_blueprint(runs))
        self._stream.send_recording_name(name)
        self._stream.log('world', self._rr.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)

    def __enter__(self) -> RerunRecording:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stream.disconnect()
        if kind is None:
            self._partial.replace(self._path)
        else:
            self._partial.unlink(missing_ok=True)

    def add_map(self, localizer: Localizer) -> None:
        """Show the points and regions of a map.

        Args:
            localizer: with the map.
        """
        rr, manifest = self._rr, localizer.manifest
        points_P3 = getattr(getattr(localizer.decoder, 'table', None), 'points_P3', None)
        if points_P3 is not None:
            spread = np.ptp(np.percentile(points_P3, (1, 99), axis=0), axis=0)
            radius = float(np.linalg.norm(spread)) * POINT
            self._static('world/map/points', rr.Points3D(points_P3, colors=[GREY], radii=[radius]))
        if manifest.regions:
            boxes = rr.Boxes3D(
                mins=[region.box_min_3 for region in manifest.regions],
                sizes=np.subtract(
                    [region.box_max_3 for region in manifest.regions], [region.box_min_3 for region in manifest.regions]
                ),
                labels=[region.id for region in manifest.regions],
                show_labels=False,
                colors=[GREY],
            )
            self._static('world/map/regions', boxes)

    def add_scene(self, label: str, run: Run) -> None:
        """Show what does not change: the floor plan, the true path and the path by TF.

        Args:
            label: of the run.
            run: with all attempts; the paths are those of its rows.
        """
        rr, width = self._rr, max(run.extent, 1e-3) * POINT
        root = f'world/{_part(rr, label)}'
        if run.floor:
            outlines = [[(x, y, 0.0) for x, y in (*polygon, polygon[0])] for polygon in run.floor]
            self._static('world/floor', rr.LineStrips3D(outlines, colors=[GREY], radii=[width]))
        for name, poses, colour in (
            ('true_path', [row.truth for row in run.attempts], GREEN),
            ('path_by_tf', [row.robot for row in run.attempts], BLUE),
        ):
            strips = _strips(poses)
            if strips:
                self._static(f'{root}/{name}', rr.LineStrips3D(strips, colors=[colour], radii=[width]))

    def add_attempt(
        self,
        label: str,
        row: AttemptRow,
        *,
        body: str,
        extent: float,
        metric: bool,
        sights: Sequence[Sight] = (),
        picture: bytes = b'',
    ) -> None:
        """Show one attempt.

        Args:
            label: of the run.
            row: the attempt.
            body: whose poses they are, ``camera`` or a base frame.
            extent: of the scene, map units.
            metric: whether a map unit is a metre.
            sights: what the cameras saw.
            picture: JPEG with keypoints and inliers drawn, where there are no sights.
        """
        rr, stream = self._rr, self._stream
        stream.set_time('attempt', sequence=self._attempts[label])
        self._attempts[label] += 1
        if row.stamp_ns is not None:
            stream.set_time('stamp', timestamp=np.datetime64(row.stamp_ns, 'ns'))
        part = _part(rr, label)
        false = row.accepted and bool(~false_fix_threshold(metric).met(row.error_m, row.error_deg, extent))
        false = false and row.truth is not None
        self._poses(f'world/{part}', row, extent, RED if false else BLUE)
        self._cameras(part, row, body, extent, sights, picture)
        for name, value in (
            ('position_error', row.error_m),
            ('angle_deg', row.error_deg),
            ('sigmas', row.sigmas),
            ('confidence', row.confidence),
            ('inliers', float(row.evidence.guided_inliers)),
            ('latency_ms', row.latency_ms),
        ):
            if np.isfinite(value):
                stream.log(f'figures/{name}/{part}', rr.Scalars([value]))
        level = 'ERROR' if false else 'INFO' if row.accepted else 'WARN'
        stream.log(f'log/{part}', rr.TextLog(f'{row.reason}  {row.name}  {row.detail}'.strip(), level=level))

    def _static(self, path: str, shown: Any) -> None:
        self._stream.log(path, shown, static=True)

    def _poses(self, root: str, row: AttemptRow, extent: float, colour: tuple[int, int, int]) -> None:
        """The pose that was accepted, the true one, the line between them and the covariance."""
        rr, stream = self._rr, self._stream
        size = max(extent, 1e-3) * FRUSTUM
        if row.truth is not None:
            stream.log(f'{root}/truth', _transform(rr, row.truth), rr.TransformAxes3D(size))
        if row.pose is None:
            for name in ('pose', 'error', 'covariance'):
                stream.log(f'{root}/{name}', rr.Clear(recursive=True))
            return
        stream.log(f'{root}/pose', _transform(rr, row.pose), rr.TransformAxes3D(size))
        stream.log(f'{root}/trail', rr.Points3D([row.pose.translation_3], colors=[colour], radii=[size / 8]))
        if row.truth is not None:
            line = [row.truth.translation_3, row.pose.translation_3]
            stream.log(f'{root}/error', rr.LineStrips3D([line], colors=[RED], radii=[size / 20]))
        if row.covariance_66 is not None and np.isfinite(row.covariance_66).all():
            variances_3, axes_33 = np.linalg.eigh(row.covariance_66[:3, :3])
            half = ELLIPSOID_SIGMAS * np.sqrt(np.maximum(variances_3, 0))
            turn = axes_33 * np.sign(np.linalg.det(axes_33))
            ellipsoid = rr.Ellipsoids3D(
                centers=[row.pose.translation_3],
                half_sizes=[half],
                quaternions=[_quaternion(rr, Pose(turn, np.zeros(3)))],
                colors=[ORANGE],
            )
            stream.log(f'{root}/covariance', ellipsoid)

    def _cameras(
        self, part: str, row: AttemptRow, body: str, extent: float, sights: Sequence[Sight], picture: bytes
    ) -> None:
        rr, stream = self._rr, self._stream
        size = max(extent, 1e-3) * FRUSTUM
        if not sights:
            if row.pose is not None:
                focal = float(0.5 * 640 / np.tan(np.radians(NOMINAL_FIELD_DEG / 2)))
                frustum = rr.Pinhole(focal_length=focal, width=640, height=480, image_plane_distance=size)
                T_body_cam = Pose.identity() if body == 'camera' else T_BASE_OPTICAL
                stream.log(f'world/{part}/pose/camera', _transform(rr, T_body_cam), frustum)
            shown = rr.EncodedImage(contents=picture, media_type='image/jpeg') if picture else rr.Clear(recursive=False)
            stream.log(f'picture/{part}', shown)
        for sight in sights:
            self._sight(part, sight, size, has_pose=row.pose is not None)

    def _sight(self, part: str, sight: Sight, size: float, *, has_pose: bool) -> None:
        rr, stream, camera = self._rr, self._stream, sight.camera
        name = _part(rr, sight.name)
        if has_pose:
            frustum = rr.Pinhole(
                focal_length=camera.focal_lengths,
                width=camera.width,
                height=camera.height,
                image_plane_distance=size,
            )
            stream.log(f'world/{part}/pose/{name}', _transform(rr, sight.T_body_cam), frustum)
        done, data = cv2.imencode('.jpg', sight.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        if done:
            stream.log(f'picture/{part}/{name}', rr.EncodedImage(contents=data.tobytes(), media_type='image/jpeg'))
        marks = rr.Points2D(sight.pixels_C2, colors=[GREEN], radii=[3.0])
        stream.log(f'picture/{part}/{name}/inliers', marks)
        points = rr.Points3D(sight.points_C3, colors=[GREEN], radii=[size / 12])
        stream.log(f'world/{part}/inliers/{name}', points)


def write_recording(
    runs: Sequence[Run], folders: Sequence[Path], labels: Sequence[str], path: Path, localizer: Localizer | None = None
) -> None:
    """Write runs that lie on the disk as one recording.

    Args:
        runs: as they were read.
        folders: of them, where pictures lie.
        labels: names of the runs, each different.
        path: of the ``.rrd`` file.
        localizer: with the map that the runs used, to show its points and regions.

    Raises:
        ConfigError: rerun is missing, or the file cannot be written.
    """
    with RerunRecording(path, ', '.join(labels), labels) as recording:
        if localizer is not None:
            recording.add_map(localizer)
        for run, folder, label in zip(runs, folders, labels, strict=True):
            recording.add_scene(label, run)
            for row in run.attempts:
                file = (folder / row.picture).resolve() if row.picture else folder
                inside = file.is_relative_to(folder.resolve()) and file.is_file()
                recording.add_attempt(
                    label,
                    row,
                    body=run.body,
                    extent=run.extent,
                    metric=run.metric,
                    picture=file.read_bytes() if inside else b'',
                )


class RunRecorder:
    """Records a run while it is made, with everything that its cameras see.

    Args:
        recording: to write to.
        localizer: of the run.
        label: of the run.
        body: whose poses they are, ``camera`` or a base frame.
        metric: whether a map unit is a metre.
    """

    def __init__(self, recording: RerunRecording, localizer: Localizer, label: str, body: str, metric: bool) -> None:
        self._recording, self._label, self._body, self._metric = recording, label, body, metric
        self._extent = scene_extent(localizer.manifest, ())
        recording.add_map(localizer)

    def add(self, row: AttemptRow, sights: Sequence[Sight]) -> None:
        """Record an attempt."""
        self._recording.add_attempt(
            self._label, row, body=self._body, extent=self._extent, metric=self._metric, sights=sights
        )

    def finish(self, run: Run) -> None:
        """Record what is known in the end: the paths and the floor plan."""
        self._recording.add_scene(self._label, run)


@contextmanager
def record_run(
    path: Path | None, localizer: Localizer, label: str, body: str, metric: bool
) -> Iterator[RunRecorder | None]:
    """Give a recorder for a run that is about to be made; None without a path.

    Args:
        path: of the ``.rrd`` file.
        localizer: of the run.
        label: of the run.
        body: whose poses they are, ``camera`` or a base frame.
        metric: whether a map unit is a metre.

    Raises:
        ConfigError: rerun is missing, or the file cannot be written.
    """
    if path is None:
        yield None
        return
    with RerunRecording(path, label, [label]) as recording:
        yield RunRecorder(recording, localizer, label, body, metric)


def _rerun() -> ModuleType:
    try:
        import rerun
    except ImportError:
        raise ConfigError(
            "a recording needs the package rerun-sdk, which is missing; install it: pip install 'neumap_ros[rerun]'"
        ) from None
    module: ModuleType = rerun  # of no known type where it is not installed
    return module


def _blueprint(runs: Sequence[str]) -> Any:
    """The place to the left; pictures, errors and words to the right."""
    import rerun.blueprint as rrb

    rr = _rerun()
    pictures = [rrb.Spatial2DView(origin=f'picture/{_part(rr, label)}', name=label) for label in runs]
    right = rrb.Vertical(
        rrb.Tabs(*pictures),
        rrb.TimeSeriesView(origin='figures/position_error', name='position error'),
        rrb.TimeSeriesView(origin='figures/inliers', name='inliers'),
        rrb.TextLogView(origin='log', name='attempts'),
    )
    place = rrb.Spatial3DView(origin='world', name='place')
    return rrb.Blueprint(rrb.Horizontal(place, right, column_shares=[3, 2]), collapse_panels=True)


def _part(rr: ModuleType, name: str) -> str:
    """A name as one part of an entity path."""
    return str(rr.escape_entity_path_part(name or 'run'))


def _transform(rr: ModuleType, pose: Pose) -> Any:
    return rr.Transform3D(translation=pose.translation_3, quaternion=_quaternion(rr, pose))


def _quaternion(rr: ModuleType, pose: Pose) -> Any:
    w, x, y, z = pose.quaternion_wxyz
    return rr.Quaternion(xyzw=[x, y, z, w])


def _strips(poses: Sequence[Pose | None]) -> list[FloatArray]:
    """Paths (N, 3) of neighbours that all have a pose; those of a single one have no length."""
    strips: list[list[FloatArray]] = [[]]
    for pose in poses:
        if pose is None:
            strips.append([])
        else:
            strips[-1].append(pose.translation_3)
    return [np.array(strip) for strip in strips if len(strip) > 1]
