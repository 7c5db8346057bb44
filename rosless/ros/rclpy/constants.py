# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Constants that several modules share."""

S_TO_NS = 1000 * 1000 * 1000
