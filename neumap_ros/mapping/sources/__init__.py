# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where mapping images come from: one file per format, all giving an :class:`ImageSource`."""

from neumap_ros.mapping.sources.base import ImageSource, PosedImage, thin
from neumap_ros.mapping.sources.colmap import open_colmap
from neumap_ros.mapping.sources.files import read_camera_yaml
from neumap_ros.mapping.sources.poses_json import open_poses_json
from neumap_ros.mapping.sources.rosbag import open_bag
from neumap_ros.mapping.sources.transforms import open_transforms
from neumap_ros.mapping.sources.tum import open_tum
from neumap_ros.mapping.sources.unposed import reconstruct_images

__all__ = [
    'ImageSource',
    'PosedImage',
    'open_bag',
    'open_colmap',
    'open_poses_json',
    'open_transforms',
    'open_tum',
    'read_camera_yaml',
    'reconstruct_images',
    'thin',
]
