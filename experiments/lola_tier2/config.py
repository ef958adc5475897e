"""What is asked: seeds, kinds of keys and filler, budgets, numbers of pairs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """One run; its content hash names the folder of results."""

    seeds: tuple[int, ...] = (0, 1, 2)
    # "free": a Llama. "equal": the same with every key normalised, so that positions of
    # values have the key norm of filler.
    keys: tuple[str, ...] = ("free", "equal")
    fillers: tuple[int, ...] = (1, 16)
    # (sparse cache, pairs) at a window of 16; all scores at each.
    cells: tuple[tuple[int, int], ...] = (
        (32, 16),
        (8, 16),
        (16, 16),
        (64, 16),
        (32, 8),
        (32, 32),
    )
    window: int = 16
    rows: int = 32
    transfer_steps: int = 200
    # Length, most pairs, queries and rows of the last stage of training.
    last: tuple[int, int, int, int] = (256, 16, 24, 16)


CONFIGS = {
    "full": Config(),
    "small": Config(
        seeds=(0,),
        keys=("free",),
        fillers=(16,),
        cells=((6, 4),),
        window=3,
        rows=32,
        transfer_steps=30,
        last=(24, 4, 12, 32),
    ),
}
