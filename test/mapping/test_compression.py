# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the builder thinks the robot will see is what the robot sees, and every byte is counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from neumap_ros.errors import ConfigError, MapError
from neumap_ros.features.basis import load_basis
from neumap_ros.localization.decoder import create_decoder
from neumap_ros.mapping.compression import CodeSettings, SceneCompressor, compress, track_descriptors
from neumap_ros.mapping.fit_dpqed import FitSettings
from neumap_ros.mapping.layout import account
from neumap_ros.maps.storage import open_map, write_map
from neumap_ros.models.codes import code_bytes

FIT = FitSettings(steps=5, batch=128)
CODES = {
    'full': CodeSettings('full'),
    'pq': CodeSettings('pq', 4, centroids=64),
    'dpqed': CodeSettings('dpqed', 4, hidden=16, fit=FIT),
    'universal': CodeSettings('dpqed', 8, scene_codebooks=False, hidden=0),
    'large codebooks': CodeSettings('dpqed', 4, scene_codebooks=False, hidden=8, centroids=4096, fit=FIT),
    'dequantiser': CodeSettings('dpqed', 8, scene_codebooks=False, hidden=8, fit=FIT),
}


@pytest.fixture(scope='module', params=CODES)
def compressed(request, street):
    return street.compressor.compress(CODES[request.param])


def test_the_robot_sees_what_the_builder_measured(street, compressed, tmp_path):
    table = create_decoder(street.write(tmp_path / 'map', compressed)).table
    points = street.tracks.points_P3
    assert len(table.points_P3) == len(points)
    cell = np.linalg.norm(points.max(axis=0) - points.min(axis=0)) / 2**street.BITS
    distance = np.linalg.norm(table.points_P3[:, None] - points[None], axis=2)
    origin = distance.argmin(axis=1)
    assert distance.min(axis=1).max() < max(cell, 1e-5)
    assert sorted(origin) == list(range(len(points)))
    assert table.descriptors_PC.numpy() == pytest.approx(compressed.restored_PC[origin].numpy(), abs=1e-6)
    if compressed.settings.kind != 'full':
        assert torch.linalg.norm(table.descriptors_PC, dim=1).numpy() == pytest.approx(1, abs=1e-5)


def test_every_byte_is_counted(street, compressed, tmp_path):
    street.write(tmp_path / 'map', compressed)
    parts = account(tmp_path / 'map')
    on_disk = sum(file.stat().st_size for file in (tmp_path / 'map').rglob('*') if file.is_file())
    assert sum(parts.values()) == on_disk
    assert parts['descriptor codes'] == compressed.bytes_per_point * len(street.tracks.points_P3)
    assert parts.get('codebooks', 0) + parts.get('dequantiser', 0) == compressed.shared_bytes
    kind, parts_of_code, centroids = (getattr(compressed.settings, key) for key in ('kind', 'parts', 'centroids'))
    assert compressed.bytes_per_point == (256 if kind == 'full' else code_bytes(parts_of_code, centroids))
    assert ('codebooks' in parts) == (kind == 'pq' or (kind == 'dpqed' and compressed.settings.scene_codebooks))
    assert ('dequantiser' in parts) == (kind == 'dpqed' and compressed.settings.hidden > 0)


def test_restored_descriptors_resemble_the_tracks(street, compressed):
    code = compressed.settings
    parts = code.parts if code.kind == 'dpqed' else None
    mean = track_descriptors(street.views, street.tracks, load_basis('rootsift'), parts).mean_PD
    own = (compressed.restored_PC * mean).sum(1)
    other = (compressed.restored_PC * mean.roll(1, 0)).sum(1)
    assert own.mean() > other.mean() + {'full': 0.2, 'pq': 0.02, 'dpqed': 0.2}[code.kind]


def test_the_same_seed_gives_the_same_bytes(street, compressed):
    runs = []
    for noise in (1, 2):
        torch.manual_seed(noise)  # nobody else's random numbers count
        compressor = SceneCompressor(street.views, street.tracks, load_basis('rootsift'), 0)
        runs.append(compressor.compress(compressed.settings))
    first, second = runs
    assert (first.codes == second.codes).all()
    for name, tensors in first.shared.items():
        for key, tensor in tensors.items():
            assert (second.shared[name][key] == tensor).all(), key


def test_a_compressor_remembers(street):
    code = CODES['universal']
    assert street.compressor.compress(code) is street.compressor.compress(replace(code))
    assert street.compressor.compress(code, frozenset([1])) is not street.compressor.compress(code)


def test_views_that_are_held_out_do_not_contribute(street):
    basis = load_basis('rootsift')
    everything = track_descriptors(street.views, street.tracks, basis, None)
    without = track_descriptors(street.views, street.tracks, basis, None, frozenset([3]))
    tracks = street.tracks
    mine = np.zeros(len(tracks.points_P3), bool)
    mine[tracks.point_O[tracks.view_O == 3]] = True
    differs = (everything.mean_PD != without.mean_PD).any(dim=1).numpy()
    assert (differs == mine).all()
    assert len(without.observations_OD) == (tracks.view_O != 3).sum()
    nobody = track_descriptors(street.views, tracks, basis, None, frozenset(range(len(street.views))))
    assert (nobody.mean_PD == everything.mean_PD).all(), 'seen nowhere else'


