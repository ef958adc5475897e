"""Gradient, Hessian-vector product, trace and dense Hessian, at any point."""

import numpy as np
from numpy.typing import NDArray

from splinear.factorization._chain import Chain

Array = NDArray[np.float64]


def gradient(chain: Chain) -> list[Array]:
    """Return 2 c S_i^T E R_i^T + 2 lam W_i for each layer."""
    c, lam, E = 2.0 * chain.c, 2.0 * chain.lam, chain.E
    triples = zip(chain.S, chain.R, chain.W, strict=False)  # R has one entry more
    return [c * (S.T @ E @ R.T) + lam * W for S, R, W in triples]


def fit_hessian_product(chain: Chain, U: list[Array]) -> list[Array]:
    """Return the Hessian of the fit term, weight decay left out, times U."""
    W, S, R, E = chain.W, chain.S, chain.R, chain.E
    L = len(W)
    dR = [np.zeros_like(R[0])]  # dR_1 = 0, dR_(l+1) = U_l R_l + W_l dR_l
    for l in range(L):
        dR.append(U[l] @ R[l] + W[l] @ dR[l])
    dS = [np.zeros_like(S[-1])]  # dS_L = 0, dS_l = dS_(l+1) W_(l+1) + S_(l+1) U_(l+1)
    for l in range(L - 1, 0, -1):
        dS.append(dS[-1] @ W[l] + S[l] @ U[l])
    dS.reverse()
    D = dR[-1]  # sum_i S_i U_i R_i, the derivative of the product
    return [
        2.0 * chain.c * (S[l].T @ (D @ R[l].T + E @ dR[l].T) + dS[l].T @ (E @ R[l].T))
        for l in range(L)
    ]


def hessian_product(chain: Chain, U: list[Array]) -> list[Array]:
    """Return the Hessian times U."""
    products = fit_hessian_product(chain, U)
    return [H + 2.0 * chain.lam * V for H, V in zip(products, U, strict=True)]


def trace(chain: Chain) -> float:
    """Return 2 c sum_i |S_i|_F^2 |R_i|_F^2 + 2 lam P; terms with E lie off the diagonal."""
    pairs = zip(chain.S, chain.R, strict=False)
    fit = sum(float(np.sum(S * S)) * float(np.sum(R * R)) for S, R in pairs)
    return 2.0 * chain.c * fit + 2.0 * chain.lam * chain.n_parameters


def dense_hessian(chain: Chain) -> Array:
    """Return the (P, P) Hessian from its blocks, parameters ordered as in `join`.

    For i < j: J_i^T J_j, and with U_j M U_i inside the product, G = S_j^T E R_i^T, the
    entries G[a, d] M[b, c] of the derivatives in U_j[a, b] and U_i[c, d].
    """
    L = len(chain.W)
    ends = np.cumsum([0, *[W.size for W in chain.W]])
    H = np.zeros((ends[-1], ends[-1]))
    for j in range(L):
        M = np.eye(chain.W[j].shape[1])  # W[j-1] ... W[i+1], grown as i falls
        for i in range(j, -1, -1):
            block = np.kron(chain.S[j].T @ chain.S[i], chain.R[j] @ chain.R[i].T)
            if i < j:
                G = chain.S[j].T @ chain.E @ chain.R[i].T
                block += np.einsum("ad,bc->abcd", G, M).reshape(block.shape)
                M = M @ chain.W[i]
            rows, columns = slice(*ends[j : j + 2]), slice(*ends[i : i + 2])
            H[rows, columns] = block
            H[columns, rows] = block.T
    H *= 2.0 * chain.c
    H[np.diag_indices_from(H)] += 2.0 * chain.lam
    return H
