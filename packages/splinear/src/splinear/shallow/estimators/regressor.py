"""The sparsest shallow network that explains a table, as a scikit-learn regressor."""

from typing import Any

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_consistent_length, check_X_y

from splinear.shallow.estimators import _rows
from splinear.shallow.estimators._base import NetEstimator


class ShallowNetRegressor(MultiOutputMixin, RegressorMixin, NetEstimator):
    """Regression by the shallow network of least variation: no width, no epochs.

    Minimises ``1/W sum w loss(y, f(x)) + alpha sum_k |a_k|`` over networks of all
    widths [1]_; for the squared loss (y - f)^2 / 2 as in scikit-learn's Lasso. Offsets
    and the affine skip connection are not penalised.

    Parameters
    ----------
    alpha : float > 0 or "auto"
        Strength of the penalty, in scaled columns. "auto" validates along warm-started
        paths (five folds up to 2500 rows, a hold-out of a fifth above) and refits.
    loss : {"squared", "huber", "quantile", "poisson"}
        "poisson" takes counts and predicts rates.
    quantile : float in (0, 1)
        Of the quantile loss.
    delta : float, > 0
        Where the Huber loss turns linear, in the units of y.
    activation : {"relu", "absolute", "truncated_power"} or AtomFamily
        Family of the neurons.
    order : int, optional
        m >= 2; the family's own by default.
    output_coupling : {"joint", "independent"}
        Whether several outputs share neurons, or are fitted one by one.
    scaling : {"standard", "none"} or (d,) array
        By what columns are divided before the fit. The seminorm is isotropic, so this
        is part of the model; everything fitted comes back in the units of X.
    max_neurons : int or None
        No more neurons than that.
    certificate : {"auto", "exact", "bounded", "heuristic"}
        What the gap rests on: see `fit_network`. "bounded" proves it in four or five
        columns, at some ten seconds.
    n_starts : int
        Starts of the search before a gap is believed.
    tol : float
        Relative gap to reach.
    max_iter : int
        Rounds of the solver. With alpha="auto" the last fit may end before `tol`;
        `certificate_` says by how much.
    warm_start : bool
        Start from the last fit.
    random_state : int, Generator or RandomState
        Draws folds and starts.
    device : str or torch.device, optional
        Where the passes over all rows and neurons run, by torch; numpy by default.
    verbose : bool or "auto"
        Show the shrinking gap of a long fit; "auto" does so on a terminal.

    Attributes
    ----------
    net_ : ShallowNet
        The network in the units of X and y.
    directions_, offsets_, coef_ : arrays
        Of its K neurons.
    n_neurons_ : int
        K.
    variation_norm_, objective_ : float
        ``sum_k |a_k|`` in scaled columns, and the minimised objective.
    certificate_ : Certificate
        kind, gap, relative_gap, bound, starts. "heuristic" proves nothing.
    violation_ : float
        Largest violation of the dual constraint that was found, relative to alpha.
    status_ : Status
        How the solver ended.
    alpha_, alpha_max_ : float, or arrays if outputs are fitted one by one
        The alpha of the fit, and the smallest one without neurons.
    how_ : str
        How `alpha_` was chosen.
    alphas_, validation_errors_ : arrays
        What was tried with alpha="auto", and the mean loss on held-out rows.
    center_, scale_ : (d,) arrays
        What was done to the columns.
    n_iter_, n_features_in_, feature_names_in_
        As usual.

    References
    ----------
    .. [1] Parhi and Nowak, Banach space representer theorems for neural networks and
       ridge splines, JMLR 22(43), 2021.

    Examples
    --------
    One crease in two columns comes back as one neuron:

    >>> import numpy as np
    >>> X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(200, 2))
    >>> y = np.maximum(0.6 * X[:, 0] + 0.8 * X[:, 1], 0.0)
    >>> model = ShallowNetRegressor(alpha=1e-3, scaling="none").fit(X, y)
    >>> model.n_neurons_, model.directions_.round(1)
    (1, array([[0.6, 0.8]]))
    """

    def __init__(
        self,
        alpha: Any = "auto",
        *,
        loss: str = "squared",
        quantile: float = 0.5,
        delta: float = 1.0,
        activation: Any = "relu",
        order: int | None = None,
        output_coupling: str = "joint",
        scaling: Any = "standard",
        max_neurons: int | None = 100,
        certificate: str = "auto",
        n_starts: int = 128,
        tol: float = 1e-3,
        max_iter: int = 30,
        warm_start: bool = False,
        random_state: Any = 0,
        device: Any = None,
        verbose: bool | str = "auto",
    ) -> None:
        self.alpha = alpha
        self.loss = loss
        self.quantile = quantile
        self.delta = delta
        self.activation = activation
        self.order = order
        self.output_coupling = output_coupling
        self.scaling = scaling
        self.max_neurons = max_neurons
        self.certificate = certificate
        self.n_starts = n_starts
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "ShallowNetRegressor":
        """Fit the network.

        Parameters
        ----------
        X : (N, d) array-like
            Finite numbers.
        y : (N,) or (N, D) array-like
            Targets.
        sample_weight : (N,) array-like, optional
            Weights >= 0; two is the same as a row given twice.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an entry is missing (its column is named), shapes disagree or an option
            is unknown.
        """
        if self.loss in ("logistic", "multinomial"):
            raise ValueError(
                f"loss={self.loss!r} is for labels: use ShallowNetClassifier"
            )
        X = _rows.read_table(self, X, reset=True)
        _, Y = check_X_y(X, y, multi_output=True, y_numeric=True, estimator=self)
        Y = np.asarray(Y, dtype=np.float64)
        check_consistent_length(X, Y)
        self._flat = Y.ndim == 1
        w = _rows.read_weights(sample_weight, X)
        self._fit_rows(X, Y[:, None] if self._flat else Y, w, self.loss)
        return self

    def predict(self, X: Any) -> Any:
        """Return predictions, (N,) or (N, D); rates for loss="poisson".

        Parameters
        ----------
        X : (N, d) array-like
            As in `fit`.
        """
        F = self._outputs(X)
        if self.loss == "poisson":
            F = np.exp(np.minimum(F, 700.0))
        return F[:, 0] if self._flat else F