def test_unknown_codes_are_refused(street):
    basis = load_basis('rootsift')
    descriptors = track_descriptors(street.views, street.tracks, basis, None)
    with pytest.raises(ConfigError, match=r'codes of 3 numbers are not available, expected \[2, 4, 8, 16\]'):
        compress(descriptors, basis, CodeSettings('dpqed', 3), 0)
    with pytest.raises(ConfigError, match="no map kind 'zip', expected dpqed, pq or full"):
        compress(descriptors, basis, CodeSettings('zip'), 0)


@pytest.mark.parametrize('name', ['pq', 'dpqed'])
def test_another_basis_is_refused(street, tmp_path, name):
    code = CODES[name]
    manifest = street.manifest(code)
    manifest = replace(manifest, decoder={**manifest.decoder, 'basis_sha256': 'f' * 64})
    stored = street.write(tmp_path / 'map', street.compressor.compress(code), manifest)
    if name == 'pq':
        assert create_decoder(stored), 'codes of pq live in the space of the extractor and do not need the basis'
        return
    with pytest.raises(MapError, match=r'built with the basis ffffffffffff, this installation ships .*rebuild'):
        create_decoder(stored)


def damage(tensors, change):
    tensors = dict(tensors)
    name = next(n for n in tensors if n != 'xyz')
    match change:
        case 'missing':
            del tensors[name]
        case 'no xyz':
            del tensors['xyz']
        case 'dtype':
            tensors[name] = tensors[name].astype(np.int32)
        case 'xyz dtype':
            tensors['xyz'] = tensors['xyz'].astype(np.float64)
        case 'rows':
            tensors[name] = tensors[name][:-1]
        case 'columns':
            tensors[name] = np.ascontiguousarray(tensors[name][:, :-1])
    return tensors


@pytest.mark.parametrize('name', ['full', 'pq', 'dpqed'])
@pytest.mark.parametrize('change', ['missing', 'no xyz', 'dtype', 'xyz dtype', 'rows', 'columns'])
def test_shards_with_other_tensors_are_refused(street, tmp_path, name, change):
    stored = street.write(tmp_path / 'good', street.compressor.compress(CODES[name]))
    shared = {key: stored.load_shared(key) for key in stored.shared_names}
    shards = [(region, damage(stored.load_shard(region.id).tensors, change)) for region in stored.manifest.regions]
    write_map(tmp_path / 'map', replace(stored.manifest, regions=(), files=()), shared, shards)
    with pytest.raises(MapError, match=r'map.*expected') as caught:
        create_decoder(open_map(tmp_path / 'map'))
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('name', ['pq', 'dpqed', 'dequantiser'])
@pytest.mark.parametrize('change', ['other names', 'shape', 'parts'])
def test_shared_tensors_that_do_not_fit_are_refused(street, tmp_path, name, change):
    stored = street.write(tmp_path / 'good', street.compressor.compress(CODES[name]))
    (file,) = stored.shared_names
    tensors = stored.load_shared(file)
    manifest = replace(stored.manifest, regions=(), files=())
    shared = {file: tensors}
    if change == 'other names':
        shared = {file: {f'x{key}': tensor for key, tensor in tensors.items()}}
    elif change == 'shape':
        shared = {
            file: {key: np.ascontiguousarray(t[..., :-1]) if t.shape[-1] > 1 else t for key, t in tensors.items()}
        }
    else:
        manifest = replace(manifest, decoder={**manifest.decoder, 'parts': 3})
    shards = [(region, stored.load_shard(region.id).tensors) for region in stored.manifest.regions]
    write_map(tmp_path / 'map', manifest, shared, shards)
    with pytest.raises(MapError, match=r'map.*expected') as caught:
        create_decoder(open_map(tmp_path / 'map'))
    assert '\n' not in str(caught.value)


def test_a_map_of_pq_without_codebooks_is_refused(street, tmp_path):
    stored = street.write(tmp_path / 'good', street.compressor.compress(CODES['pq']))
    shards = [(region, stored.load_shard(region.id).tensors) for region in stored.manifest.regions]
    write_map(tmp_path / 'map', replace(stored.manifest, regions=(), files=()), {}, shards)
    with pytest.raises(MapError, match=r"map.*has no shared file 'codebooks'"):
        create_decoder(open_map(tmp_path / 'map'))


def test_codes_beyond_the_codebooks_are_refused(street, tmp_path):
    stored = street.write(tmp_path / 'good', street.compressor.compress(CodeSettings('pq', 4, centroids=200)))
    shards = []
    for region in stored.manifest.regions:
        tensors = stored.load_shard(region.id).tensors
        shards.append((region, {**tensors, 'codes': tensors['codes'] | np.uint8(0xFF)}))
    shared = {'codebooks': stored.load_shared('codebooks')}
    write_map(tmp_path / 'map', replace(stored.manifest, regions=(), files=()), shared, shards)
    with pytest.raises(MapError, match=r'map.*expected less than 200'):
        create_decoder(open_map(tmp_path / 'map'))


@pytest.mark.parametrize('key', ['parts', 'centroids', 'coordinate_bits', 'basis_sha256'])
def test_a_manifest_without_what_the_decoder_needs_is_refused(street, tmp_path, key):
    code = CODES['dpqed']
    manifest = street.manifest(code)
    manifest = replace(manifest, decoder={k: v for k, v in manifest.decoder.items() if k != key})
    stored = street.write(tmp_path / 'map', street.compressor.compress(code), manifest)
    with pytest.raises(MapError, match=f'map.*{key}.*expected'):
        create_decoder(stored)
