"""The compiled kernel, behind the extra `fast`."""

import numpy as np

from private_presence.pir._xor_kernels import select_batch, select_one
from private_presence.pir.kernels import GROUP, STRIP, Kernel
from private_presence.pir.table import aligned_zeros

_FEW = 4  # queries up to which one pass per query is faster (measured)
_TABLES = GROUP // 4


class FastKernel(Kernel):
    """numba: masks for few queries, four Russians with 16-entry tables for batches."""

    name = "fast"

    def _select(self, words, bits, out):
        if len(bits) <= _FEW:
            for query in range(len(bits)):
                select_one(words, bits[query], out[query])
            return
        # (B, L' / 32, m): the batch of one group lies together.
        masks = bits.transpose(1, 0, 2).view(np.uint32).transpose(0, 2, 1)
        sums = aligned_zeros((_TABLES, 16, STRIP * 8)).view(np.uint64)
        total = aligned_zeros((len(bits), STRIP * 8)).view(np.uint64)
        for bucket in range(words.shape[0]):
            mask = np.ascontiguousarray(masks[bucket])
            select_batch(words[bucket], mask, sums, total, out[:, bucket])
