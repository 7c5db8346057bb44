# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from neumap_ros.mapping import layout as layout_module
from neumap_ros.mapping.compression import CodeSettings
from neumap_ros.mapping.layout import COORDINATE_BITS, MAX_COORDINATE_ERROR_PX, choose_bits, estimate_bytes, lay_out
from neumap_ros.mapping.selection import rank_points
from neumap_ros.maps.coordinates import decode_points, encode_points
from neumap_ros.maps.manifest import manifest_to_bytes, rounded_box

CODE = CodeSettings('dpqed', 4, scene_codebooks=False, hidden=0)


@pytest.fixture(autouse=True)
def _small_regions(monkeypatch):
    monkeypatch.setattr(layout_module, 'MAX_REGION_POINTS', 1500)


def test_every_chosen_point_lies_in_one_region(long_street):
    chosen = rank_points(long_street.views, long_street.tracks)[:4000]
    layout = lay_out(long_street.tracks.points_P3, chosen, 12)
    assert len(layout.regions) > 2
    assert sorted(np.concatenate([r.core_N for r in layout.regions])) == sorted(chosen)
    for region in layout.regions:
        points = long_street.tracks.points_P3[region.core_N]
        assert ((points >= region.box_min_3) & (points <= region.box_max_3)).all()


def rounding_error_px(street, chosen, bits) -> float:
    """Root mean square of how far rounding moves the projections, at an image width of 640."""
    tracks = street.tracks
    restored = np.full_like(tracks.points_P3, np.nan)
    for region in lay_out(tracks.points_P3, chosen, bits).regions:
        box = rounded_box(region.box_min_3, region.box_max_3)
        order, packed = encode_points(tracks.points_P3[region.core_N], bits, *box)
        restored[region.core_N[order]] = decode_points(packed, len(order), bits, *box)
    squares = []
    for v, view in enumerate(street.views):
        seen = tracks.point_O[tracks.view_O == v]
        seen = seen[np.isin(seen, chosen)]
        before, after = (
            view.camera.project(view.T_map_cam.inverse().transform(points[seen]))[0]
            for points in (tracks.points_P3, restored)
        )
        squares.append(np.sum((before - after) ** 2, axis=1) * (640 / view.camera.width) ** 2)
    return float(np.sqrt(np.mean(np.concatenate(squares))))


@pytest.mark.parametrize('limit_px', [0.1, MAX_COORDINATE_ERROR_PX, 1.0])
def test_rounding_is_not_seen_and_no_bit_is_wasted(long_street, monkeypatch, limit_px):
    monkeypatch.setattr(layout_module, 'MAX_COORDINATE_ERROR_PX', limit_px)
    chosen = np.arange(len(long_street.tracks.points_P3))
    bits = choose_bits(long_street.views, long_street.tracks, chosen)
    assert rounding_error_px(long_street, chosen, bits) < 1.1 * limit_px
    assert bits == COORDINATE_BITS[0] or rounding_error_px(long_street, chosen, bits - 1) > 0.5 * limit_px


def test_a_demand_that_no_bits_meet_gets_the_most(long_street, monkeypatch):
    monkeypatch.setattr(layout_module, 'MAX_COORDINATE_ERROR_PX', 1e-9)
    assert choose_bits(long_street.views, long_street.tracks, np.arange(500)) == COORDINATE_BITS[-1]


@pytest.mark.parametrize(
    'code',
    [CODE, CodeSettings('pq', 8, centroids=64), CodeSettings('full')],
    ids=lambda code: code.kind,
)
@pytest.mark.parametrize('count', [400, 4000])
def test_the_estimate_is_the_size_of_the_folder(long_street, tmp_path, code, count):
    compressed = long_street.compressor.compress(code)
    chosen = rank_points(long_street.views, long_street.tracks, 1)[:count]
    bits = 0 if code.kind == 'full' else long_street.BITS
    estimate = estimate_bytes(
        long_street.tracks,
        compressed,
        lay_out(long_street.tracks.points_P3, chosen, bits),
        len(manifest_to_bytes(long_street.manifest(code))),
    )
    stored = long_street.write(tmp_path / 'map', compressed, chosen=chosen)
    assert estimate == stored.total_bytes
