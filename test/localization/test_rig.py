# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A rendered robot with cameras to the front and to the side in the demo room; its true poses are known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from neumap_ros.geometry import PIXEL_CENTRE, Camera, Pose
from neumap_ros.localization.attempt import RigFix, View
from neumap_ros.localization.fix import Reason
from neumap_ros.localization.localizer import Localizer, LocalizerSettings, Prior
from neumap_ros.localization.rig import RigPrior, localize_views
from neumap_ros.localization.solver import SolverSettings
from neumap_ros.maps.storage import open_map

SIZE = (320, 240)
FRAMES = 6
# Base: x forward, y left, z up. Optical axes: x right, y down, z forward.
OPTICAL = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0.0]])
FRONT = Pose(OPTICAL, (0.2, 0.05, 0.1))
SIDE = Pose(Rotation.from_euler('z', 90, degrees=True).as_matrix() @ OPTICAL, (-0.1, 0.15, 0.05))
FISHEYE = Camera('OPENCV_FISHEYE', *SIZE, (125, 125, 160, 120, 0.02, -0.01, 0.003, 0.0), 'fisheye')


@dataclass(frozen=True)
class Frame:
    """What the cameras see from one place."""

    T_map_base: Pose
    front: np.ndarray
    side: np.ndarray
    fisheye: np.ndarray


def as_fisheye(renderer, T_map_cam: Pose) -> np.ndarray:
    """A picture through a fisheye lens, warped from one through a wide pinhole."""
    wide = Camera('PINHOLE', 800, 640, (130, 130, 400, 320))
    pixels = np.stack(np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1])), axis=-1).reshape(-1, 2) + PIXEL_CENTRE
    rays = np.c_[FISHEYE.normalize(pixels), np.ones(len(pixels))]
    source = (wide.project(rays)[0] - PIXEL_CENTRE).reshape(SIZE[1], SIZE[0], 2).astype(np.float32)
    return cv2.remap(renderer.render(wide, T_map_cam), source, None, cv2.INTER_LINEAR)


@pytest.fixture(scope='module')
def camera() -> Camera:
    from neumap_ros.simulation.demo_world import demo_camera

    return demo_camera(SIZE)


def drive(camera: Camera, seed: int, count: int = FRAMES) -> list[Frame]:
    """Places beside the mapping drive of the room of a seed."""
    from neumap_ros.simulation.demo_world import demo_renderer, mapping_drive, query_poses, sensor

    renderer, rng = demo_renderer(seed, SIZE), np.random.default_rng(3)
    frames = []
    for T_map_cam in query_poses(mapping_drive(60), count, camera, renderer, rng):
        T_map_base = T_map_cam @ FRONT.inverse()
        pictures = (
            renderer.render(camera, T_map_cam),
            renderer.render(camera, T_map_base @ SIDE),
            as_fisheye(renderer, T_map_base @ SIDE),
        )
        frames.append(Frame(T_map_base, *(cv2.cvtColor(sensor(p, rng), cv2.COLOR_BGR2GRAY) for p in pictures)))
    return frames


@pytest.fixture(scope='module')
def frames(demo_map, camera) -> list[Frame]:
    return drive(camera, 7)


@pytest.fixture(scope='module')
def localizer(demo_map) -> Localizer:
    return Localizer(open_map(demo_map))


def front(frame: Frame, camera: Camera) -> View:
    return View('front', frame.front, camera, FRONT)


def side(frame: Frame, camera: Camera) -> View:
    return View('side', frame.side, camera, SIDE)


def fisheye(frame: Frame, camera: Camera) -> View:
    return View('fisheye', frame.fisheye, FISHEYE, SIDE)


def errors(fixes: list[RigFix], frames: list[Frame]) -> np.ndarray:
    """Metres and degrees of every fix (N, 2), infinite where there is none."""
    return np.array(
        [
            fix.T_map_base.error_to(frame.T_map_base) if fix.T_map_base is not None else (np.inf, np.inf)
            for fix, frame in zip(fixes, frames, strict=True)
        ]
    )


def sigmas_off(fix: RigFix, truth: Pose) -> float:
    """Mahalanobis distance of a fix from the truth."""
    turn = Rotation.from_matrix(fix.T_map_base.rotation_33 @ truth.rotation_33.T).as_rotvec()
    error = np.r_[fix.T_map_base.translation_3 - truth.translation_3, turn]
    return float(np.sqrt(error @ np.linalg.solve(fix.covariance_66, error)))


