# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The real photographs that benchmarks run on; see the README of the data folder for what they are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from neumap_ros.errors import SourceError
from neumap_ros.mapping.sources import ImageSource, open_poses_json


@dataclass(frozen=True)
class DataSet:
    """One set of posed photographs with a split.

    Attributes:
        name: of the table's row.
        folder: below ``posed/``.
        split: file that names mapping and query images.
        place: sets of one place do not count as different when wrong acceptances are counted.
        metric: whether its unit is the metre.
    """

    name: str
    folder: str
    split: str
    place: str
    metric: bool

    def open(self, part: str) -> ImageSource:
        """The ``map`` or ``query`` images."""
        source = open_poses_json(data_root() / 'posed' / self.folder, part, self.split)
        source.metric = self.metric
        return source


DATA_SETS = (
    DataSet('fox', 'fox', 'split.json', 'fox', False),
    DataSet('fountain', 'strecha_fountain-P11', 'split.json', 'strecha', True),
    DataSet('herz-jesus', 'strecha_Herz-Jesus-P25', 'split.json', 'strecha', True),
    DataSet('kitti', 'kitti_seq1', 'split.json', 'kitti', True),
    DataSet('hololens', 'hololens000', 'split.json', 'hololens', True),
    DataSet('hololens-revisit', 'hololens000', 'split_revisit.json', 'hololens', True),
    DataSet('redkitchen', 'redkitchen_tsdf', 'split.json', 'redkitchen', True),
)


def data_root() -> Path:
    """The folder of photographs: ``NEUMAP_DATA``, by default ``shared/data`` beside the checkout.

    Raises:
        SourceError: it is not there.
    """
    root = Path(os.environ.get('NEUMAP_DATA', Path(__file__).resolve().parents[2] / 'shared' / 'data'))
    if not (root / 'posed').is_dir():
        raise SourceError(f'{root} has no folder posed, expected the photographs; set NEUMAP_DATA to their folder')
    return root


def by_name(names: str | None) -> list[DataSet]:
    """The sets of a comma-separated list, or all.

    Raises:
        SourceError: an unknown name.
    """
    if not names:
        return list(DATA_SETS)
    known = {data_set.name: data_set for data_set in DATA_SETS}
    unknown = [name for name in names.split(',') if name not in known]
    if unknown:
        raise SourceError(f'there is no data set {unknown[0]!r}, expected some of {", ".join(known)}')
    return [known[name] for name in names.split(',')]
