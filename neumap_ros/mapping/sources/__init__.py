# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where mapping images come from: one file per format, all giving an ImageSource."""
