# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import json

import cv2
import numpy as np
import pytest

from neumap_ros.errors import ConfigError
from neumap_ros.geometry import Camera, Pose
from neumap_ros.simulation import demo_world
from neumap_ros.simulation.renderer import PictureRenderer
from neumap_ros.simulation.room import ROOM_M
from neumap_ros.simulation.surfaces import Rectangle

pytest.importorskip('embreex', reason='the ray caster of the demo world is an optional dependency')

SIZE = (160, 120)


@pytest.fixture(scope='module')
def renderer():
    return demo_world.demo_renderer(seed=3, size=SIZE)


@pytest.fixture(scope='module')
def camera():
    return demo_world.demo_camera(SIZE)


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp('demo') / 'world'
    calls = []
    demo_world.make_demo_world(folder, 3, SIZE, 6, 3, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(i, 9) for i in range(1, 10)]
    return folder


def test_it_writes_the_posed_image_format(world):
    poses = json.loads((world / 'poses.json').read_text())
    split = json.loads((world / 'split.json').read_text())
    assert set(poses) == {'convention', 'source', 'frames'}
    assert set(split) == {'note', 'poses', 'map', 'query'}
    assert (len(split['map']), len(split['query']), split['poses']) == (6, 3, 'poses.json')
    names = [frame['file'] for frame in poses['frames']]
    assert names == [f'images/{name}' for name in split['map'] + split['query']]
    assert sorted(p.name for p in (world / 'images').iterdir()) == sorted(split['map'] + split['query'])
    for frame in poses['frames']:
        assert set(frame) == {'file', 'w', 'h', 'fx', 'fy', 'cx', 'cy', 'dist', 'T_wc'}
        assert cv2.imread(str(world / frame['file'])).shape == (frame['h'], frame['w'], 3) == (120, 160, 3)
        assert (frame['cx'], frame['cy']) == (79.5, 59.5)
        Pose.from_matrix(frame['T_wc'])
    assert [p.name for p in world.parent.iterdir()] == ['world']


def test_the_same_seed_gives_the_same_files_and_another_seed_others(world, tmp_path):
    demo_world.make_demo_world(tmp_path / 'again', 3, SIZE, 6, 3)
    for path in sorted(p for p in world.rglob('*') if p.is_file()):
        assert path.read_bytes() == (tmp_path / 'again' / path.relative_to(world)).read_bytes(), path.name
    demo_world.make_demo_world(tmp_path / 'again', 4, SIZE, 6, 3)
    first = 'images/map_0000.jpg'
    assert (world / first).read_bytes() != (tmp_path / 'again' / first).read_bytes()


