# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Maps of which only some regions are in memory, and localizers that take over what another one has decoded."""

from __future__ import annotations

import dataclasses
import gc
import threading
import weakref

import numpy as np
import pytest
import torch

from neumap_ros.errors import MapError
from neumap_ros.features.basis import load_basis
from neumap_ros.localization import descriptor_maps, point_index
from neumap_ros.localization.fix import Fix, Reason
from neumap_ros.localization.localizer import Localizer, LocalizerSettings
from neumap_ros.localization.retrieval import retrieval_bytes
from neumap_ros.maps.coordinates import encode_points
from neumap_ros.maps.resident import ResidentMap, resident_map
from neumap_ros.maps.storage import StoredMap, open_map, write_map
from neumap_ros.maps.types import Manifest, Region
from neumap_ros.models.codes import pack_codes
from neumap_ros.models.dequantizer import Dequantizer
from neumap_ros.models.product_quantizer import ProductQuantizer
from neumap_ros.models.storage import pack_floats

REGIONS = ('r0', 'r1', 'r2', 'r3')
IN_VIEW = ('r0', 'r1')
PARTS, CENTROIDS, BITS = 16, 256, 12
# So that retrieval is asked before anything is compared.
BY_PLACE = LocalizerSettings(points_per_attempt=100, points_near_prior=300)


def write_dpqed(place, folder, changed: str = '', revision: int = 3) -> StoredMap:
    """The place as a D-PQED map with a dequantiser; optionally one region without its last point."""
    basis = load_basis('rootsift')
    generator = torch.Generator().manual_seed(0)
    dequantizer = Dequantizer(basis.size, 16, generator)
    with torch.no_grad():
        dequantizer.contract.weight.normal_(0, 0.01, generator=generator)
    manifest = Manifest(
        map_id='5f0c3a1e-9b1f-4a57-9a32-0a77a4b7f001',
        revision=revision,
        kind='dpqed',
        frame_id='map',
        created='2026-01-01T00:00:00Z',
        metric=True,
        extractor={'name': 'rootsift', 'version': 1, 'weights_sha256': '', 'descriptor_size': 128, 'global_size': 128},
        decoder={'basis_sha256': basis.sha256, 'parts': PARTS, 'centroids': CENTROIDS, 'coordinate_bits': BITS},
        regions=(),
        files=(),
    )
    quantizer = ProductQuantizer(torch.from_numpy(basis.codebooks[PARTS, CENTROIDS]))
    rotated = torch.from_numpy(basis.project(place.descriptors_PC)) @ torch.from_numpy(basis.rotations[PARTS])
    codes = quantizer.encode(rotated).numpy()
    shards = []
    for r, name in enumerate(REGIONS):
        mine = np.flatnonzero(place.region_P == r)[: -1 if name == changed else None]
        low, high = place.points_P3[mine].min(axis=0) - 0.01, place.points_P3[mine].max(axis=0) + 0.01
        low, high = np.floor(low * 100) / 100, np.ceil(high * 100) / 100
        order, packed = encode_points(place.points_P3[mine], BITS, low, high)
        tensors = {'xyz': packed, 'codes': pack_codes(codes[mine[order]], CENTROIDS)}
        shards.append((Region(name, tuple(low), tuple(high), len(mine), ''), tensors))
    write_map(folder, manifest, {'dpqed': pack_floats(dequantizer.state_dict())}, shards)
    return open_map(folder)


def in_memory(stored: StoredMap, regions=REGIONS, retrieval: bool = True) -> ResidentMap:
    shared = {f.path: stored.read_file(f.path) for f in stored.manifest.files if f.path.startswith('shared/')}
    paths = {region.id: region.shard for region in stored.manifest.regions}
    return resident_map(
        (stored.folder / 'manifest.json').read_bytes(),
        shared,
        {name: stored.read_file(paths[name]) for name in regions},
        retrieval_bytes(stored) if retrieval else None,
    )


@pytest.fixture(scope='module', params=['dpqed', 'full'])
def stored(request, place, tmp_path_factory):
    folder = tmp_path_factory.mktemp('maps') / request.param
    return place.write(folder) if request.param == 'full' else write_dpqed(place, folder)


@pytest.fixture
def decoded(monkeypatch):
    """Ids of the regions whose bytes were decoded."""
    ids: list[str] = []
    original = descriptor_maps._decode

    def decode(stored, region, reader):
        ids.append(region.id)
        return original(stored, region, reader)

    monkeypatch.setattr(descriptor_maps, '_decode', decode)
    return ids