def same(first: RigFix, second: RigFix) -> bool:
    """Whether two fixes are equal to the last bit."""
    return (
        first.reason is second.reason
        and first.evidence == second.evidence
        and (first.hypothesis.matrix_44 == second.hypothesis.matrix_44).all()
        and (first.covariance_66 is None or bool((first.covariance_66 == second.covariance_66).all()))
    )


@pytest.mark.parametrize('look', [front, side, fisheye])
def test_one_view_is_the_fix_of_that_image_said_of_the_base(localizer, frames, camera, look):
    for frame in frames[:3]:
        view = look(frame, camera)
        near = frame.T_map_base @ Pose(np.eye(3), (0.1, 0, 0))
        fix = localizer.localize(view.image, view.camera, Prior(near @ view.T_base_cam, 0.5))
        of_base = localize_views(localizer, [view], RigPrior(near, 0.5))
        assert of_base.reason is fix.reason is Reason.OK
        assert (of_base.T_map_base.matrix_44 == (fix.T_map_cam @ view.T_base_cam.inverse()).matrix_44).all()
        assert (of_base.evidence, of_base.confidence, of_base.regions) == (fix.evidence, fix.confidence, fix.regions)
        assert (of_base.inliers[0].keypoint_C == fix.inliers.keypoint_C).all()
        assert of_base.covariance_66[3:, 3:] == pytest.approx(fix.covariance_66[3:, 3:])
        alone = localize_views(localizer, [replace(view, T_base_cam=Pose.identity())])
        assert (alone.covariance_66 == localizer.localize(view.image, view.camera).covariance_66).all()
        assert sigmas_off(of_base, frame.T_map_base) < 6


@pytest.mark.parametrize(
    ('other', 'slack'),
    # Pictures of the fisheye are resampled and three times less exact: a millimetre, a tenth of a pixel, is allowed.
    [(side, (0, 0)), (fisheye, (0.001, 0.02))],
)
def test_a_rig_is_at_least_as_exact_as_its_best_camera(localizer, frames, camera, other, slack):
    first = errors([localize_views(localizer, [front(f, camera)]) for f in frames], frames)
    second = errors([localize_views(localizer, [other(f, camera)]) for f in frames], frames)
    fixes = [localize_views(localizer, [front(f, camera), other(f, camera)]) for f in frames]
    both = errors(fixes, frames)
    assert np.isfinite(both).all()
    best = np.minimum(np.median(first, axis=0), np.median(second, axis=0))
    assert (np.median(both, axis=0) <= best + slack).all()
    assert both[:, 0].max() < 0.05
    for fix, frame in zip(fixes, frames, strict=True):
        assert sigmas_off(fix, frame.T_map_base) < 5
        assert len(fix.inliers) == 2
        assert min(map(len, fix.inliers)) > 10
        assert fix.evidence.guided_inliers <= sum(map(len, fix.inliers))
        assert fix.detail == ''


def test_a_prior_helps_and_misleads_no_rig(localizer, frames, camera):
    views = [front(frames[0], camera), fisheye(frames[0], camera)]
    anywhere = localize_views(localizer, views)
    near = localize_views(localizer, views, RigPrior(frames[0].T_map_base, 0.3))
    wrong = localize_views(localizer, views, RigPrior(Pose(np.eye(3), (0, 0, 100.0)), 0.3))
    assert near.T_map_base.error_to(anywhere.T_map_base) == pytest.approx((0, 0), abs=0.05)
    assert wrong.T_map_base.error_to(anywhere.T_map_base) == pytest.approx((0, 0), abs=0.05)


def blank(image: np.ndarray) -> np.ndarray:
    return np.zeros_like(image)


def snow(image: np.ndarray) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, image.shape).astype(np.uint8)


@pytest.mark.parametrize('useless', [blank, snow, lambda image: image[:100]], ids=['black', 'noise', 'wrong size'])
@pytest.mark.parametrize('which', [0, 1])
def test_a_camera_that_sees_nothing_does_not_stop_the_other(localizer, frames, camera, useless, which):
    for frame in frames[:3]:
        views = [front(frame, camera), fisheye(frame, camera)]
        alone = localize_views(localizer, [views[1 - which]])
        views[which] = replace(views[which], image=useless(views[which].image))
        fix = localize_views(localizer, views)
        assert fix.reason is Reason.OK
        assert len(fix.inliers) == 2
        assert len(fix.inliers[which]) < 5
        if useless is not snow:  # nothing of that camera takes part: to the last bit the other's fix
            assert (fix.T_map_base.matrix_44 == alone.T_map_base.matrix_44).all()
            assert (fix.covariance_66 == alone.covariance_66).all()
            assert ('camera' in fix.detail or views[which].name in fix.detail) == (useless is not blank)
        assert fix.T_map_base.error_to(frame.T_map_base)[0] < 0.05


