# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from neumap_ros.errors import CalibrationError
from neumap_ros.geometry import Camera, Pose
from neumap_ros.simulation.conditions import CONDITIONS, Condition
from neumap_ros.simulation.demo_world import camera_pose
from neumap_ros.simulation.lamps import Lamp
from neumap_ros.simulation.renderer import Renderer, WorldRenderer
from neumap_ros.simulation.shading import GLASS_ABSORBS, GLASS_REFLECTS, HEADLIGHT_KLX, HEADLIGHT_SPILL
from neumap_ros.simulation.surfaces import panel
from neumap_ros.simulation.world import make_world

pytest.importorskip('embreex', reason='the ray caster of simulated worlds is an optional dependency')

PINHOLE = Camera('PINHOLE', 80, 60, (56, 56, 40, 30))
CAMERAS = [
    PINHOLE,
    Camera('OPENCV', 80, 60, (56, 57, 41, 29, -0.2, 0.04, 0.001, -0.002)),
    Camera('FULL_OPENCV', 80, 60, (56, 57, 41, 29, -0.2, 0.04, 0.001, -0.002, 0.01, 0.01, 0.0, 0.0)),
    Camera('OPENCV_FISHEYE', 80, 60, (36, 36, 40, 30, 0.02, -0.01, 0.002, 0.0)),
    Camera('SIMPLE_RADIAL', 80, 60, (50, 40, 30, 0.05)),
]
WHITE = np.full((8, 8, 3), 255, np.uint8)
DARK = Condition('dark', leak_klx=0.0)


@pytest.fixture(scope='module')
def renderer():
    return WorldRenderer(make_world(2, (8.0, 6.5)))


def somewhere(renderer, index=0, yaw=0.4):
    return camera_pose(np.array([*renderer.world.places_N2[index], 1.1]), yaw, -0.1, 0.05)


def pixel_points(camera, pose, depth_HW):
    """The world's points behind pixels, (H * W, 3)."""
    x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    rays = np.column_stack([camera.normalize(np.column_stack([x.ravel(), y.ravel()])), np.ones(x.size)])
    return pose.transform(rays * depth_HW.reshape(-1, 1))


@pytest.mark.parametrize('camera', CAMERAS, ids=lambda c: c.model)
def test_depth_is_exact_for_every_camera_model(camera):
    """A floor and a wall: behind every pixel lies a point of one of the two planes."""
    floor = panel('floor', (0, 0, 0), (0, 0, 1), (100, 100), WHITE)
    wall = panel('wall', (4, 0, 25), (-1, 0, 0), (100, 50), WHITE)
    pose = camera_pose(np.array([0.0, 0.0, 1.3]), 0.3, -0.25, 0.2)
    depth = Renderer([floor, wall]).render(camera, pose, DARK).depth_HW
    assert depth.dtype == np.float32
    assert (depth > 0).all()
    points = pixel_points(camera, pose, depth)
    off_floor, off_wall = np.abs(points[:, 2]), np.abs(points[:, 0] - 4)
    np.testing.assert_allclose(np.minimum(off_floor, off_wall), 0, atol=2e-5)
    assert np.all(points[:, 2] > -2e-5)
    assert np.all(points[:, 0] < 4 + 2e-5)
    assert 0.2 < (off_floor < off_wall).mean() < 0.8


@pytest.mark.parametrize('camera', CAMERAS, ids=lambda c: c.model)
def test_light_stands_where_it_projects_to(camera):
    """A small shining sheet: the centre of its light is where its middle projects to."""
    place = np.array([3.0, 0.7, 1.6])
    sheet = panel('sheet', place, (-1, 0, 0), (0.25, 0.25), WHITE, glow=1.0)
    pose = camera_pose(np.array([0.0, 0.0, 1.3]), 0.1, 0.05, 0.1)
    light = Renderer([sheet]).render(camera, pose, DARK).radiance_HW3[..., 1]
    x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    centre = np.array([(x * light).sum(), (y * light).sum()]) / light.sum()
    expected, inside = camera.project(pose.inverse().transform(place[None]))
    assert inside.all()
    np.testing.assert_allclose(centre, expected[0], atol=0.15)


def test_the_same_world_gives_the_same_pixels(renderer):
    again = WorldRenderer(make_world(2, (8.0, 6.5)))
    pose = somewhere(renderer)
    for name in ('day', 'night'):
        first = renderer.render(PINHOLE, pose, CONDITIONS[name])
        second = again.render(PINHOLE, pose, CONDITIONS[name])
        assert first.radiance_HW3.tobytes() == second.radiance_HW3.tobytes()
        assert first.depth_HW.tobytes() == second.depth_HW.tobytes()


