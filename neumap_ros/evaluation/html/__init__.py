# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs as one page of HTML: what a robotics team has to know before it trusts a localizer."""