def test_no_usable_image_is_a_reason(localizer, frames, camera):
    views = [front(frames[0], camera), side(frames[0], camera)]
    assert localize_views(localizer, []).reason is Reason.IMAGE_ERROR
    fix = localize_views(localizer, [replace(v, image=v.image[:50]) for v in views])
    assert fix.reason is Reason.IMAGE_ERROR
    assert 'front' in fix.detail and 'side' in fix.detail
    fix = localize_views(localizer, [replace(v, image=blank(v.image)) for v in views])
    assert fix.reason is Reason.FEW_KEYPOINTS
    assert fix.T_map_base is None


def moved(view: View, error: Pose) -> View:
    return replace(view, T_base_cam=error @ view.T_base_cam)


@pytest.mark.parametrize('other', [side, fisheye])
@pytest.mark.parametrize(
    'error',
    [
        Pose(np.eye(3), (0, 0.1, 0)),
        Pose(np.eye(3), (0, 0, -0.1)),
        Pose(Rotation.from_euler('z', 10, degrees=True).as_matrix(), np.zeros(3)),
        Pose(Rotation.from_euler('x', -10, degrees=True).as_matrix(), np.zeros(3)),
    ],
    ids=['10 cm aside', '10 cm down', '10 deg yaw', '10 deg roll'],
)
def test_a_wrong_extrinsic_is_no_confident_wrong_pose(localizer, frames, camera, error, other):
    for frame in frames[:4]:
        right = localize_views(localizer, [front(frame, camera), other(frame, camera)])
        fix = localize_views(localizer, [front(frame, camera), moved(other(frame, camera), error)])
        if fix.T_map_base is None:
            assert fix.reason in (Reason.AMBIGUOUS, Reason.BAD_GEOMETRY, Reason.FEW_INLIERS)
            assert fix.covariance_66 is None
            continue
        assert sigmas_off(fix, frame.T_map_base) < 5, 'the covariance tells'
        position = np.sqrt(np.trace(fix.covariance_66[:3, :3]))
        assert position > 3 * np.sqrt(np.trace(right.covariance_66[:3, :3])) or fix.evidence.residual_px > (
            1.3 * right.evidence.residual_px
        )
        assert fix.T_map_base.error_to(frame.T_map_base)[0] < 0.2


def test_a_camera_turned_by_ten_degrees_is_named(localizer, frames, camera):
    turned = Pose(Rotation.from_euler('z', 10, degrees=True).as_matrix(), np.zeros(3))
    fixes = [localize_views(localizer, [front(f, camera), moved(fisheye(f, camera), turned)]) for f in frames]
    assert not any(fix.T_map_base for fix in fixes)
    told = [fix.detail for fix in fixes if fix.reason is Reason.AMBIGUOUS]
    assert len(told) >= FRAMES / 2
    assert all('check where it is mounted' in detail for detail in told)


def test_cameras_at_different_places_of_the_room_contradict_each_other(localizer, frames, camera):
    for number, frame in enumerate(frames):
        fix = localize_views(localizer, [front(frame, camera), fisheye(frames[(number + 3) % FRAMES], camera)])
        assert fix.T_map_base is None


def test_a_rig_in_another_room_is_not_localized(localizer, camera, demo_map):
    for frame in drive(camera, 8, 2):
        assert localize_views(localizer, [front(frame, camera), fisheye(frame, camera)]).T_map_base is None


def test_the_same_images_give_the_same_fix(demo_map, frames, camera):
    views = [front(frames[1], camera), side(frames[1], camera), fisheye(frames[1], camera)]
    first, second = (localize_views(Localizer(open_map(demo_map)), views) for _ in range(2))
    assert first.reason is Reason.OK
    assert same(first, second)
    assert all((a.keypoint_C == b.keypoint_C).all() for a, b in zip(first.inliers, second.inliers, strict=True))


def test_every_solver_serves_rigs(demo_map, frames, camera):
    settings = LocalizerSettings(solver=SolverSettings(method='pycolmap'))
    fix = localize_views(
        Localizer(open_map(demo_map), settings), [front(frames[0], camera), fisheye(frames[0], camera)]
    )
    assert fix.T_map_base.error_to(frames[0].T_map_base)[0] < 0.05
