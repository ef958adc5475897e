"""Primal-dual interior point method for a linear spline with few knots.

The unknowns are the value c[0], the slope g[0] and the kinks a[k] at inner knots:
a chain ``c[k+1] = c[k] + h[k] g[k]``, ``g[k+1] = g[k] + a[k+1]``.  Every Newton system
is then a linear-quadratic control problem, solved by a Riccati recursion on the
square root of a 2x2 matrix.  No difference quotient and no subtraction of squares
appears, so clustered knots and weights of any range cost no digits.

Letters: M intervals, M + 1 knots; rows ptr[k]:ptr[k+1] lie in interval k at distance
t from its left knot.  Rows carry duals lo < p < hi, kinks ulo < u < uhi, slopes q > 0.
"""

import numpy as np
from numba import njit

#: Fraction of the way to the boundary that a step may go.
SHORT = 0.995
#: Products of a pair below this part of the target are raised: no pair jams the rest.
FAR = 1e-4
#: Least weight of a kink in the barrier: a light pair forbids long steps.
LEAST = 0.1


@njit(cache=True, error_model="numpy")
def two_sum(high, low, term):
    """Add a term to the unevaluated sum high + low."""
    total = high + term
    part = total - high
    return total, low + ((high - (total - part)) + (term - part))


@njit(cache=True, error_model="numpy")
def moments_of(p, x):
    """U_j = sum_i p_i (x_j - x_i)_+ at every row, compensated; and sum p."""
    n = x.size
    out = np.zeros(n)
    s, sl, u, ul = 0.0, 0.0, 0.0, 0.0
    for j in range(n - 1):
        s, sl = two_sum(s, sl, p[j])
        step = x[j + 1] - x[j]
        u, ul = two_sum(u, ul, s * step)
        ul += sl * step
        out[j + 1] = u + ul
    s, sl = two_sum(s, sl, p[n - 1])
    return out, s + sl


@njit(cache=True, error_model="numpy")
def chain(h, c0, g0, a, c, g):
    """Values c (M+1) and slopes g (M) from the first value, slope and kinks."""
    c[0], g[0] = c0, g0
    for k in range(h.size):
        if k > 0:
            g[k] = g[k - 1] + a[k]
        c[k + 1] = c[k] + h[k] * g[k]


@njit(cache=True, error_model="numpy")
def row_moments(ptr, t, v, mass, mean, out0, out1):
    """Per interval sum v and sum v (t - mean)."""
    for k in range(ptr.size - 1):
        s, sl, m, ml = 0.0, 0.0, 0.0, 0.0
        for i in range(ptr[k], ptr[k + 1]):
            s, sl = two_sum(s, sl, v[i])
            m, ml = two_sum(m, ml, v[i] * (t[i] - mean[k]))
        out0[k], out1[k] = s + sl, m + ml


@njit(cache=True, error_model="numpy")
def gram(ptr, t, v, mass, mean, spread):
    """Per interval mass, mean of t and spread sum v (t - mean)^2 of weights v."""
    for k in range(ptr.size - 1):
        s, m = 0.0, 0.0
        for i in range(ptr[k], ptr[k + 1]):
            s += v[i]
            m += v[i] * t[i]
        centre = m / s if s > 0.0 else 0.0
        q = 0.0
        for i in range(ptr[k], ptr[k + 1]):
            q += v[i] * (t[i] - centre) ** 2
        mass[k], mean[k], spread[k] = s, centre, q


@njit(cache=True, error_model="numpy")
def residuals(h, b0, b1, mean, u, q, out):
    """Minus the gradient in a[1:M] (out[1:M]), g[0] (out[0]) and c[0] (returned)."""
    s, sl, v, vl = 0.0, 0.0, 0.0, 0.0
    for k in range(h.size - 1, -1, -1):
        v, vl = two_sum(v, vl, h[k] * s)
        v, vl = two_sum(v, vl, h[k] * sl)
        v, vl = two_sum(v, vl, mean[k] * b0[k])
        v, vl = two_sum(v, vl, b1[k])
        v, vl = two_sum(v, vl, q[k])
        s, sl = two_sum(s, sl, b0[k])
        out[k] = (v - u[k]) + vl if k > 0 else v + vl
    return s + sl


