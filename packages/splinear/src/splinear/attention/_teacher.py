"""The softmax attention that a linearised model came from, and a seat beside it."""

from contextlib import contextmanager

import torch
from torch.nn.functional import scaled_dot_product_attention


def teacher(query, key, value, valid, scaling):
    """Causal softmax attention (B, h, T, d_v); padded keys are seen by no one."""
    repeats = query.shape[1] // key.shape[1]
    key, value = (t.repeat_interleave(repeats, 1) for t in (key, value))
    if valid is None:
        return scaled_dot_product_attention(
            query, key, value, is_causal=True, scale=scaling
        )
    length = key.shape[2]
    causal = torch.ones(length, length, dtype=torch.bool, device=key.device).tril()
    alone = torch.eye(length, dtype=torch.bool, device=key.device)
    # A padded query looks at itself: a row that sees nothing would be 0 / 0.
    mask = causal & (valid[:, None, None, :] | alone)
    return scaled_dot_product_attention(query, key, value, mask, scale=scaling)


@contextmanager
def recording(model, recorder):
    """Let `recorder` answer for every attention of `model`."""
    from splinear.attention.families import lola_heads

    for heads in lola_heads(model):
        heads.recorder = recorder
    try:
        yield
    finally:
        for heads in lola_heads(model):
            heads.recorder = None
