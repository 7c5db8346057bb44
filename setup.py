# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""For tools that look for a setup.py; everything stands in pyproject.toml.

pip installs the Python package from here; colcon builds messages and nodes with CMakeLists.txt.
"""

from setuptools import setup

setup()