@njit(cache=True, error_model="numpy")
def factor(h, mass, mean, spread, ridge, omega, R, E):
    """Square-root Riccati recursion from the right.

    R (M, 3) is the triangle [[r11, r12], [0, r22]] seen from knot k on, after the
    kink; E (M, 3) holds r11 r12, r12^2 + r22^2 and rho^2 of the kink at knot k.
    """
    r11, r12, r22 = 0.0, 0.0, 0.0
    last = h.size - 1
    for k in range(last, -1, -1):
        if k < last:
            w = omega[k + 1]
            two = r22 * r22 + w
            rho2 = r12 * r12 + two
            E[k + 1, 0], E[k + 1, 2] = r11 * r12, rho2
            E[k + 1, 1] = r12 * r12 + r22 * r22
            if rho2 > 0.0:
                rho, root = np.sqrt(rho2), np.sqrt(two)
                left = r12 * w / (rho * root) if root > 0.0 else 0.0
                right = np.sqrt(w) * r22 / root if root > 0.0 else 0.0
                r11, r12, r22 = root * r11 / rho, left, right
        r12 += h[k] * r11
        s0 = np.sqrt(mass[k])
        r = np.hypot(r11, s0)
        if r > 0.0:
            cross = (r11 / r) * s0 * mean[k] - (s0 / r) * r12
            r12 = (r11 / r) * r12 + (s0 / r) * s0 * mean[k]
            r11 = r
        else:
            cross, r12 = 0.0, 0.0
        r22 = np.sqrt(r22 * r22 + spread[k] + ridge[k] + cross * cross)
        R[k, 0], R[k, 1], R[k, 2] = r11, r12, r22


@njit(cache=True, error_model="numpy")
def solve_chain(h, b0, b1, mean, bg, lin, linc, omega, R, E, work, dc, dg, da):
    """Newton direction: dc (M+1), dg (M), da (M+1) for linear terms b, bg, lin."""
    rc, rg = 0.0, 0.0
    last = h.size - 1
    for k in range(last, -1, -1):
        if k < last:
            e0, e1, rho2 = E[k + 1]
            work[k + 1] = rg + lin[k + 1]
            if rho2 > 0.0:
                pull = (rg + lin[k + 1]) / rho2
                rg = (omega[k + 1] * rg - e1 * lin[k + 1]) / rho2
                rc -= e0 * pull
        rg += h[k] * rc
        rc += b0[k]
        rg += mean[k] * b0[k] + b1[k] + bg[k]
    rc += linc
    rg += lin[0]
    r11, r12, r22 = R[0]
    y0 = rc / r11 if r11 > 0.0 else 0.0
    y1 = (rg - r12 * y0) / r22 if r22 > 0.0 else 0.0
    dg[0] = y1 / r22 if r22 > 0.0 else 0.0
    dc[0] = (y0 - r12 * dg[0]) / r11 if r11 > 0.0 else 0.0
    for k in range(last + 1):
        if k > 0:
            e0, e1, rho2 = E[k]
            da[k] = 0.0
            if rho2 > 0.0:
                da[k] = (work[k] - e0 * dc[k] - e1 * dg[k - 1]) / rho2
            dg[k] = dg[k - 1] + da[k]
        dc[k + 1] = dc[k] + h[k] * dg[k]


@njit(cache=True, error_model="numpy")
def _ratio(value, change, step):
    return min(step, -value / change) if change < 0.0 else step


@njit(cache=True, error_model="numpy")
def _row_terms(
    ptr,
    t,
    y,
    kap,
    ups,
    downs,
    nu,
    c,
    g,
    p,
    ep,
    em,
    th,
    target,
    dp,
    dep,
    dem,
    second,
    rhs,
):
    """Fill rhs with theta * rho of each row; `second` adds Mehrotra's products."""
    for k in range(ptr.size - 1):
        for i in range(ptr[k], ptr[k + 1]):
            up, down = ups[i], downs[i]
            r1, r2 = nu[i] * target - ep[i] * up, nu[i] * target - em[i] * down
            if second:
                r1 += dp[i] * dep[i]
                r2 -= dp[i] * dem[i]
            re = y[i] - (c[k] + t[i] * g[k]) - kap[i] * p[i] - ep[i] + em[i]
            rhs[i] = th[i] * (re - r1 / up + r2 / down)
            dep[i], dem[i] = r1 / up, r2 / down


@njit(cache=True, error_model="numpy")
def _row_steps(ptr, t, ups, downs, ep, em, th, rhs, dc, dg, dp, dep, dem, step):
    for k in range(ptr.size - 1):
        for i in range(ptr[k], ptr[k + 1]):
            up, down = ups[i], downs[i]
            dp[i] = rhs[i] - th[i] * (dc[k] + t[i] * dg[k])
            dep[i] += ep[i] / up * dp[i]
            dem[i] -= em[i] / down * dp[i]
            step = _ratio(up, -dp[i], step)
            step = _ratio(down, dp[i], step)
            step = _ratio(ep[i], dep[i], step)
            step = _ratio(em[i], dem[i], step)
    return step


