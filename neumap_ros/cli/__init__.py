# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The ``neumap`` command: argument parsing only. Heavy imports stand inside the commands, so that --help is quick."""

from neumap_ros.cli.root import app, main

__all__ = ['app', 'main']
