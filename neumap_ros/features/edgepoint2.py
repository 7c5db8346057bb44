# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""EdgePoint2 with its published weights, which the user brings: they are MIT-licensed and do not ship here."""

from __future__ import annotations

import io
import logging
import pickle
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from neumap_ros.errors import ConfigError
from neumap_ros.features.base import ExtractorInfo, Features, register_extractor, to_gray
from neumap_ros.features.detection import peaks, sample, strongest, sub_cell
from neumap_ros.features.edgepoint2_net import MULTIPLE, STRIDE_OF_DESCRIPTORS, EdgePoint2Net, Widths, fuse
from neumap_ros.features.generic_basis import GLOBAL_SIZE
from neumap_ros.features.network_features import assemble, choose_device
from neumap_ros.features.network_image import enlarge_and_fit
from neumap_ros.features.weights import HOW_TO_GIVE, basis_of, read_weights

logger = logging.getLogger(__name__)

VERSION = 1
SOURCE = 'the folder weights/ of github.com/HITCSC/EdgePoint2 (MIT licence)'
# sha256 of the published files; the letter is the size, the number that of a descriptor.
PUBLISHED = {
    'c88b76d2b05cb19de7314a108042d05688424d9a9a3abed97c778078e676cfdc': 'T32',
    '6871142455b685674704046b8a0a4aa26248eacd86d4b7cc30b790b9eeda7779': 'T48',
    '92b9099f8e0c066b988be95fb537d7904b9cf4a2e4f860f073ea3c407905dcde': 'S32',
    '44ac8bee2a0a94335af3b043187a995c6d5b3ef2acad6a0de69e1a1aa2db75aa': 'S48',
    'a2c7737a85844921a0fded7225cf48c5f596b7eff130abc8711ee5ae5017f097': 'S64',
    'e2f4f870b19145502d2dabc7ea14063d77c5ee529f97e858935386f6ca3c0821': 'M32',
    '3a92fc9a745b92368fc391983fb566d5c9239f25e77b95c7c4df872e411ff8d7': 'M48',
    'eaa1939ef34f26229182cc99a9ce91fbc1d787cd9eddf5d26263626ba1ad8dc6': 'M64',
    '8bd270c75694d2c1fa85bb2c98d29528e048ff373a96cc1c194315e100fd66b0': 'L32',
    'a31f82b11c3c8354cb20e018ec03a68ed482c4b980b8f173f604e3279d8254d7': 'L48',
    'df0bef95b51d02f2e29e01ccf2a1e45630a50af20593dba362d7d88e104e223f': 'L64',
    'e93ff3a5bd9f331384dfc776bc47ff78887c8569454726c27078db825df72c1f': 'E32',
    '9c411c2f5ee20a46a9d32b04e40411e625c1f3438f97a9df3de06ce5c0ec38a9': 'E48',
    '968d0bfae2c3f89a11092750160c90862b2b9c5b022e9aef12f97376b61cbdfe': 'E64',
}

# Of the published demo: peaks in squares of 5 x 5 with a logit above -5, not in the outermost 4 pixels.
PEAK_RADIUS, SMALLEST_SCORE, BORDER_PX = 2, -5.0, 4
# Radius of what a keypoint shows, in pixels: the finest stage sees about this much.
PATCH_RADIUS_PX = 4.0
# Of PyTorch's instance norm, with which the network was trained; added to the variance of grey values from 0 to 1.
NORM_EPSILON = 1e-5