@njit(cache=True, error_model="numpy")
def _products(ups, downs, ep, em, dp, dep, dem, step):
    total = 0.0
    for i in range(ep.size):
        total += (ep[i] + step * dep[i]) * (ups[i] - step * dp[i])
        total += (em[i] + step * dem[i]) * (downs[i] + step * dp[i])
    return total


@njit(cache=True, error_model="numpy")
def _after(
    ups,
    downs,
    ep,
    em,
    dp,
    dep,
    dem,
    nu,
    uu,
    ud,
    ap,
    am,
    du,
    dap,
    dam,
    nuk,
    two_sided,
    q,
    gam,
    dq,
    dgam,
    nuq,
    mono,
    step,
):
    """Sum of all products after a step, and the least of product over weight."""
    total, least = 0.0, np.inf
    for i in range(ep.size):
        one = (ep[i] + step * dep[i]) * (ups[i] - step * dp[i])
        two = (em[i] + step * dem[i]) * (downs[i] + step * dp[i])
        total += one + two
        least = min(least, min(one, two) / nu[i])
    for k in range(1, uu.size):
        one = (ap[k] + step * dap[k]) * (uu[k] - step * du[k])
        total += one
        least = min(least, one / nuk)
        if two_sided:
            two = (am[k] + step * dam[k]) * (ud[k] + step * du[k])
            total += two
            least = min(least, two / nuk)
    if mono:
        for k in range(q.size):
            one = (q[k] + step * dq[k]) * (gam[k] + step * dgam[k])
            total += one
            least = min(least, one / nuq)
    return total, least