def test_conditions_look_as_they_are_called(renderer):
    brightness = {}
    for name, light in CONDITIONS.items():
        pictures = [renderer.render(PINHOLE, somewhere(renderer, i, i), light).radiance_HW3 for i in range(4)]
        assert all(np.isfinite(p).all() and p.min() >= 0 and p.dtype == np.float32 for p in pictures)
        brightness[name] = np.median(np.stack(pictures), axis=(0, 1, 2))
    assert brightness['day'].mean() > brightness['evening'].mean() > 5 * brightness['night'].mean()
    assert brightness['lamps'].mean() > 5 * brightness['night'].mean()
    red_per_blue = {name: b[2] / b[0] for name, b in brightness.items()}
    assert red_per_blue['evening'] > red_per_blue['day']


def test_a_room_is_closed(renderer):
    """No ray slips out between walls, floor and ceiling; only through glass one sees the sky."""
    rng = np.random.default_rng(0)
    names = np.array([r.name for r in renderer.rectangles])
    glass = np.array([r.glass for r in renderer.rectangles])
    for number, place in enumerate(renderer.world.places_N2):
        pose = camera_pose(np.array([*place, 1.2]), float(rng.uniform(0, 6.3)), float(rng.uniform(-0.5, 0.5)))
        directions = rng.standard_normal((4000, 3))
        hits = renderer._caster.cast(pose.translation_3, directions)
        assert (hits >= 0).all(), number
        seen = set(names[hits[~glass[hits]]])
        assert not any(name == 'land' or 'street' in name for name in seen), seen


def test_a_lamp_follows_the_law_of_squares():
    floor = panel('floor', (0, 0, 0), (0, 0, 1), (10, 10), WHITE)
    lamp = Lamp('bulb', (0.0, 0.0, 2.0), 0.8, (1, 0.5, 0.25), (0, 0, 0), 0.0)
    renderer = Renderer([floor], [lamp], bounce=False)
    light = Condition('lamp', lamps=0.5, leak_klx=0.01)
    for offset in (0.0, 1.5):
        looking_down = Pose(np.diag([1.0, -1.0, -1.0]), np.array([offset, 0.0, 1.0]))
        picture = renderer.render(Camera('PINHOLE', 4, 4, (400, 400, 2, 2)), looking_down, light).radiance_HW3
        distance = np.hypot(offset, 2.0)
        expected = 0.5 * 0.8 * (2.0 / distance) / distance**2
        np.testing.assert_allclose(picture.mean(axis=(0, 1)), 0.01 + expected * np.array([1, 0.5, 0.25]), rtol=0.02)


def test_the_sun_casts_hard_shadows_where_they_belong():
    """A board one metre above the floor; the sun stands at 45 degrees in the west."""
    floor = panel('floor', (0, 0, 0), (0, 0, 1), (12, 12), WHITE)
    board = panel('board', (0, 0, 1), (0, 0, 1), (1, 1), WHITE)
    renderer = Renderer([floor, board], bounce=False)
    light = Condition('sun', sun_klx=10.0, sun_azimuth_deg=180.0, sun_elevation_deg=45.0, leak_klx=0.5)
    above = Pose(np.diag([1.0, -1.0, -1.0]), np.array([2.2, 0.0, 3.0]))
    camera = Camera('PINHOLE', 200, 200, (150, 150, 100, 100))
    picture = renderer.render(camera, above, light)
    points = pixel_points(camera, above, picture.depth_HW)
    value = picture.radiance_HW3[..., 0].ravel()
    on_floor = np.abs(points[:, 2]) < 1e-3
    inside = np.maximum(np.abs(points[:, 0] - 1), np.abs(points[:, 1])) - 0.5
    lit = 0.5 + 10 * np.sin(np.radians(45))
    assert np.count_nonzero(on_floor & (inside < -0.06)) > 500
    np.testing.assert_allclose(value[on_floor & (inside < -0.06)], 0.5, atol=0.01)
    np.testing.assert_allclose(value[on_floor & (inside > 0.06)], lit, rtol=0.01)


def test_light_bounces_from_coloured_walls():
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 2] = 255
    floor = panel('floor', (0, 0, 0), (0, 0, 1), (4, 4), WHITE)
    wall = panel('wall', (2, 0, 1.5), (-1, 0, 0), (4, 3), red)
    lamp = Lamp('spot', (0.5, 0.0, 1.5), 2.0, (1, 1, 1), (1, 0, 0), 0.0)
    down = Pose(np.diag([1.0, -1.0, -1.0]), np.array([1.8, 0.0, 1.0]))
    tiny = Camera('PINHOLE', 4, 4, (400, 400, 2, 2))
    light = Condition('spot', lamps=1.0, leak_klx=0.0)
    plain = Renderer([floor, wall], [lamp], bounce=False).render(tiny, down, light).radiance_HW3.mean(axis=(0, 1))
    bounced = Renderer([floor, wall], [lamp]).render(tiny, down, light).radiance_HW3.mean(axis=(0, 1))
    np.testing.assert_allclose(bounced[:2], plain[:2], rtol=1e-3)
    assert bounced[2] > plain[2] + 0.05