@register_extractor('edgepoint2')
class EdgePoint2:
    """EdgePoint2; keypoints are refined between pixels, which the published code does not do.

    Args:
        path: one of the published files.
        with_global: unused; every extractor has this switch.
        subpixel: refine the keypoints between pixels.
        device: ``auto`` (CUDA where there is a usable GPU), ``cpu`` or ``cuda``.
        usual_pixels: enlarge smaller images to about so many, at most twofold; 0: no.

    Raises:
        ConfigError: no file, or none of the published ones.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        with_global: bool = True,
        subpixel: bool = True,
        device: str = 'auto',
        usual_pixels: int = 0,
    ) -> None:
        del with_global
        if not path:
            raise ConfigError(
                f'the extractor edgepoint2 needs a file of weights; take one from {SOURCE} and {HOW_TO_GIVE}'
            )
        data, digest = read_weights(path, 'the extractor edgepoint2')
        if digest not in PUBLISHED:
            known = ', '.join(sorted(f'{name} {sha256[:8]}' for sha256, name in PUBLISHED.items()))
            raise ConfigError(
                f'{path} has the sha256 {digest[:12]}, expected one of the published weights of EdgePoint2 ({known}); '
                f'take one from {SOURCE}'
            )
        self.variant = PUBLISHED[digest]
        self.licence = 'MIT'
        self._subpixel, self._usual_pixels = subpixel, usual_pixels
        self._device = choose_device(device)
        self.network = _load(data, path).to(self._device)
        self.parameters = sum(p.numel() for p in self.network.parameters())
        size = int(self.variant[1:])
        self.info = ExtractorInfo('edgepoint2', VERSION, digest, size, GLOBAL_SIZE)
        self._basis = basis_of(self.info)

    @torch.inference_mode()
    def extract(self, image: NDArray[np.uint8], max_keypoints: int) -> Features:
        """See :class:`neumap_ros.features.base.Extractor`. An image without texture gives zero keypoints."""
        gray = to_gray(image)
        given = enlarge_and_fit(gray, MULTIPLE, self._usual_pixels)
        width, height = given.content
        content = given.image[:height, :width]
        size = (gray.shape[1], gray.shape[0])
        if min(width, height) <= 2 * BORDER_PX or content.min() == content.max():
            return assemble(self.info, self._basis, size, None)
        # By what was given alone: the padding repeats the border.
        deviation = (float(content.var()) / 255**2 + NORM_EPSILON) ** 0.5
        normed = ((given.image / 255 - content.mean() / 255) / deviation).astype(np.float32)
        try:
            found = self._run(normed, given.content, max_keypoints)
        except torch.cuda.OutOfMemoryError:
            logger.warning('the GPU has no memory left for the extractor edgepoint2, it goes on on the CPU')
            self._device = 'cpu'
            self.network.to('cpu')
            found = self._run(normed, given.content, max_keypoints)
        keypoints, descriptors_ND, scores_N = (t.cpu().numpy() for t in found)
        keep = np.isfinite(scores_N)
        return assemble(
            self.info,
            self._basis,
            size,
            given.to_given(keypoints[keep]),
            descriptors_ND[keep],
            scores_N[keep],
            np.full(int(keep.sum()), PATCH_RADIUS_PX / min(given.scale), np.float32),
        )

    def _run(self, normed_HW: NDArray[np.float32], content: tuple[int, int], count: int) -> tuple[torch.Tensor, ...]:
        scores, descriptors = self.network(torch.from_numpy(normed_HW).to(self._device)[None, None])
        return detect(scores[0, 0], descriptors[0], content, count, self._subpixel)

    def exportable(self, max_keypoints: int) -> nn.Module:
        """The whole extractor as a network for ``neumap export extractor``.

        Args:
            max_keypoints: it always gives so many rows.

        Returns:
            Grey image (1, 1, H, W) from 0 to 1 -> keypoints (N, 2), descriptors (N, D), scores (N,), -inf where there
            are fewer keypoints.
        """
        return _Exportable(self.network, max_keypoints, self._subpixel)


def detect(
    score_HW: torch.Tensor, descriptors_DHW: torch.Tensor, content: tuple[int, int], count: int, subpixel: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Dense outputs -> keypoints (N, 2), descriptors (N, D), scores (N,), best first, -inf where there are too few.

    Args:
        score_HW: logits.
        descriptors_DHW: at stride 4.
        content: (width, height) that is not padding.
        count: keypoints.
        subpixel: refine them between pixels.
    """
    width, height = content
    best_HW = peaks(score_HW[:height, :width], PEAK_RADIUS, BORDER_PX)
    scores_N, cells_N2 = strongest(best_HW, min(count, width * height))
    scores_N = torch.where(scores_N > SMALLEST_SCORE, scores_N, torch.full_like(scores_N, -torch.inf))
    pixels_N2 = cells_N2.to(score_HW.dtype) + 0.5
    descriptors_ND = sample(descriptors_DHW, pixels_N2 / STRIDE_OF_DESCRIPTORS)
    return sub_cell(score_HW, cells_N2) if subpixel else pixels_N2, descriptors_ND, scores_N


class _Exportable(nn.Module):
    def __init__(self, network: EdgePoint2Net, max_keypoints: int, subpixel: bool) -> None:
        super().__init__()
        self.network, self.max_keypoints, self.subpixel = network, max_keypoints, subpixel

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        mean = image.mean()
        deviation = (((image - mean) ** 2).mean() + NORM_EPSILON).sqrt()
        scores, descriptors = self.network((image - mean) / deviation)
        content = (scores.shape[3], scores.shape[2])
        return detect(scores[0, 0], descriptors[0], content, self.max_keypoints, self.subpixel)


def _load(data: bytes, path: str | Path) -> EdgePoint2Net:
    """The network of a published file, which was recognised by its digest.

    Raises:
        ConfigError: this PyTorch cannot read it.
    """
    try:
        weights = torch.load(io.BytesIO(data), map_location='cpu', weights_only=True)
        network = EdgePoint2Net(Widths.of_weights(weights))
        network.load_state_dict(weights)
    except (RuntimeError, KeyError, pickle.UnpicklingError) as error:
        raise ConfigError(
            f'the weights {path} cannot be read by PyTorch {torch.__version__} ({error}); update PyTorch'
        ) from None
    return fuse(network)
