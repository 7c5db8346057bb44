# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A map built with a network from a file, from the command line to the pose; and what is refused."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pytest

pytest.importorskip('onnxruntime', reason='ONNX Runtime is an optional dependency')
pytest.importorskip('onnx', reason='the tests write networks with it')

from onnx_networks import dense_nodes, scenery, write
from typer.testing import CliRunner

from neumap_ros.cli import app
from neumap_ros.errors import ConfigError, MapError
from neumap_ros.features import create_extractor
from neumap_ros.features.base import ExtractorInfo
from neumap_ros.features.weights import extractor_of_map, open_extractor, takes_weights
from neumap_ros.localization.localizer import Localizer, LocalizerSettings
from neumap_ros.localization.retrieval import retrieval_bytes
from neumap_ros.maps.storage import open_map


@pytest.fixture(scope='module')
def networks(tmp_path_factory):
    folder = tmp_path_factory.mktemp('networks')
    write(folder / 'a.onnx', dense_nodes())
    write(folder / 'b.onnx', dense_nodes(), neumap__size_multiple='16')
    return folder


def neumap(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, ' '.join(f'{result.output} {result.stderr}'.split())


@pytest.fixture(scope='module')
def room(demo_folder, networks, tmp_path_factory):
    """A map of the rendered room, made with the network a."""
    out = tmp_path_factory.mktemp('maps') / 'room'
    code, text = neumap(
        'map', 'build', '--dataset', demo_folder, '--out', out, '--budget', '60kB', '--parts', 8,
        '--calibration', 'off', '--extractor', 'onnx', '--extractor-weights', networks / 'a.onnx',
    )  # fmt: skip
    assert code == 0, text
    return out


def test_the_map_names_the_network_and_fits_its_budget(room, networks):
    manifest = open_map(room).manifest
    info = create_extractor('onnx', path=networks / 'a.onnx').info
    assert manifest.extractor == dataclasses.asdict(info)
    assert sum(file.stat().st_size for file in room.rglob('*') if file.is_file()) <= 60_000
    assert str(networks) not in (room / 'manifest.json').read_text(), "paths are nobody else's business"
    assert neumap('map', 'verify', room)[0] == 0


def test_images_are_localized_with_the_same_network(room, networks, demo_folder, tmp_path):
    code, text = neumap(
        'evaluate', '--map', room, '--dataset', demo_folder, '--out', tmp_path / 'run',
        '--extractor-weights', networks / 'a.onnx',
    )  # fmt: skip
    assert code == 0, text
    run = json.loads((tmp_path / 'run' / 'run.json').read_text())
    assert run['summary']['recall']['0.25 m, 2 deg'] >= 0.75


def test_a_copy_of_the_network_elsewhere_will_do(room, networks, tmp_path):
    shutil.copy(networks / 'a.onnx', tmp_path / 'other_name.onnx')
    settings = LocalizerSettings(extractor_weights=str(tmp_path / 'other_name.onnx'))
    localizer = Localizer(open_map(room), settings)
    again = Localizer(open_map(room), settings, reuse=localizer)
    assert again.extractor is localizer.extractor, 'a network is loaded once'


def test_other_weights_are_refused(room, networks, demo_folder, tmp_path):
    command = ('evaluate', '--map', room, '--dataset', demo_folder, '--out', tmp_path / 'run')
    code, text = neumap(*command, '--extractor-weights', networks / 'b.onnx')
    assert code == 2
    assert 'b.onnx has' in text and 'give the file that the map was built with' in text
    code, text = neumap(*command, '--extractor-weights', networks / 'none.onnx')
    assert code == 2
    assert 'cannot be read (No such file or directory)' in text
    code, text = neumap(*command)
    assert code == 2
    assert 'which are needed here too' in text and '--extractor-weights FILE' in text
    image = next((demo_folder / 'images').iterdir())
    camera = 'PINHOLE,320,240,200,200,160,120'
    code, text = neumap('localize', image, '--map', room, '--camera', camera)
    assert code == 2
    assert 'which are needed here too' in text


def test_a_server_of_maps_needs_no_weights(room):
    assert len(retrieval_bytes(open_map(room))) > 1000


def test_weights_for_an_extractor_without_any_are_refused(networks, demo_folder, tmp_path):
    code, text = neumap(
        'map', 'build', '--dataset', demo_folder, '--out', tmp_path / 'm', '--extractor', 'rootsift',
        '--extractor-weights', networks / 'a.onnx',
    )  # fmt: skip
    assert code == 2
    assert 'the extractor rootsift takes no weights' in text
    with pytest.raises(ConfigError, match='takes no weights'):
        open_extractor('rootsift', 'a.onnx')


def test_codes_that_need_universal_codebooks_are_refused(networks, demo_folder, tmp_path):
    code, text = neumap(
        'map', 'build', '--dataset', demo_folder, '--out', tmp_path / 'm', '--extractor', 'onnx',
        '--extractor-weights', networks / 'a.onnx', '--parts', 4, '--centroids', 4096,
    )  # fmt: skip
    assert code == 2
    assert 'need universal codebooks, which none ship for this extractor; leave out --centroids' in text


def test_a_robot_may_keep_the_parameter_on_maps_of_other_extractors(demo_map, networks):
    settings = LocalizerSettings(extractor_weights=str(networks / 'a.onnx'))
    assert Localizer(open_map(demo_map), settings).extractor.info.name == 'rootsift'


def test_which_extractors_take_weights():
    assert takes_weights('onnx') and takes_weights('edgepoint2') and not takes_weights('rootsift')


def test_an_extractor_that_this_version_lacks():
    info = dataclasses.asdict(ExtractorInfo('future', 1, '', 32, 128))
    with pytest.raises(MapError, match=r"map m was built with the extractor 'future', this version has .*rootsift"):
        extractor_of_map(info, '', 'm')


def test_features_through_the_registry_and_by_hand_are_the_same(networks):
    image = scenery()
    first = open_extractor('onnx', str(networks / 'a.onnx')).extract(image, 40)
    info = create_extractor('onnx', path=networks / 'a.onnx').info
    second = extractor_of_map(dataclasses.asdict(info), networks / 'a.onnx', 'm').extract(image, 40)
    assert np.array_equal(first.keypoints_N2, second.keypoints_N2)