def test_an_interruption_leaves_nothing_behind(tmp_path):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        demo_world.make_demo_world(tmp_path / 'world', 3, SIZE, 2, 0, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_folder_is_not_overwritten(tmp_path):
    (tmp_path / 'thesis.txt').write_text('years of work')
    with pytest.raises(ConfigError, match='not a demo world'):
        demo_world.make_demo_world(tmp_path, 3, SIZE, 2, 0)
    assert (tmp_path / 'thesis.txt').exists()


@pytest.mark.parametrize('bad', [{'mapping_views': 1}, {'query_views': -1}, {'size': (8, 8)}])
def test_impossible_requests_are_refused(tmp_path, bad):
    with pytest.raises(ConfigError, match='impossible'):
        demo_world.make_demo_world(tmp_path / 'world', **bad)


def test_queries_lie_beside_the_drive_and_inside_the_room(renderer, camera):
    drive = demo_world.mapping_drive(60)
    queries = demo_world.query_poses(drive, 20, camera, renderer, np.random.default_rng(5))
    assert len(queries) == 20
    for query in queries:
        errors = np.array([query.error_to(view) for view in drive])
        assert 0.2 <= errors[:, 0].min() <= 0.5
        close = errors[errors[:, 0] <= 0.5]
        assert ((close[:, 1] >= 5) & (close[:, 1] <= 20)).any()
        assert np.all(query.translation_3 > 0.2)
        assert np.all(query.translation_3 < np.array(ROOM_M) - 0.2)


def test_depth_agrees_with_the_projection_of_known_points(renderer, camera):
    rng = np.random.default_rng(1)
    seen = 0
    for pose in demo_world.mapping_drive(6):
        T_cam_world = pose.inverse()
        for index, rectangle in enumerate(renderer.rectangles):
            a, b = rng.uniform(0.02, 0.98, (2, 8, 1))
            points = T_cam_world.transform(rectangle.corner_3 + a * rectangle.edge_u_3 + b * rectangle.edge_v_3)
            points = points[points[:, 2] > 0.1]
            pixels, _ = camera.project(points)
            inside = np.all((pixels > 0) & (pixels < SIZE), axis=1)
            hits, depth = renderer.trace(camera, pose, pixels[inside])
            expected = points[inside, 2]
            np.testing.assert_allclose(depth[hits == index], expected[hits == index], rtol=1e-9)
            assert np.all(depth[hits != index] < expected[hits != index] + 1e-6), 'what hides a point is nearer'
            seen += int(np.count_nonzero(hits == index))
    assert seen > 200


def test_two_views_agree_on_the_colour_of_what_both_see(renderer):
    camera = demo_world.demo_camera((320, 240))
    first = demo_world.camera_pose(np.array([2.2, 3.2, 1.3]), yaw=1.3)
    second = demo_world.camera_pose(np.array([2.5, 3.1, 1.4]), yaw=1.4, pitch=0.05, roll=0.1)
    x, y = np.meshgrid(np.arange(320) + 0.5, np.arange(240) + 0.5)
    pixels = np.column_stack([x.ravel(), y.ravel()])
    hits, depth = renderer.trace(camera, first, pixels)
    points = np.column_stack([camera.normalize(pixels), np.ones(len(pixels))]) * depth[:, None]
    points = second.inverse().transform(first.transform(points))
    projected, _ = camera.project(points)
    others, other_depth = renderer.trace(camera, second, projected)
    both = (others == hits) & (np.abs(other_depth - points[:, 2]) < 1e-6)
    where = (projected - 0.5).astype(np.float32).reshape(240, 320, 2)
    warped = cv2.remap(renderer.render(camera, second), where, None, cv2.INTER_LINEAR)
    picture = renderer.render(camera, first)
    inside = np.all((projected > 1) & (projected < (319, 239)), axis=1) & both
    difference = (warped.astype(float) - picture).mean(axis=2).ravel()[inside]
    assert inside.mean() > 0.5
    assert abs(difference.mean()) < 0.5
    assert np.median(np.abs(difference)) < 2.5
    # A shift of half a pixel somewhere in the chain would show here and nowhere else.
    mask = inside.reshape(240, 320).astype(np.float32)
    grey_a, grey_b = (mask * (im.mean(axis=2).astype(np.float32) - 128) for im in (picture, warped))
    shift, _ = cv2.phaseCorrelate(grey_a, grey_b)
    assert np.hypot(*shift) < 0.05


@pytest.mark.parametrize('edge_px', [20.0, 20.3, 20.5, 20.8])
@pytest.mark.parametrize('texels', [4, 64, 1024])
@pytest.mark.parametrize('upright', [True, False])
def test_a_painted_edge_appears_where_it_projects_to(edge_px, texels, upright):
    """Black and white halves, looked at straight: the sum of a row counts the white pixels, fractions included."""
    texture = np.zeros((texels, texels, 3), dtype=np.uint8)
    texture[:, texels // 2 :] = 255
    camera = Camera('PINHOLE', 40, 40, (40, 40, 20, 20))
    middle = (edge_px - 20) / 40
    if not upright:
        texture = texture.transpose(1, 0, 2).copy()
    corner = np.array([middle - 4, -4, 1.0]) if upright else np.array([-4, middle - 4, 1.0])
    sheet = Rectangle('sheet', corner, np.array([8.0, 0, 0]), np.array([0, 8.0, 0]), texture)
    picture = PictureRenderer([sheet]).render(camera, Pose.identity())
    if not upright:
        picture = picture.transpose(1, 0, 2)
    if texels > 4:
        assert picture.min() == 0
        assert picture.max() == 255
        np.testing.assert_allclose(picture[:, :, 0].sum(axis=1) / 255, 40 - edge_px, atol=0.06)
    else:
        # Two metres per texel: one soft ramp, symmetric about the edge.
        profile = np.interp(edge_px - 0.5, np.arange(40), picture[20, :, 0])
        assert profile == pytest.approx(127.5, abs=3)


def test_empty_space_is_black_and_infinitely_far(camera):
    sheet = Rectangle('sheet', np.array([5.0, 5, 5]), np.eye(3)[0], np.eye(3)[1], np.full((8, 8, 3), 9, np.uint8))
    renderer = PictureRenderer([sheet])
    hits, depth = renderer.trace(camera, Pose.identity(), np.array([[80.0, 60.0]]))
    assert (hits[0], depth[0]) == (-1, np.inf)
    assert not renderer.render(camera, Pose.identity()).any()
