# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``neumap map build --calibration``."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize('value', ['many', '-1', '4.5', '', '٣'])
def test_a_number_of_images_that_is_none(refused, tmp_path, value):
    out = tmp_path / 'map'
    message = refused('map', 'build', '--dataset', tmp_path, '--out', out, f'--calibration={value}')
    assert f'--calibration is {value!r}, expected a number of images such as 40, or off' in message
    assert not out.exists()
