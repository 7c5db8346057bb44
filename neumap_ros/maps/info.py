# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a map is and where its bytes go, as values and as tables for the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Group
from rich.markup import escape
from rich.table import Table

from neumap_ros.maps.manifest import MANIFEST_NAME
from neumap_ros.maps.storage import open_map
from neumap_ros.maps.types import Manifest


@dataclass(frozen=True)
class MapInfo:
    """What ``neumap info`` shows.

    Attributes:
        manifest: as on the disk.
        manifest_sha256: name of the revision, hex.
        file_bytes: size of every file by path, the manifest first.
        part_bytes: bytes per part as the builder counted them, empty if it did not.
        total_bytes: every byte on disk.
        points: points of all regions together; a point in the overlap of two regions counts twice.
        descriptor_bytes: what the literature counts (descriptor codes only), None if the builder did not say.
    """

    manifest: Manifest
    manifest_sha256: str
    file_bytes: dict[str, int]
    part_bytes: dict[str, int]
    total_bytes: int
    points: int
    descriptor_bytes: int | None

    @property
    def bytes_per_point(self) -> float | None:
        """All bytes divided by all points, None without points."""
        return self.total_bytes / self.points if self.points else None


def map_info(folder: Path) -> MapInfo:
    """Collect what is known of a map without loading its tensors.

    Args:
        folder: the map folder.

    Raises:
        MapError: as :func:`neumap_ros.maps.storage.open_map`.
    """
    stored = open_map(folder)
    build = stored.manifest.build
    parts = build.get('bytes_per_part')
    descriptor_bytes = build.get('descriptor_bytes')
    return MapInfo(
        manifest=stored.manifest,
        manifest_sha256=stored.manifest_sha256,
        file_bytes={MANIFEST_NAME: stored.manifest_bytes, **{file.path: file.bytes for file in stored.manifest.files}},
        part_bytes={k: v for k, v in parts.items() if isinstance(v, int)} if isinstance(parts, dict) else {},
        total_bytes=stored.total_bytes,
        points=sum(region.points for region in stored.manifest.regions),
        descriptor_bytes=descriptor_bytes if isinstance(descriptor_bytes, int) else None,
    )


def info_tables(info: MapInfo) -> Group:
    """Make the tables of a map: what it is, its regions, its files, its parts."""
    tables = [_summary(info), _regions(info), _sizes('files', info.file_bytes, info.total_bytes)]
    if info.part_bytes:
        tables.append(_sizes('parts', info.part_bytes, info.total_bytes))
    return Group(*tables)


def _summary(info: MapInfo) -> Table:
    manifest = info.manifest
    extractor = ' '.join(f'{key}={value}' for key, value in manifest.extractor.items() if value != '')
    per_point = info.bytes_per_point
    rows = {
        'map': manifest.map_id,
        'revision': str(manifest.revision),
        'sha256': info.manifest_sha256,
        'kind': manifest.kind,
        'frame': f'{manifest.frame_id} ({"metres" if manifest.metric else "arbitrary scale"})',
        'created': manifest.created,
        'extractor': extractor,
        'regions': f'{len(manifest.regions)} with {info.points:,} points',
        'size': f'{info.total_bytes:,} bytes, every byte on disk',
        'bytes per point': 'no points' if per_point is None else f'{per_point:.2f}',
    }
    rows['covariance'] = covariance_words(manifest)
    if info.descriptor_bytes is not None:
        rows["size in the literature's convention"] = f'{info.descriptor_bytes:,} bytes, descriptor codes only'
    if manifest.notes:
        rows['notes'] = manifest.notes
    table = Table(show_header=False, box=None)
    table.add_column(style='bold')
    table.add_column(overflow='fold')
    for key, value in rows.items():
        table.add_row(key, escape(value))
    return table


def covariance_words(manifest: Manifest) -> str:
    """How the covariances of a map come about; whoever localizes checks the numbers."""
    stored = manifest.build.get('covariance')
    if not isinstance(stored, dict):
        return 'not calibrated: pixel noise times a constant'
    if not stored.get('images'):
        return 'as other maps showed; too few images could be held out'
    parts = [f'calibrated on {stored["images"]} held-out images']
    within = stored.get('within')
    if isinstance(within, list) and all(isinstance(share, (int, float)) for share in within):
        shares = ', '.join(f'{100 * share:.0f} %' for share in within)
        parts.append(f'{shares} of them within 1, 2, 3 standard deviations')
    return '; '.join([*parts, f'noise {stored.get("noise")}, shared {stored.get("shared")}'])


def _regions(info: MapInfo) -> Table:
    table = Table(title='regions', title_justify='left')
    for header in ('id', 'points', 'bytes', 'box min', 'box max'):
        table.add_column(header, justify='right' if header in ('points', 'bytes') else 'left')
    for region in info.manifest.regions:
        corners = (' '.join(f'{value:.2f}' for value in corner) for corner in (region.box_min_3, region.box_max_3))
        table.add_row(region.id, f'{region.points:,}', f'{info.file_bytes[region.shard]:,}', *corners)
    return table


def _sizes(title: str, sizes: dict[str, int], total: int) -> Table:
    table = Table(title=title, title_justify='left')
    table.add_column(title[:-1])
    table.add_column('bytes', justify='right')
    table.add_column('share', justify='right')
    for name, size in sizes.items():
        table.add_row(escape(name), f'{size:,}', f'{size / total:.1%}')
    return table
