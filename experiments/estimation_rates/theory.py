"""Exponents of the mean squared error in the number of rows, up to logarithms."""


def network_rate(d: int) -> float:
    """Return the exponent of the worst function of finite norm, minimax.

    Parhi and Nowak (2022), "Near-minimax optimal estimation with shallow ReLU neural
    networks": an upper bound for every function of the space.
    """
    return -(d + 3) / (2 * d + 3)


def linear_rate(d: int) -> float:
    """Return the same of the best linear method: the worst function is no faster."""
    return -3 / (d + 3)


def jump_rate(d: int) -> float:
    """Return an upper bound for a half-space, outside the space (our derivation).

    At norm C the squared bias is of order 1/C and the variance of order
    ``C^(2d/(2d+3)) n^(-(d+3)/(2d+3))``; the best C balances the two.
    """
    return -(d + 3) / (4 * d + 3)


def bound(target: str, method: str, d: int) -> float:
    """Return the exponent that theory states for a method on a kind of target."""
    if method in ("rbf", "arccos"):
        return linear_rate(d)
    return jump_rate(d) if target == "jump" else network_rate(d)