def assert_same(first: Fix, second: Fix) -> None:
    """Bit for bit, all but the wall time."""
    assert (first.reason, first.evidence, first.confidence) == (second.reason, second.evidence, second.confidence)
    assert (first.regions, first.revision) == (second.regions, second.revision)
    assert (first.hypothesis is None) == (second.hypothesis is None)
    if first.hypothesis is not None:
        assert (first.hypothesis.matrix_44 == second.hypothesis.matrix_44).all()
        assert (first.inliers.points_C3 == second.inliers.points_C3).all()
    if first.accepted:
        assert (first.covariance_66 == second.covariance_66).all()


@pytest.mark.parametrize('settings', [LocalizerSettings(), BY_PLACE])
def test_a_whole_map_in_memory_gives_the_fixes_of_the_one_on_the_disk(stored, place, forward, backward, settings):
    from_disk, from_memory = Localizer(stored, settings), Localizer(in_memory(stored), settings)
    for seed, pose in enumerate((forward, backward, forward)):
        features, _ = place.see(pose, clutter=100 + 200 * seed, seed=seed)
        fix = from_disk.localize_features(features, place.camera)
        assert fix.accepted
        assert_same(fix, from_memory.localize_features(features, place.camera))
        assert from_disk.decoder.rank_regions(features) == from_memory.decoder.rank_regions(features)


def test_the_way_to_a_set_of_regions_does_not_matter(stored, place, forward, decoded):
    whole = in_memory(stored)
    direct = Localizer(whole.without_regions(['r2']), BY_PLACE)
    first = Localizer(whole.without_regions(['r0', 'r3']), BY_PLACE)
    decoded.clear()
    all_of_them = Localizer(whole, BY_PLACE, reuse=first)
    assert decoded == ['r0', 'r3'], 'only what was not there'
    decoded.clear()
    fewer = Localizer(whole.without_regions(['r2']), BY_PLACE, reuse=all_of_them)
    assert decoded == []
    mine, expected = fewer.decoder.table, direct.decoder.table
    assert (mine.points_P3 == expected.points_P3).all()
    assert (mine.descriptors_PC == expected.descriptors_PC).all()
    assert (mine.first_R1 == expected.first_R1).all()
    features, _ = place.see(forward)
    assert_same(fewer.localize_features(features, place.camera), direct.localize_features(features, place.camera))


def test_the_point_index_of_a_large_map_does_not_depend_on_the_way_either(place, tmp_path, forward, monkeypatch):
    monkeypatch.setattr('neumap_ros.localization.descriptor_decoder.EXHAUSTIVE_POINTS', 300)
    monkeypatch.setattr(point_index, 'COMPARED_POINTS', 400)
    whole = in_memory(write_dpqed(place, tmp_path / 'site'))
    direct = Localizer(whole)
    stepwise: Localizer | None = None
    for missing in (['r1', 'r2', 'r3'], ['r2', 'r3'], ['r0'], []):
        stepwise = Localizer(whole.without_regions(missing), reuse=stepwise)
    features, _ = place.see(forward)
    fix = direct.localize_features(features, place.camera)
    assert fix.accepted
    assert_same(fix, stepwise.localize_features(features, place.camera))


def test_a_new_revision_takes_over_what_did_not_change(place, tmp_path, forward, decoded):
    old = Localizer(write_dpqed(place, tmp_path / 'old'))
    stored = write_dpqed(place, tmp_path / 'new', changed='r3', revision=4)
    decoded.clear()
    new = Localizer(stored, reuse=old)
    assert decoded == ['r3']
    assert (new.manifest.revision, old.manifest.revision) == (4, 3)
    features, _ = place.see(forward)
    assert_same(
        new.localize_features(features, place.camera), Localizer(stored).localize_features(features, place.camera)
    )


def test_what_was_taken_over_keeps_nothing_else_alive(stored):
    whole = in_memory(stored)
    first = Localizer(whole.without_regions(['r0']))
    gone = [weakref.ref(first.decoder), weakref.ref(first.decoder.table)]
    second = Localizer(whole.without_regions(['r1']), reuse=first)
    assert not np.shares_memory(first.decoder.table.points_P3, second.decoder.table.points_P3)
    shared = first.decoder.table.descriptors_PC.untyped_storage(), second.decoder.table.descriptors_PC.untyped_storage()
    assert shared[0].data_ptr() != shared[1].data_ptr()
    del first
    gc.collect()
    assert [reference() for reference in gone] == [None, None]