def test_the_headlight_fades_with_distance_and_casts_shadows():
    wall = panel('wall', (4, 0, 0), (-1, 0, 0), (20, 20), WHITE)
    post = panel('post', (2, 0, 0), (-1, 0, 0), (0.2, 20), WHITE)
    light = Condition('headlight', headlight=1.0, leak_klx=0.0)
    ahead = camera_pose(np.zeros(3), 0.0)
    picture = Renderer([wall]).render(PINHOLE, ahead, light).radiance_HW3[..., 0]
    assert picture[30, 40] == pytest.approx(HEADLIGHT_KLX * (1 + HEADLIGHT_SPILL) / 16, rel=0.01)
    assert picture[30, 40] > 2 * picture[0, 0], 'its light is in the middle'
    # From a light half a metre to the left, the post's shadow lies to its right: at half a metre on the wall.
    beside = camera_pose(np.array([0.0, 0.5, 0.0]), 0.0)
    view = Renderer([wall, post]).render(PINHOLE, ahead, light, T_world_light=beside)
    points = pixel_points(PINHOLE, ahead, view.depth_HW)
    on_wall = np.abs(points[:, 0] - 4) < 1e-3
    shadow = on_wall & (np.abs(points[:, 1] + 0.5) < 0.1)
    value = view.radiance_HW3[..., 0].ravel()
    assert np.count_nonzero(shadow) > 20
    assert value[shadow].max() == 0
    assert value[on_wall & (points[:, 1] > 0.3) & (np.abs(points[:, 2]) < 1)].min() > 0


def test_glass_shows_what_is_behind_it_and_mirrors_what_is_before_it():
    """Straight through a pane lies a wall; a lamp behind the camera is seen in the pane."""
    grey = np.full((8, 8, 3), 255, np.uint8)
    wall = panel('wall', (4, 0, 0), (-1, 0, 0), (30, 30), grey)
    pane = panel('pane', (2, 0, 0), (-1, 0, 0), (10, 10), WHITE, glass=True)
    lit = panel('lamp', (-2, 0.8, 0), (1, 0, 0), (0.4, 0.4), WHITE, glow=5.0)
    pose = camera_pose(np.zeros(3), 0.0)
    light = Condition('leak', leak_klx=1.0)
    open_view = Renderer([wall, lit], bounce=False).render(PINHOLE, pose, light)
    view = Renderer([wall, pane, lit], bounce=False).render(PINHOLE, pose, light)
    np.testing.assert_allclose(view.depth_HW, open_view.depth_HW)
    np.testing.assert_allclose(view.depth_HW, 4, atol=1e-5)
    passes = (1 - GLASS_ABSORBS) * (1 - GLASS_REFLECTS)
    # The mirror image of the lamp stands at (6, 0.8): left of the middle by 0.8 / 6 of the focal length.
    column = 40 - 56 * 0.8 / 6
    assert view.radiance_HW3[30, int(column), 0] == pytest.approx(passes + GLASS_REFLECTS * 6, rel=0.02)
    assert view.radiance_HW3[30, int(80 - column), 0] == pytest.approx(passes, rel=0.02)


def test_nothing_is_sky_without_depth():
    sheet = panel('sheet', (0, 0, -5), (0, 0, -1), (1, 1), WHITE)
    view = Renderer([sheet], bounce=False).render(PINHOLE, camera_pose(np.zeros(3), 0.0, 0.6), CONDITIONS['day'])
    assert not view.depth_HW.any()
    assert view.radiance_HW3.min() > 1
    assert view.radiance_HW3[..., 0].mean() > view.radiance_HW3[..., 2].mean(), 'blue'


def test_pixels_without_a_ray_are_black():
    """Beyond half a turn, a fisheye's model has no ray in front of the camera."""
    camera = Camera('OPENCV_FISHEYE', 80, 60, (12, 12, 40, 30, 0, 0, 0, 0))
    x, y = np.meshgrid(np.arange(80) + 0.5, np.arange(60) + 0.5)
    # The equidistant lens: the angle from its axis is the distance from the middle over the focal length.
    without = np.hypot(x - 40, y - 30) / 12 > np.pi / 2
    wall = panel('wall', (4, 0, 0), (-1, 0, 0), (1e4, 1e4), WHITE)
    view = Renderer([wall], bounce=False).render(camera, camera_pose(np.zeros(3), 0.0), Condition('leak', leak_klx=1.0))
    assert not view.depth_HW[without].any()
    assert not view.radiance_HW3[np.hypot(x - 40, y - 30) > 12 * np.pi / 2 + 1].any()
    assert (view.depth_HW[~without] > 3.99).all()


def test_a_pose_that_is_none_is_refused(renderer):
    with pytest.raises(CalibrationError, match='NaN'):
        renderer.render(PINHOLE, Pose(np.eye(3), np.array([np.nan, 0, 0])), CONDITIONS['day'])
