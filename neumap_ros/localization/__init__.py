# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Image + map -> pose; one module per stage, map kinds found by name through :func:`decoder.create_decoder`."""

from neumap_ros.localization import descriptor_maps as _descriptor_maps  # noqa: F401  (registers its kinds)
