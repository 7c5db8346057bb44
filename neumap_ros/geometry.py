# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Poses and cameras.

Frames: a pose ``T_a_b`` maps coordinates in frame b into frame a. Camera axes are the optical ones of REP-103 and
OpenCV: x right, y down, z forward. Pixels follow COLMAP: the **centre of the top-left pixel is (0.5, 0.5)**; ROS and
OpenCV put it at (0, 0), and the constructors :meth:`Camera.from_ros` and :meth:`Camera.from_opencv` convert.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pycolmap
from numpy.typing import ArrayLike, NDArray

from neumap_ros.errors import CalibrationError

FloatArray = NDArray[np.float64]

# A rotation read from a text file carries about six digits; anything looser than this is not a rotation.
RIGID_TOLERANCE = 1e-3

# ROS calls the models so in sensor_msgs/CameraInfo.distortion_model, see sensor_msgs/distortion_models.hpp.
ROS_DISTORTION_MODELS = ('plumb_bob', 'rational_polynomial', 'equidistant')

PIXEL_CENTRE = 0.5


@dataclass(frozen=True)
class Pose:
    """A rigid transform ``x_a = rotation_33 @ x_b + translation_3`` (metres, or the map's unit if it has no scale)."""

    rotation_33: FloatArray
    translation_3: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, 'rotation_33', np.asarray(self.rotation_33, dtype=np.float64).reshape(3, 3))
        object.__setattr__(self, 'translation_3', np.asarray(self.translation_3, dtype=np.float64).reshape(3))

    @staticmethod
    def identity() -> Pose:
        """The pose that changes nothing."""
        return Pose(np.eye(3), np.zeros(3))

    @staticmethod
    def from_matrix(matrix_44: ArrayLike, name: str = 'pose') -> Pose:
        """Build a pose from a 4x4 (or 3x4) matrix and refuse what is not rigid.

        The rotation is projected to the nearest proper rotation, because text files carry rounded digits.

        Args:
            matrix_44: 4x4 or 3x4 matrix.
            name: what to call it in an error.

        Raises:
            CalibrationError: NaN, wrong shape, scaled, sheared or mirrored.
        """
        matrix = np.asarray(matrix_44, dtype=np.float64)
        if matrix.shape not in ((4, 4), (3, 4)):
            raise CalibrationError(f'{name} has shape {matrix.shape}, expected a 4x4 matrix')
        if not np.isfinite(matrix).all():
            raise CalibrationError(f'{name} contains NaN or infinity, expected a finite 4x4 matrix; drop this image')
        rotation = matrix[:3, :3]
        deviation = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
        determinant = float(np.linalg.det(rotation))
        if deviation > RIGID_TOLERANCE or determinant < 0:
            raise CalibrationError(
                f'{name} is not rigid: its rotation part has determinant {determinant:.4f} and departs from '
                f'orthonormal by {deviation:.2g}, expected 1 and at most {RIGID_TOLERANCE:g}; '
                'remove scale and mirroring from the pose'
            )
        left, _, right = np.linalg.svd(rotation)
        return Pose(left @ right, matrix[:3, 3])

    @staticmethod
    def from_quaternion(quaternion_wxyz: ArrayLike, translation_3: ArrayLike, name: str = 'pose') -> Pose:
        """Build a pose from a Hamilton quaternion (scalar first) and a translation.

        Raises:
            CalibrationError: NaN, or a quaternion whose norm is not 1 within 1 %.
        """
        q = np.asarray(quaternion_wxyz, dtype=np.float64).reshape(-1)
        t = np.asarray(translation_3, dtype=np.float64).reshape(-1)
        if q.shape != (4,) or t.shape != (3,) or not (np.isfinite(q).all() and np.isfinite(t).all()):
            raise CalibrationError(f'{name} has quaternion {q} and translation {t}, expected 4 and 3 finite numbers')
        norm = float(np.linalg.norm(q))
        if abs(norm - 1) > 0.01:
            raise CalibrationError(f'{name} has a quaternion of norm {norm:.3f}, expected 1; check the column order')
        w, x, y, z = q / norm
        rotation = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
                [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
                [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
            ]
        )
        return Pose(rotation, t)

    @property
    def matrix_44(self) -> FloatArray:
        """The 4x4 homogeneous matrix."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.rotation_33
        matrix[:3, 3] = self.translation_3
        return matrix

    @property
    def quaternion_wxyz(self) -> FloatArray:
        """Unit Hamilton quaternion, scalar first, with a non-negative scalar."""
        x, y, z, w = pycolmap.Rotation3d(self.rotation_33).quat
        q = np.array([w, x, y, z])
        return q if w >= 0 else -q

    def inverse(self) -> Pose:
        """``T_b_a`` of ``T_a_b``."""
        return Pose(self.rotation_33.T, -self.rotation_33.T @ self.translation_3)

    def __matmul__(self, other: Pose) -> Pose:
        """``T_a_c = T_a_b @ T_b_c``."""
        return Pose(self.rotation_33 @ other.rotation_33, self.rotation_33 @ other.translation_3 + self.translation_3)

    def transform(self, points_N3: ArrayLike) -> FloatArray:
        """Map points (N, 3) from frame b into frame a."""
        return np.asarray(points_N3, dtype=np.float64) @ self.rotation_33.T + self.translation_3

    def error_to(self, truth: Pose) -> tuple[float, float]:
        """Distance of the two origins and angle between the two orientations.

        Returns:
            (translation error in map units, rotation error in degrees), see methods.md 5.1 for the definition.
        """
        translation = float(np.linalg.norm(self.translation_3 - truth.translation_3))
        cosine = (np.trace(truth.rotation_33.T @ self.rotation_33) - 1) / 2
        # arccos loses half its digits near zero; the chord does not.
        chord = float(np.linalg.norm(truth.rotation_33.T @ self.rotation_33 - np.eye(3)) / math.sqrt(8))
        angle = 2 * math.asin(min(1.0, chord)) if cosine > 0 else math.acos(max(-1.0, cosine))
        return translation, math.degrees(angle)


@dataclass(frozen=True)
class Camera:
    """A calibrated camera: a COLMAP model name, the image size in pixels and the model's parameters.

    ``params`` are in COLMAP's order for ``model`` and in COLMAP's pixel convention (see the module's docstring).
    """

    model: str
    width: int
    height: int
    params: tuple[float, ...]
    name: str = field(default='camera', compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, 'params', tuple(float(p) for p in self.params))
        if self.width <= 0 or self.height <= 0:
            raise CalibrationError(f'{self.name} has an image size of {self.width}x{self.height}, expected positive')
        if not all(math.isfinite(p) for p in self.params):
            raise CalibrationError(f'{self.name} has non-finite parameters {self.params}; calibrate the camera')
        model_id = pycolmap.CameraModelId.__members__.get(self.model, pycolmap.CameraModelId.INVALID)
        if model_id == pycolmap.CameraModelId.INVALID:
            raise CalibrationError(
                f"{self.name} uses the camera model {self.model!r}, expected one of COLMAP's, for example OPENCV"
            )
        expected = len(pycolmap.Camera.create_from_model_id(1, model_id, 1.0, 2, 2).params)
        if len(self.params) != expected:
            raise CalibrationError(
                f'{self.name} has {len(self.params)} parameters, expected {expected} for the model {self.model}'
            )
        if not min(self.focal_lengths) > 0:
            raise _uncalibrated(self.name, self.focal_lengths)

    @staticmethod
    def from_opencv(
        width: int,
        height: int,
        fx: float,
        fy: float,
        cx: float,
        cy: float,
        distortion: ArrayLike = (),
        *,
        fisheye: bool = False,
        name: str = 'camera',
    ) -> Camera:
        """A camera from OpenCV's intrinsics, the principal point with the top-left pixel's centre at (0, 0).

        Args:
            width: image width in pixels.
            height: image height in pixels.
            fx: focal length in pixels.
            fy: focal length in pixels.
            cx: principal point in pixels.
            cy: principal point in pixels.
            distortion: k1 k2 p1 p2 [k3 [k4 k5 k6 [s1 s2 s3 s4 [tx ty]]]], or k1..k4 of the fisheye model.
            fisheye: whether the distortion is the equidistant model of cv2.fisheye.
            name: what to call it in an error.

        Raises:
            CalibrationError: wrong number of coefficients, or a thin-prism or tilted sensor that COLMAP cannot express.
        """
        d = np.asarray(distortion, dtype=np.float64).reshape(-1)
        head = (fx, fy, cx + PIXEL_CENTRE, cy + PIXEL_CENTRE)
        if fisheye:
            if len(d) not in (0, 4):
                raise CalibrationError(f'{name} has {len(d)} fisheye coefficients, expected 4')
            d = d if len(d) else np.zeros(4)
            return Camera('OPENCV_FISHEYE', width, height, (*head, *d), name)
        if len(d) not in (0, 4, 5, 8, 12, 14):
            raise CalibrationError(f'{name} has {len(d)} distortion coefficients, expected 0, 4, 5, 8, 12 or 14')
        d = np.pad(d, (0, 14 - len(d)))
        if d[8:].any():
            raise CalibrationError(
                f'{name} has thin-prism or tilt coefficients {d[8:].tolist()}, expected zeros; '
                'calibrate with at most eight coefficients (rational_polynomial)'
            )
        if not d.any():
            return Camera('PINHOLE', width, height, head, name)
        k1, k2, p1, p2, k3, k4, k5, k6 = d[:8]
        if not (k3 or k4 or k5 or k6):
            return Camera('OPENCV', width, height, (*head, k1, k2, p1, p2), name)
        return Camera('FULL_OPENCV', width, height, (*head, k1, k2, p1, p2, k3, k4, k5, k6), name)

    @staticmethod
    def from_ros(
        width: int,
        height: int,
        k_9: ArrayLike,
        distortion_model: str = 'plumb_bob',
        d: ArrayLike = (),
        name: str = 'camera',
    ) -> Camera:
        """A camera from the fields of sensor_msgs/CameraInfo (K row-major, top-left pixel's centre at (0, 0)).

        Drivers that leave the distortion model empty mean plumb_bob.

        Raises:
            CalibrationError: K[0] = 0 (REP-104: not calibrated), unknown distortion model, wrong number of
                coefficients.
        """
        k = np.asarray(k_9, dtype=np.float64).reshape(-1)
        if k.shape != (9,):
            raise CalibrationError(f'{name} has a K of {k.size} numbers, expected 9')
        if k[0] == 0:  # first, because nothing else in the message means anything then
            raise _uncalibrated(name, (float(k[0]), float(k[4])))
        coefficients = np.asarray(d, dtype=np.float64).reshape(-1)
        if distortion_model not in (*ROS_DISTORTION_MODELS, ''):
            raise CalibrationError(
                f'{name} uses the distortion model {distortion_model!r}, expected one of {ROS_DISTORTION_MODELS}'
            )
        fisheye = distortion_model == 'equidistant'
        return Camera.from_opencv(
            int(width), int(height), k[0], k[4], k[2], k[5], coefficients, fisheye=fisheye, name=name
        )

    @staticmethod
    def from_pycolmap(camera: pycolmap.Camera, name: str = 'camera') -> Camera:
        """A camera from a COLMAP model."""
        return Camera(camera.model.name, int(camera.width), int(camera.height), tuple(camera.params), name)

    def to_pycolmap(self, camera_id: int = 1) -> pycolmap.Camera:
        """The camera as pycolmap wants it."""
        return pycolmap.Camera(
            model=self.model, width=self.width, height=self.height, params=list(self.params), camera_id=camera_id
        )

    @cached_property
    def _border_rays(self) -> FloatArray:
        """Normalized image coordinates (x/z, y/z) of points along the image's border (N, 2)."""
        along = np.linspace(0, 1, 17)
        zero, one = np.zeros_like(along), np.ones_like(along)
        border = np.concatenate(
            [np.stack(edge, axis=1) for edge in ((along, zero), (along, one), (zero, along), (one, along))]
        )
        return self.normalize(border * [self.width, self.height])

    @property
    def field_of_view(self) -> tuple[FloatArray, FloatArray]:
        """Smallest and largest (x/z, y/z) that the image shows, infinite where it cannot be told."""
        rays = self._border_rays
        if not np.isfinite(rays).all():
            return np.full(2, -np.inf), np.full(2, np.inf)
        return rays.min(axis=0), rays.max(axis=0)

    @cached_property
    def _field_radius(self) -> float:
        """Largest |(x/z, y/z)| that the image shows, with a margin of a tenth; infinite where it cannot be told."""
        radius = np.linalg.norm(self._border_rays, axis=1)
        return 1.1 * float(radius.max()) if np.isfinite(radius).all() else math.inf

    @cached_property
    def _colmap(self) -> pycolmap.Camera:
        return self.to_pycolmap()

    @property
    def focal_lengths(self) -> tuple[float, float]:
        """(fx, fy) in pixels."""
        camera = pycolmap.Camera(
            model=self.model, width=self.width, height=self.height, params=list(self.params), camera_id=1
        )
        return float(camera.focal_length_x), float(camera.focal_length_y)

    def scaled(self, factor_x: float, factor_y: float | None = None) -> Camera:
        """The camera of the same image resized by the factors (width and height are rounded)."""
        factor_y = factor_x if factor_y is None else factor_y
        camera = self.to_pycolmap()
        camera.rescale(round(self.width * factor_x), round(self.height * factor_y))
        return Camera.from_pycolmap(camera, self.name)

    def project(self, points_cam_N3: ArrayLike) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Project points in camera coordinates.

        Args:
            points_cam_N3: points in the camera frame, map units.

        Returns:
            (pixels (N, 2), which of them lie in front of the camera and inside the image (N,)). Pixels of points
            behind the camera are NaN.
        """
        points = np.asarray(points_cam_N3, dtype=np.float64).reshape(-1, 3)
        pixels = np.full((len(points), 2), np.nan)
        front = points[:, 2] > 1e-9
        if front.any():
            pixels[front] = np.asarray(self._colmap.img_from_cam(points[front]), dtype=np.float64).reshape(-1, 2)
        with np.errstate(invalid='ignore'):
            inside = (
                front
                & (pixels[:, 0] >= 0)
                & (pixels[:, 1] >= 0)
                & (pixels[:, 0] < self.width)
                & (pixels[:, 1] < self.height)
            )
            # A distortion polynomial turns back beyond the field of view and folds far points into the image.
            radius = np.hypot(points[:, 0], points[:, 1]) / points[:, 2]
            inside &= radius < self._field_radius
        return pixels, inside

    def normalize(self, pixels_N2: ArrayLike) -> FloatArray:
        """Undistort pixels to normalized image coordinates (x/z, y/z), shape (N, 2); NaN where the model has none."""
        pixels = np.asarray(pixels_N2, dtype=np.float64).reshape(-1, 2)
        if not len(pixels):
            return np.zeros((0, 2))
        return np.asarray(self._colmap.cam_from_img(pixels), dtype=np.float64).reshape(-1, 2)

    def to_json(self) -> dict[str, Any]:
        """A dictionary for JSON; :meth:`from_json` reads it back."""
        return {'model': self.model, 'width': self.width, 'height': self.height, 'params': list(self.params)}

    @staticmethod
    def from_json(data: dict[str, Any], name: str = 'camera') -> Camera:
        """The camera of a dictionary that :meth:`to_json` wrote."""
        try:
            return Camera(data['model'], int(data['width']), int(data['height']), tuple(data['params']), name)
        except (KeyError, TypeError, ValueError) as error:
            raise CalibrationError(
                f'{name} is described by {data!r}, expected the keys model, width, height and params'
            ) from error


def _uncalibrated(name: str, focal_lengths: tuple[float, float]) -> CalibrationError:
    return CalibrationError(
        f'{name} is not calibrated: its focal lengths are {focal_lengths}, expected positive pixels; '
        'run a camera calibration, for example ros2 run camera_calibration cameracalibrator'
    )
