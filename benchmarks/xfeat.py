# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The published sparse XFeat stops at 150 keypoints; this raises the number in a copy of the file.

    python -m benchmarks.xfeat xfeat_layer1_150_sim.onnx WEIGHTS/xfeat/xfeat_sparse.onnx

The file is weights/xfeat_layer1_150_sim.onnx of github.com/Philfei/xfeat_onnx_export (XFeat, Potje et al., CVPR 2024;
Apache-2.0). Nothing but the end of the three slices after the sorting by score is changed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

PUBLISHED, KEYPOINTS = 150, 4096
# Keypoints along x, along y, and scores.
SLICES = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('published', type=Path)
    parser.add_argument('out', type=Path)
    given = parser.parse_args()
    model = onnx.load(given.published)
    ends = [node.input[2] for node in model.graph.node if node.op_type == 'Slice' and len(node.input) > 2]
    changed = 0
    for tensor in model.graph.initializer:
        if tensor.name in ends and numpy_helper.to_array(tensor).tolist() == [PUBLISHED]:
            tensor.CopyFrom(numpy_helper.from_array(np.array([KEYPOINTS], np.int64), tensor.name))
            changed += ends.count(tensor.name)
    if changed != SLICES:
        raise SystemExit(f'{given.published} has {changed} slices that end at {PUBLISHED}, expected {SLICES}')
    onnx.save(model, given.out)
    print(f'{given.out}: at most {KEYPOINTS} keypoints')


if __name__ == '__main__':
    main()