@njit(cache=True, error_model="numpy")
def interior(
    h,
    ptr,
    t,
    y,
    kap,
    lo,
    hi,
    nu,  # boxed rows; none of them for a quadratic loss
    mass,
    mean,
    spread,
    base0,
    base1,
    cb,
    gb,  # fixed quadratic per interval
    boxed,
    uhi,
    two_sided,
    mono,
    c0,
    g0,
    a,
    p,
    u,
    q,
    mu,
    goal,
    limit,
):
    """Mehrotra's method; returns c0, g0 and iterations; a, p, u, q are updated."""
    M = h.size
    n = p.size
    c, g = np.zeros(M + 1), np.zeros(M)
    ep, em, th = np.zeros(n), np.zeros(n), np.zeros(n)
    dp, dep, dem, rhs = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    b0, b1, f0, f1 = np.zeros(M), np.zeros(M), np.zeros(M), np.zeros(M)
    lin, lin2 = np.zeros(M), np.zeros(M)
    ap, am, om = np.zeros(M), np.zeros(M), np.ones(M)
    du, dap, dam, rha = np.zeros(M), np.zeros(M), np.zeros(M), np.zeros(M)
    gam, dgam, dq = np.ones(M), np.zeros(M), np.zeros(M)
    bg, ridge, work = np.zeros(M), np.zeros(M), np.zeros(M)
    dc, dg, da = np.zeros(M + 1), np.zeros(M), np.zeros(M + 1)
    R, E = np.zeros((M, 3)), np.zeros((M + 1, 3))
    ups, downs = hi - p, p - lo
    uu, ud = uhi - u, u + uhi
    chain(h, c0, g0, a, c, g)
    # Kinks weigh in the barrier what keeps their first size near that of the slopes.
    size = 1.0
    for k in range(1, M):
        size = max(size, abs(a[k]))
    nuk = max(min(1.0 / M, uhi * size / mu), LEAST / M)
    nuq = 1.0 / M
    for k in range(1, M):
        up, down = uhi - u[k], u[k] + uhi
        add = nuk * mu / (min(up, down) if two_sided else up)
        ap[k] = max(a[k], 0.0) + add
        am[k] = max(-a[k], 0.0) + add if two_sided else 0.0
    if mono:
        size = 0.0
        for k in range(M):
            size = max(size, abs(g[k]))
        size = max(size, 1.0)
        for k in range(M):
            gam[k] = max(g[k], 0.0) + 0.3 * size
            q[k] = nuq * mu / gam[k]
    for k in range(M if boxed else 0):
        for i in range(ptr[k], ptr[k + 1]):
            e = y[i] - (c[k] + t[i] * g[k]) - kap[i] * p[i]
            add = nu[i] * mu / min(hi[i] - p[i], p[i] - lo[i])
            ep[i], em[i] = max(e, 0.0) + add, max(-e, 0.0) + add
    weight = (2.0 if boxed else 0.0) + (2.0 if two_sided else 1.0) * (M - 1) * nuk
    weight += 1.0 if mono else 0.0
    least = 0.1 * goal / weight if weight > 0.0 else 0.0
    iteration, stuck = 0, 0
    best, first = np.inf, 1.0
    while iteration < limit:
        # What is left of complementarity and of stationarity.
        gap = _products(ups, downs, ep, em, dp, dep, dem, 0.0)
        for k in range(1, M):
            gap += ap[k] * uu[k]
            if two_sided:
                gap += am[k] * ud[k]
        if mono:
            for k in range(M):
                gap += q[k] * gam[k]
        if boxed:
            for k in range(M):
                for i in range(ptr[k], ptr[k + 1]):
                    th[i] = 1.0 / (kap[i] + ep[i] / ups[i] + em[i] / downs[i])
            gram(ptr, t, th, mass, mean, spread)
            row_moments(ptr, t, p, mass, mean, f0, f1)
        else:
            for k in range(M):
                d1 = g[k] - gb[k]
                d0 = (c[k] - cb[k]) + mean[k] * d1
                f0[k] = base0[k] - mass[k] * d0
                f1[k] = base1[k] - spread[k] * d1
        sc = residuals(h, f0, f1, mean, u, q, lin)
        worst = abs(sc)
        for k in range(M):
            worst = max(worst, abs(lin[k]))
        merit = gap + worst
        if not np.isfinite(merit):
            break
        stuck += 1
        if merit < 0.9 * best:
            best, stuck = merit, 0
        done = gap <= goal and (worst <= uhi * max(1e-13, 0.01 * goal) or stuck > 1)
        if done or stuck > 25:
            break
        if iteration == 0:
            first = max(gap, 1e-300)
        current = gap / weight if weight > 0.0 else 0.0
        for k in range(1, M):
            inverse = ap[k] / uu[k]
            if two_sided:
                inverse += am[k] / ud[k]
            om[k] = 1.0 / inverse
        if mono:
            for k in range(M):
                ridge[k] = q[k] / gam[k]
        factor(h, mass, mean, spread, ridge, om, R, E)
        target, step = 0.0, 0.0
        for phase in range(4):
            if phase >= 2:
                # A short step: leave out the products; shorter still: only centre.
                if step >= (0.1 if phase == 2 else 0.05):
                    break
                target = 0.3 * current if phase == 2 else current
            second = phase == 1
            for k in range(1, M):
                up, down = uu[k], ud[k]
                r1, r2 = nuk * target - ap[k] * up, 0.0
                if second:
                    r1 += du[k] * dap[k]
                ra = a[k] - ap[k] + am[k]
                rho = ra - r1 / up
                dap[k] = r1 / up
                if two_sided:
                    r2 = nuk * target - am[k] * down
                    if second:
                        r2 -= du[k] * dam[k]
                    rho += r2 / down
                    dam[k] = r2 / down
                rha[k] = om[k] * rho
                lin2[k] = lin[k] - rha[k]
            lin2[0] = lin[0]
            if mono:
                for k in range(M):
                    r3 = nuq * target - q[k] * gam[k]
                    if second:
                        r3 -= dq[k] * dgam[k]
                    bg[k] = (r3 - q[k] * (g[k] - gam[k])) / gam[k]
            if boxed:
                _row_terms(
                    ptr,
                    t,
                    y,
                    kap,
                    ups,
                    downs,
                    nu,
                    c,
                    g,
                    p,
                    ep,
                    em,
                    th,
                    target,
                    dp,
                    dep,
                    dem,
                    second,
                    rhs,
                )
                row_moments(ptr, t, rhs, mass, mean, b0, b1)
            solve_chain(h, b0, b1, mean, bg, lin2, sc, om, R, E, work, dc, dg, da)
            step = 1e30
            if boxed:
                step = _row_steps(
                    ptr, t, ups, downs, ep, em, th, rhs, dc, dg, dp, dep, dem, step
                )
            for k in range(1, M):
                du[k] = rha[k] + om[k] * da[k]
                dap[k] += ap[k] / uu[k] * du[k]
                step = _ratio(uu[k], -du[k], step)
                step = _ratio(ap[k], dap[k], step)
                if two_sided:
                    dam[k] -= am[k] / ud[k] * du[k]
                    step = _ratio(ud[k], du[k], step)
                    step = _ratio(am[k], dam[k], step)
            if mono:
                for k in range(M):
                    dgam[k] = dg[k] + (g[k] - gam[k])
                    dq[k] = bg[k] - ridge[k] * dg[k]
                    step = _ratio(gam[k], dgam[k], step)
                    step = _ratio(q[k], dq[k], step)
            if phase == 0:
                step = min(step, 1.0)
                after, _ = _after(
                    ups,
                    downs,
                    ep,
                    em,
                    dp,
                    dep,
                    dem,
                    nu,
                    uu,
                    ud,
                    ap,
                    am,
                    du,
                    dap,
                    dam,
                    nuk,
                    two_sided,
                    q,
                    gam,
                    dq,
                    dgam,
                    nuq,
                    mono,
                    step,
                )
                ratio = after / gap if gap > 0.0 else 0.0
                target = current * min(1.0, max(ratio, 0.0)) ** 3
                target = max(target, least)
            else:
                # Stay where no pair is far below the mean: else the iterates cycle.
                step = min(step * (1.0 - min(1.0 - SHORT, max(gap / first, 1e-6))), 1.0)
                for _ in range(30):
                    after, low = _after(
                        ups,
                        downs,
                        ep,
                        em,
                        dp,
                        dep,
                        dem,
                        nu,
                        uu,
                        ud,
                        ap,
                        am,
                        du,
                        dap,
                        dam,
                        nuk,
                        two_sided,
                        q,
                        gam,
                        dq,
                        dgam,
                        nuq,
                        mono,
                        step,
                    )
                    if weight == 0.0 or low * weight >= FAR * after or step < 1e-3:
                        break
                    step *= 0.8
                if phase == 1 and after > (1.0 - 0.3 * step) * gap and gap > goal:
                    step = min(step, 0.09)
        if not np.isfinite(dc[M] + dc[0] + step):
            break
        for i in range(n):
            p[i] += step * dp[i]
            ups[i] -= step * dp[i]
            downs[i] += step * dp[i]
            ep[i] += step * dep[i]
            em[i] += step * dem[i]
            ep[i] = max(ep[i], FAR * nu[i] * target / ups[i])
            em[i] = max(em[i], FAR * nu[i] * target / downs[i])
        for k in range(1, M):
            a[k] += step * da[k]
            u[k] += step * du[k]
            uu[k] -= step * du[k]
            ud[k] += step * du[k]
            ap[k] += step * dap[k]
            am[k] += step * dam[k]
            ap[k] = max(ap[k], FAR * nuk * target / uu[k])
            if two_sided:
                am[k] = max(am[k], FAR * nuk * target / ud[k])
        if mono:
            for k in range(M):
                q[k] += step * dq[k]
                gam[k] += step * dgam[k]
                gam[k] = max(gam[k], FAR * nuq * target / q[k])
        c0 += step * dc[0]
        g0 += step * dg[0]
        chain(h, c0, g0, a, c, g)
        iteration += 1
        if step < 1e-10:
            break
    return c0, g0, iteration, gap, worst


