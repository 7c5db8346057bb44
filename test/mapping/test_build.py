# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From images to a map folder, on the small rendered world."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
import torch
from rich.console import Console

from neumap_ros.errors import ConfigError, MapError, MappingError
from neumap_ros.features.rootsift import RootSift
from neumap_ros.localization.calibration import read_calibration
from neumap_ros.localization.decoder import create_decoder
from neumap_ros.mapping import compression
from neumap_ros.mapping.build import BuildSettings, build_map
from neumap_ros.mapping.fit_dpqed import fit_dpqed
from neumap_ros.mapping.sources import open_poses_json
from neumap_ros.maps.info import covariance_words, info_tables, map_info
from neumap_ros.maps.manifest import manifest_to_bytes
from neumap_ros.maps.storage import open_map


@pytest.fixture(scope='module')
def source(demo_folder):
    return open_poses_json(demo_folder, 'map')


@pytest.fixture(autouse=True)
def _short_training(monkeypatch):
    def fit_shortly(descriptors, quantizer, dequantizer, settings, generator):
        fit_dpqed(descriptors, quantizer, dequantizer, replace(settings, steps=4, batch=256), generator)

    monkeypatch.setattr(compression, 'fit_dpqed', fit_shortly)


def folder_bytes(folder) -> int:
    return sum(file.stat().st_size for file in folder.rglob('*') if file.is_file())


@pytest.mark.parametrize(
    'settings',
    [
        BuildSettings('dpqed', 8_000),
        BuildSettings('dpqed', 40_000, parts=4),
        BuildSettings('pq', 40_000, parts=8),
        BuildSettings('full', 60_000),
        BuildSettings('dpqed', 9_000, parts=4, notes='Grüße ' * 300),
    ],
    ids=['tiny', 'dpqed', 'pq', 'full', 'notes'],
)
def test_a_budget_is_kept_to_the_byte_and_used(source, tmp_path, settings):
    settings = replace(settings, calibration_images=8)
    report = build_map(source, tmp_path / 'room', settings)
    size = folder_bytes(tmp_path / 'room')
    assert size == report.total_bytes == sum(report.bytes_per_part.values())
    assert size <= settings.budget_bytes
    assert size > 0.93 * settings.budget_bytes or report.points_kept == report.points_found
    assert [entry.name for entry in tmp_path.iterdir()] == ['room'], 'nothing else is left'
    stored = open_map(tmp_path / 'room')
    assert sum(region.points for region in stored.manifest.regions) == report.points_kept
    create_decoder(stored)


class Interrupted(Exception):
    """Stands for Ctrl-C."""


