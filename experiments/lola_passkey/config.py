"""What is asked: lengths, depths and kinds of haystack, one budget, which arms."""

from dataclasses import dataclass

from splinear.attention.evaluation.passkey_model import CURRICULUM


@dataclass(frozen=True)
class Config:
    """One run; its content hash names the folder of results."""

    lengths: tuple[int, ...] = (512, 1024, 2048)
    depths: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    kinds: tuple[str, ...] = ("noise", "text")
    rows: int = 20  # per length, depth and kind
    window: int = 32
    cache: int = 32
    chunk: int = 16
    scores: tuple[str, ...] = (
        "random",
        "key_norm",
        "self_recall_error",
        "salient_recall_error",
    )
    # Length, rows, accuracy that ends the stage, most steps, factor of the rate.
    curriculum: tuple[tuple[int, int, float, int, float], ...] = CURRICULUM
    n_layers: int = 3
    n_digits: int | None = None
    transfer_length: int = 512
    transfer_rows: int = 6
    transfer_steps: int = 120
    seed: int = 0


CONFIGS = {
    "full": Config(),
    "small": Config(
        lengths=(64,),
        depths=(0.0,),
        kinds=("noise",),
        rows=32,
        window=4,
        cache=8,
        chunk=4,
        scores=("random", "salient_recall_error"),
        curriculum=((64, 32, 0.97, 200, 1.0),),
        n_layers=2,
        n_digits=1,
        transfer_length=64,
        transfer_rows=16,
        transfer_steps=25,
    ),
}
