# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""For tests of nodes: ``pytest -p rosless.pytest_plugin`` activates rosless before tests are collected."""

import rosless

rosless.activate()