@pytest.mark.parametrize('stage', ['extracting features', 'matching', 'ranking points', 'compressing'])
def test_an_interrupted_build_resumes(source, tmp_path, monkeypatch, stage):
    extracted = []
    extract = RootSift.extract

    def counting(self, image, max_keypoints):
        extracted.append(1)
        return extract(self, image, max_keypoints)

    def interrupt(name, done, total):
        if name == stage and done >= total // 2:
            raise Interrupted

    monkeypatch.setattr(RootSift, 'extract', counting)
    out, settings = tmp_path / 'room', BuildSettings(parts=4, max_keypoints=400, calibration_images=8)
    with pytest.raises(Interrupted):
        build_map(source, out, settings, interrupt)
    assert not out.exists(), 'half a map'
    first = len(extracted)
    assert first == (len(source) // 2 if stage == 'extracting features' else len(source))
    report = build_map(source, out, settings)
    assert len(extracted) == len(source), 'each image once'
    assert [entry.name for entry in tmp_path.iterdir()] == ['room']

    again = build_map(source, tmp_path / 'straight', settings)
    assert again.points_kept == report.points_kept
    assert digests(tmp_path / 'straight') == digests(out), 'resuming changes nothing'


def digests(folder) -> list:
    return json.loads((folder / 'manifest.json').read_text())['files']


@pytest.mark.parametrize(
    'settings', [BuildSettings(parts=4), BuildSettings('pq', 40_000, parts=8)], ids=['dpqed', 'pq']
)
def test_the_same_seed_gives_the_same_map(source, tmp_path, settings):
    settings = replace(settings, max_keypoints=500, calibration_images=8)
    manifests = []
    for name in ('a', 'b'):
        torch.manual_seed(ord(name))
        np.random.seed(ord(name))  # noqa: NPY002  (somebody else's state, which must not count)
        build_map(source, tmp_path / name, settings)
        manifests.append(open_map(tmp_path / name).manifest)
    first, second = (manifest_to_bytes(replace(m, created='', map_id='')) for m in manifests)
    assert first == second
    assert manifests[0].map_id != manifests[1].map_id
    build_map(source, tmp_path / 'c', replace(settings, seed=1))
    assert digests(tmp_path / 'c') != digests(tmp_path / 'a')


def test_the_map_says_what_it_was_made_of(source, tmp_path):
    name = '5f0c3a1e-9b1f-4a57-9a32-0a77a4b7f001'
    settings = BuildSettings(parts=4, max_keypoints=400, map_id=name, revision=7, notes='CC0')
    report = build_map(source, tmp_path / 'room', settings)
    manifest = open_map(tmp_path / 'room').manifest
    assert (manifest.map_id, manifest.revision, manifest.notes) == (name, 7, 'CC0')
    assert manifest.build['views'] == report.views == len(source)
    assert manifest.build['points_found'] == report.points_found
    assert manifest.build['descriptor_bytes'] == 4 * report.points_kept == report.bytes_per_part['descriptor codes']
    assert manifest.metric


def test_an_existing_map_is_not_replaced_unless_asked(source, tmp_path):
    settings = BuildSettings(parts=4, max_keypoints=300, calibration_images=0)
    build_map(source, tmp_path / 'room', settings)
    before = (tmp_path / 'room' / 'manifest.json').read_bytes()
    calls = []
    with pytest.raises(MapError, match='exists already'):
        build_map(source, tmp_path / 'room', settings, lambda *call: calls.append(call))
    assert (tmp_path / 'room' / 'manifest.json').read_bytes() == before
    assert not calls, 'known before hours of work'
    build_map(source, tmp_path / 'room', replace(settings, revision=2), overwrite=True)
    assert open_map(tmp_path / 'room').manifest.revision == 2


def test_a_folder_that_does_not_exist_is_told_before_the_work(source, tmp_path):
    calls = []
    with pytest.raises(MapError, match='does not exist; create it first'):
        build_map(source, tmp_path / 'no' / 'room', BuildSettings(), lambda *call: calls.append(call))
    assert not calls
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('count', [1, 2])
def test_too_few_images_are_refused(source, tmp_path, count):
    # Two images from one place have no parallax; two others may do.
    few = source.subset(image.name for image in source.images[:1])
    if count == 2:
        few = source.subset(image.name for image in (source.images[0], source.images[len(source) // 2]))
    with pytest.raises(MappingError, match='image'):
        build_map(few, tmp_path / 'room', BuildSettings())
    assert not (tmp_path / 'room').exists()


def test_the_same_image_again_and_again_is_refused(source, tmp_path, monkeypatch):
    images = tuple(replace(source.images[0], name=f'{i}.png') for i in range(5))
    copies = source.subset([source.images[0].name])
    copies.images = images
    monkeypatch.setattr(copies, '_paths', {image.name: source.path(source.images[0]) for image in images})
    with pytest.raises(MappingError, match=r'points could be triangulated from 5 images|none of 10 image pairs'):
        build_map(copies, tmp_path / 'room', BuildSettings())
    assert not (tmp_path / 'room').exists()


def test_images_without_poses_are_refused(source, tmp_path):
    unposed = source.subset(image.name for image in source.images)
    unposed.images = tuple(replace(image, T_map_cam=None) for image in source.images)
    with pytest.raises(MappingError, match=r'has no pose.*run structure from motion first'):
        build_map(unposed, tmp_path / 'room', BuildSettings())


def test_a_budget_too_small_for_any_map_is_refused(source, tmp_path):
    with pytest.raises(MappingError, match='budget'):
        build_map(source, tmp_path / 'room', BuildSettings('full', 5_000, max_keypoints=300))
    assert not (tmp_path / 'room').exists()
    with pytest.raises(ConfigError, match='the budget is 3999 bytes, expected at least 4000'):
        BuildSettings(budget_bytes=3999)
    with pytest.raises(ConfigError, match="no map kind 'zip', expected one of dpqed, pq, full"):
        BuildSettings('zip')


def test_a_map_is_calibrated_with_images_held_out(source, tmp_path):
    settings = BuildSettings(parts=4, max_keypoints=500, calibration_images=12)
    stages = []
    report = build_map(source, tmp_path / 'room', settings, lambda stage, done, total: stages.append(stage))
    assert 'measuring errors' in stages
    manifest = open_map(tmp_path / 'room').manifest
    calibration = read_calibration(manifest)
    assert calibration == read_calibration(report.manifest)
    assert 8 <= calibration.images <= report.calibration.tried == 12
    assert 0.2 < calibration.noise < 6
    text = StringIO()
    Console(file=text, width=200).print(info_tables(map_info(tmp_path / 'room')))
    assert f'calibrated on {calibration.images} held-out images' in text.getvalue()

    build_map(source, tmp_path / 'off', replace(settings, calibration_images=0))
    plain = open_map(tmp_path / 'off').manifest
    assert read_calibration(plain) is None
    assert plain.files == manifest.files, 'a calibration changes no tensor'
    assert 'not calibrated' in covariance_words(plain)
    with pytest.raises(ConfigError, match='expected 0'):
        BuildSettings(calibration_images=-1)