@njit(cache=True, error_model="numpy")
def evaluate(ptr, t, c, g, out):
    """f at every row, (n,)."""
    for k in range(ptr.size - 1):
        for i in range(ptr[k], ptr[k + 1]):
            out[i] = c[k] + t[i] * g[k]


@njit(cache=True, error_model="numpy")
def violators(u, x, knots, v, lam, two_sided, mono, slack):
    """Rows where a kink, or a bump of the slope, would lower the objective.

    Within the interval (l, r) of neighbouring knots a dual path from v_l to v_r must
    exist with |v| <= lam and increments at most those of u: it does iff
    max(u_i - u_r) <= lam - v_r, max(u_l - u_j) <= lam + v_l and no fall
    u_i - u_j (i < j) exceeds 2 lam.
    """
    out = np.empty(4 * knots.size, dtype=np.int64)
    count = 0
    for k in range(knots.size - 1):
        left, right = knots[k], knots[k + 1]
        top, high = lam - v[k + 1] + u[right] + slack, -1
        floor, low = u[left] - lam - v[k] - slack, -1
        peak, fall, start, stop, at = u[left], 2.0 * lam + slack, -1, -1, left
        for i in range(left + 1, right):
            if x[i] == x[i - 1] or x[i] == x[left]:
                continue
            if u[i] > top:
                top, high = u[i], i
            if u[i] < floor:
                floor, low = u[i], i
            if u[i] > peak:
                peak, at = u[i], i
            if peak - u[i] > fall:
                fall, start, stop = peak - u[i], at, i
        if high >= 0:
            out[count] = high
            count += 1
        if low >= 0 and two_sided:
            out[count] = low
            count += 1
        if mono and two_sided and start > left:
            out[count] = start
            count += 1
        if mono and two_sided and stop >= 0:
            out[count] = stop
            count += 1
    return out[:count]
