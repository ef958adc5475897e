"""Compiled XOR kernels.

A single query masks every row instead of skipping half of them: branches on random
bits cost more than reading.  A batch uses the method of the four Russians on groups of
four rows: the 16 sums of a group are formed once, each query looks its own up.  Eight
groups share one pass over the accumulators.  With strips of one cache line the sums
(8 kB) and the accumulators of 256 queries (16 kB) stay in the first-level cache; 8-bit
groups would need fewer look-ups and miss it.
"""

import numpy as np
from numba import njit

BLOCK = 8  # groups


@njit(cache=True, nogil=True)
def select_one(words, bits, out):  # (B, L, W) u64, (B, L / 8) u8, (B, W) u64
    buckets, length, width = words.shape
    zero, one = np.uint64(0), np.uint64(1)
    for b in range(buckets):
        rows, sums = words[b], out[b]
        for g in range(length // 8):
            v = np.uint64(bits[b, g])
            r = 8 * g
            m0 = zero - (v & one)
            m1 = zero - ((v >> np.uint64(1)) & one)
            m2 = zero - ((v >> np.uint64(2)) & one)
            m3 = zero - ((v >> np.uint64(3)) & one)
            m4 = zero - ((v >> np.uint64(4)) & one)
            m5 = zero - ((v >> np.uint64(5)) & one)
            m6 = zero - ((v >> np.uint64(6)) & one)
            m7 = zero - ((v >> np.uint64(7)) & one)
            for w in range(width):
                sums[w] ^= (
                    (rows[r, w] & m0)
                    ^ (rows[r + 1, w] & m1)
                    ^ (rows[r + 2, w] & m2)
                    ^ (rows[r + 3, w] & m3)
                    ^ (rows[r + 4, w] & m4)
                    ^ (rows[r + 5, w] & m5)
                    ^ (rows[r + 6, w] & m6)
                    ^ (rows[r + 7, w] & m7)
                )


@njit(cache=True, nogil=True)
def four_sums(rows, r, s, sums):  # (L, W), row, word, (16, 8): the sums of 4 rows
    for w in range(8):
        a, b = rows[r, s + w], rows[r + 1, s + w]
        c, d = rows[r + 2, s + w], rows[r + 3, s + w]
        ab, cd = a ^ b, c ^ d
        sums[0, w] = 0
        sums[1, w] = a
        sums[2, w] = b
        sums[3, w] = ab
        sums[4, w] = c
        sums[5, w] = c ^ a
        sums[6, w] = c ^ b
        sums[7, w] = c ^ ab
        sums[8, w] = d
        sums[9, w] = d ^ a
        sums[10, w] = d ^ b
        sums[11, w] = d ^ ab
        sums[12, w] = cd
        sums[13, w] = cd ^ a
        sums[14, w] = cd ^ b
        sums[15, w] = cd ^ ab


@njit(cache=True, nogil=True)
def add_sums(sums, masks, total):  # (8, 16, 8), (m,) u32, (m, 8)
    for q in range(masks.size):
        v = masks[q]
        i0, i1, i2, i3 = v & 15, (v >> 4) & 15, (v >> 8) & 15, (v >> 12) & 15
        i4, i5, i6, i7 = (v >> 16) & 15, (v >> 20) & 15, (v >> 24) & 15, (v >> 28) & 15
        for w in range(8):
            total[q, w] ^= (
                sums[0, i0, w]
                ^ sums[1, i1, w]
                ^ sums[2, i2, w]
                ^ sums[3, i3, w]
                ^ sums[4, i4, w]
                ^ sums[5, i5, w]
                ^ sums[6, i6, w]
                ^ sums[7, i7, w]
            )


@njit(cache=True, nogil=True)
def select_batch(rows, masks, sums, total, out):
    # (L, W), (L / 32, m) u32, scratch (8, 16, 8) and (m, 8), (m, W)
    length, width = rows.shape
    groups = length // 32
    # A few groups at a time: whole buckets strip by strip would leave the memory pages
    # of wide rows too quickly for prefetching.
    for start in range(0, groups, BLOCK):
        for s in range(0, width, 8):
            total[:] = out[:, s : s + 8]
            for g in range(start, min(start + BLOCK, groups)):
                for t in range(8):
                    four_sums(rows, 32 * g + 4 * t, s, sums[t])
                add_sums(sums, masks[g], total)
            out[:, s : s + 8] = total
