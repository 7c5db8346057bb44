# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""neumap_ros: tells a robot where it is from its cameras and a map of a few megabytes.

The package also carries generated ROS 2 messages when it is built with colcon; extending the path lets the source
tree and the generated modules be imported under one name.
"""

import pkgutil

__path__ = pkgutil.extend_path(__path__, __name__)
