"""Real data that come with the dependencies: no download, no network."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Sample(NamedTuple):
    title: str
    source: str
    x_name: str
    y_name: str
    x: NDArray[Any]  # (n,) numbers or datetime64
    y: NDArray[np.float64]  # (n,)
    options: dict[str, Any]


def samples() -> list[Sample]:
    return [prices(), terrain(), diabetes()]


def prices() -> Sample:
    table = _matplotlib_file("goog.npz")["price_data"]
    # Ratios matter in prices: a straight line of the logarithm is a constant growth.
    return Sample(
        "Google's share price, 2004 to 2008",
        "goog.npz, comes with matplotlib",
        "date",
        "log2 of the closing price in $",
        table["date"].astype("datetime64[D]"),
        np.log2(np.asarray(table["close"], dtype=np.float64)),
        {"max_knots": 12},
    )


def terrain() -> Sample:
    model = _matplotlib_file("jacksboro_fault_dem.npz")
    height = np.asarray(model["elevation"], dtype=np.float64)  # (rows, columns), metres
    row = height.shape[0] // 2
    latitude = np.deg2rad(0.5 * (float(model["ymin"]) + float(model["ymax"])))
    kilometres = 111.32 * float(model["dx"]) * np.cos(latitude)
    return Sample(
        "Across the Jacksboro fault",
        "jacksboro_fault_dem.npz, comes with matplotlib",
        "distance in km",
        "height in m",
        kilometres * np.arange(height.shape[1]),
        height[row],
        {"max_knots": 25},
    )


def diabetes() -> Sample:
    from sklearn.datasets import load_diabetes

    data: Any = load_diabetes(scaled=False)
    bmi = data.data[:, data.feature_names.index("bmi")]
    return Sample(
        "Progression of diabetes",
        "load_diabetes, comes with scikit-learn",
        "body mass index",
        "progression after one year",
        bmi,
        np.asarray(data.target, dtype=np.float64),
        {},
    )


def _matplotlib_file(name: str) -> Any:
    try:
        from matplotlib.cbook import get_sample_data
    except ImportError as error:
        raise ImportError(
            'the demo takes data and pictures from matplotlib: pip install "splinear[plot]"'
        ) from error
    return get_sample_data(name)
