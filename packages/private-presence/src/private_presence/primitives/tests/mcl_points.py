"""Points between their compressed encoding and pymcl, by integer arithmetic alone.

mcl writes points in a format of its own; this file decompresses the common one (three
flag bits, big-endian, imaginary part first) without either library.
"""

import pymcl

P = 0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB
R = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
LARGER = 0x20


def sqrt_p(a):
    root = pow(a, (P + 1) // 4, P)  # p = 3 mod 4
    assert root * root % P == a % P, "not a square"
    return root


def sqrt_p2(a0, a1):
    """A square root in F_p[i], i^2 = -1, by the norm."""
    norm = sqrt_p(a0 * a0 + a1 * a1)
    half = pow(2, -1, P)
    delta = (a0 + norm) * half % P
    if pow(delta, (P - 1) // 2, P) not in (0, 1):
        delta = (a0 - norm) * half % P
    x0 = sqrt_p(delta)
    x1 = a1 * pow(2 * x0, -1, P) % P
    assert ((x0 * x0 - x1 * x1 - a0) % P, (2 * x0 * x1 - a1) % P) == (0, 0)
    return x0, x1


def mul_p2(a, b):
    return (a[0] * b[0] - a[1] * b[1]) % P, (a[0] * b[1] + a[1] * b[0]) % P


def larger(y0, y1=0):
    """Lexicographically larger than its negative, imaginary part first."""
    return (y1 or y0) > (P - 1) // 2


def split(data):
    flags, first = data[0] & 0xE0, data[0] & 0x1F
    assert flags & 0x80, "compressed"
    assert not flags & 0x40, "not at infinity"
    return bool(flags & LARGER), bytes([first]) + data[1:]


def g1(data):
    sign, rest = split(data)
    x = int.from_bytes(rest, "big")
    y = sqrt_p((x**3 + 4) % P)
    y = y if larger(y) == sign else P - y
    return pymcl.G1(f"1 {x} {y}")


def g2(data):
    sign, rest = split(data)
    x1, x0 = int.from_bytes(rest[:48], "big"), int.from_bytes(rest[48:], "big")
    c0, c1 = mul_p2(mul_p2((x0, x1), (x0, x1)), (x0, x1))
    y0, y1 = sqrt_p2((c0 + 4) % P, (c1 + 4) % P)
    if larger(y0, y1) != sign:
        y0, y1 = -y0 % P, -y1 % P
    return pymcl.G2(f"1 {x0} {x1} {y0} {y1}")


def g1_bytes(point):
    _, x, y = map(int, str(point).split())
    data = bytearray(x.to_bytes(48, "big"))
    data[0] |= 0x80 | (LARGER if larger(y) else 0)
    return bytes(data)


def g2_bytes(point):
    _, x0, x1, y0, y1 = map(int, str(point).split())
    data = bytearray(x1.to_bytes(48, "big") + x0.to_bytes(48, "big"))
    data[0] |= 0x80 | (LARGER if larger(y0, y1) else 0)
    return bytes(data)


def fr(number):
    return pymcl.Fr(str(number % R), 10)