def test_nothing_is_taken_over_from_a_map_with_other_models_or_boxes(place, tmp_path, decoded):
    stored = write_dpqed(place, tmp_path / 'old')
    old = Localizer(stored)
    content = [(r, stored.load_shard(r.id).tensors) for r in stored.manifest.regions]
    moved = [(dataclasses.replace(r, box_max_3=tuple(v + 1 for v in r.box_max_3)), t) for r, t in content]
    shared = stored.load_shared('dpqed')
    other = {**shared, 'expand.bias': shared['expand.bias'] + np.float16(0.5)}
    for name, files, shards in (('boxes', shared, moved), ('models', other, content)):
        write_map(tmp_path / name, stored.manifest, {'dpqed': files}, shards)
        decoded.clear()
        Localizer(open_map(tmp_path / name), reuse=old)
        assert decoded == list(REGIONS)
    decoded.clear()
    Localizer(place.write(tmp_path / 'full'), reuse=old)
    assert decoded == list(REGIONS)


def test_only_regions_in_memory_are_searched(stored, place, forward, backward):
    half = Localizer(in_memory(stored, IN_VIEW))
    features, _ = place.see(forward)
    fix = half.localize_features(features, place.camera)
    assert fix.accepted
    assert set(fix.regions) <= set(IN_VIEW)
    assert fix.T_map_cam.error_to(forward)[0] < 0.05
    features, _ = place.see(backward)
    fix = half.localize_features(features, place.camera)
    assert not fix.accepted
    assert set(fix.regions) <= set(IN_VIEW)


def test_regions_that_are_not_in_memory_are_ranked_and_wanted(stored, place, forward, backward):
    whole = Localizer(stored)
    for regions in ((), ('r2',), IN_VIEW):
        partial = Localizer(in_memory(stored, regions))
        for pose in (forward, backward):
            features, _ = place.see(pose)
            assert partial.decoder.rank_regions(features) == whole.decoder.rank_regions(features)
            assert [partial.decoder.points_in(r) > 0 for r in range(4)] == [name in regions for name in REGIONS]
            wanted = partial.localize_features(features, place.camera).wanted_regions
            assert wanted == tuple(
                REGIONS[r] for r in whole.decoder.rank_regions(features) if REGIONS[r] not in regions
            )
            in_view = IN_VIEW if pose is forward else REGIONS[2:]
            # Random descriptors lose much when they are quantised: the second one may come later.
            assert set(in_view) <= set(regions) or wanted[0] in in_view
            assert whole.localize_features(features, place.camera).wanted_regions == ()


def test_no_region_at_all(stored, place, forward):
    features, _ = place.see(forward)
    for retrieval in (True, False):
        fix = Localizer(in_memory(stored, (), retrieval)).localize_features(features, place.camera)
        assert fix.reason is Reason.NO_REGIONS
        assert fix.hypothesis is None


def test_the_visual_words_of_a_map(stored):
    data = retrieval_bytes(stored)
    assert data == retrieval_bytes(stored) == retrieval_bytes(in_memory(stored))
    assert len(data) < 4 * 1024 + 500
    with pytest.raises(MapError, match='is not in memory'):
        retrieval_bytes(in_memory(stored, IN_VIEW))


def test_visual_words_that_do_not_belong_are_refused(place, tmp_path, monkeypatch):
    stored, other = (write_dpqed(place, tmp_path / n, revision=i + 3) for i, n in enumerate('ab'))
    memory = in_memory(stored)
    data = memory.retrieval
    for bad, message in (
        (retrieval_bytes(other), 'belongs to another revision'),
        (data[:-1] + bytes([data[-1] ^ 1]), 'is damaged'),
        (data[:-5], 'not a safetensors file'),
        (b'', 'not a safetensors file'),
    ):
        with pytest.raises(MapError, match=f'the retrieval data of map .* {message}'):
            Localizer(dataclasses.replace(memory, retrieval=bad))
    monkeypatch.setattr(descriptor_maps.DescriptorKind, 'vocabulary_sha256', lambda self, stored: '0' * 64)
    with pytest.raises(MapError, match='install the same version of neumap_ros on both machines'):
        Localizer(dataclasses.replace(memory, retrieval=retrieval_bytes(stored)))


def test_localizers_are_built_while_another_one_works(stored, place, forward):
    """Settings of the process, models and what is taken over: nothing that the one at work would notice."""
    whole = in_memory(stored)
    working = Localizer(whole)
    features, _ = place.see(forward)
    expected = working.localize_features(features, place.camera)
    stop, errors = threading.Event(), []

    def build() -> None:
        try:
            latest = working
            while not stop.is_set():
                for missing in (['r2'], ['r0', 'r3'], []):
                    latest = Localizer(whole.without_regions(missing), reuse=latest)
                assert_same(expected, latest.localize_features(features, place.camera))
        except BaseException as error:
            errors.append(error)

    builders = [threading.Thread(target=build) for _ in range(2)]
    for builder in builders:
        builder.start()
    try:
        for _ in range(25):
            assert_same(expected, working.localize_features(features, place.camera))
    finally:
        stop.set()
        for builder in builders:
            builder.join()
    assert not errors
    assert torch.get_num_threads() == 1
