"""The traps of 8.3, each shown in the library and closed here; oracles 6 to 8."""

import ast
from pathlib import Path

import pymcl
import pytest
from py_arkworks_bls12381 import GT, G1Point, G2Point, Scalar

import private_presence
from private_presence.errors import ExcludedError, InputError, PointError
from private_presence.primitives import curve

from . import mcl_points

G1, G2 = curve.G1_GENERATOR, curve.G2_GENERATOR
PACKAGE = Path(private_presence.__file__).parent


def off_subgroup_g1():
    for x in range(1, 200):
        try:
            y = mcl_points.sqrt_p((x**3 + 4) % mcl_points.P)
        except AssertionError:
            continue
        data = bytearray(x.to_bytes(48, "big"))
        data[0] |= 0x80 | (0x20 if mcl_points.larger(y) else 0)
        if not G1Point.from_compressed_bytes_unchecked(bytes(data)).is_in_subgroup():
            return bytes(data)
    raise AssertionError("no point found")


def no_point():
    """An x whose right-hand side has no root."""
    p = mcl_points.P
    return next(x for x in range(1, 99) if pow(x**3 + 4, (p - 1) // 2, p) == p - 1)


def off_subgroup_g2():
    for x in range(1, 200):
        data = bytearray(bytes(48) + x.to_bytes(48, "big"))
        data[0] |= 0x80
        try:
            point = G2Point.from_compressed_bytes_unchecked(bytes(data))
        except ValueError:
            continue
        if not point.is_in_subgroup():
            return bytes(data)
    raise AssertionError("no point found")


def pair(P, Q):
    return curve.pairing_product([(P, Q)])


def test_pairing_is_bilinear_and_products_are_products():
    a, b = curve.scalar(1234567), curve.scalar(7654321)
    e = pair(G1, G2)
    assert pair(G1 * a, G2 * b) == pair(G1 * (a * b), G2)
    assert curve.pairing_product([(G1, G2), (G1, G2)]) == e * e


def test_trap_target_group_addition_is_not_the_group_law():
    e = GT.pairing(G1, G2)
    assert e + e != e * e
    assert not hasattr(curve.Gt(e), "__add__")


def test_trap_the_neutral_element_is_one_not_zero():
    at_infinity = GT.pairing(G1Point.identity(), G2)
    assert at_infinity == GT.one()
    assert at_infinity != GT.zero()
    assert curve.Gt(at_infinity).is_one()


@pytest.mark.parametrize(
    ("decode", "size", "point"),
    [(curve.decode_g1, 48, G1Point), (curve.decode_g2, 96, G2Point)],
    ids=["G1", "G2"],
)
def test_trap_points_at_infinity_are_refused(decode, size, point):
    infinity = b"\xc0" + bytes(size - 1)
    assert point.from_compressed_bytes(infinity) == point.identity()  # the trap
    with pytest.raises(PointError, match="at infinity"):
        decode(infinity)


def test_trap_scalars_are_not_reduced_silently():
    assert Scalar(curve.ORDER) == Scalar(0)  # the trap
    with pytest.raises(InputError):
        curve.scalar(curve.ORDER)
    with pytest.raises(InputError):
        curve.scalar(-1)
    for number in (0, curve.ORDER, curve.ORDER + 1, 2**256 - 1):
        with pytest.raises(PointError):
            curve.decode_scalar(number.to_bytes(32, "big"))


def test_trap_the_inverse_of_zero_is_the_sign_of_exclusion():
    with pytest.raises(ExcludedError):
        curve.invert(curve.scalar(0))


def test_points_off_the_subgroup_are_refused():
    with pytest.raises(PointError):
        curve.decode_g1(off_subgroup_g1())
    with pytest.raises(PointError):
        curve.decode_g2(off_subgroup_g2())


@pytest.mark.parametrize("change", ["flag", "too large", "not on the curve"])
def test_other_spellings_of_a_point_are_refused(change):
    data = bytearray(curve.encode_g1(G1))
    if change == "flag":
        data[0] &= 0x7F
    elif change == "too large":
        data = bytearray((mcl_points.P + 3).to_bytes(48, "big"))
        data[0] |= 0x80
    else:
        data = bytearray(no_point().to_bytes(48, "big"))
        data[0] |= 0x80
    with pytest.raises(PointError):
        curve.decode_g1(bytes(data))


def test_only_two_modules_touch_the_library_and_it_checks_subgroups():
    """No `*_unchecked` decoder, and no other module that imports the library."""
    importers, unchecked = set(), set()
    for path in PACKAGE.rglob("*.py"):
        if "tests" in path.parts:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom | ast.Import) and "arkworks" in ast.dump(
                node
            ):
                importers.add(path.name)
            if isinstance(node, ast.Attribute) and "unchecked" in node.attr:
                unchecked.add(node.attr)
    assert importers == {"curve.py", "scalars.py"}
    # Despite its name this one takes points, not bytes; `sum_g2` checks the lengths.
    assert unchecked == {"multiexp_unchecked"}


def test_rfc_9380_vector_for_the_empty_message():
    dst = b"QUUX-V01-CS02-with-BLS12381G1_XMD:SHA-256_SSWU_RO_"
    x = (
        "052926add2207b76ca4fa57a8734416c8dc95e24501772c814278700eed6d1e4"
        "e8cf62d9c09db0fac349612b759e79a1"
    )
    data = bytearray(curve.encode_g1(curve.hash_to_g1(b"", dst)))
    data[0] &= 0x1F
    assert data.hex() == x


def test_both_libraries_write_target_elements_alike():
    a, b = 987654321, 123456789
    ours = pair(G1 * curve.scalar(a), G2 * curve.scalar(b)).to_bytes()
    fr = mcl_points.fr
    theirs = pymcl.pairing(pymcl.g1 * fr(a), pymcl.g2 * fr(b)).serialize()
    assert ours == theirs
    assert len(ours) == curve.GT_SIZE


def test_both_libraries_read_each_others_points():
    for number in (1, 2, 3, 1 << 200):
        s = curve.scalar(number)
        one, two = curve.encode_g1(G1 * s), curve.encode_g2(G2 * s)
        assert mcl_points.g1_bytes(mcl_points.g1(one)) == one
        assert mcl_points.g2_bytes(mcl_points.g2(two)) == two
        assert mcl_points.g1(one) == pymcl.g1 * mcl_points.fr(number)
        assert mcl_points.g2(two) == pymcl.g2 * mcl_points.fr(number)


def test_a_weight_per_point_is_needed():
    with pytest.raises(InputError, match="one weight per point"):
        curve.sum_g2([G2], [])
