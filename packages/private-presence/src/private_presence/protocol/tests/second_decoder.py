"""A second decoder, written from the specification, sharing no code with the package.

Curve through pymcl; hashes and HKDF from the standard library; Ed25519 in twenty lines
of integers, checked by PyNaCl's verifier; ChaCha20 and AES-SIV from `cryptography`.
Slow where slow is plainer.  Letters are those of the specification.
"""

import hashlib
import hmac
from dataclasses import dataclass

import pymcl
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESSIV, ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from nacl.signing import VerifyKey

from private_presence.primitives.tests.mcl_points import R, fr, g1, g2, g2_bytes

Q = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, Q) % Q
LT, ST = b"\x01", b"\x02"


def sha(label, *parts):
    return hashlib.sha256(b"MP3v1/" + label + b"\0" + b"".join(parts)).digest()


def KDF(label, ikm, info, n=32):
    prk, out, block = hmac.digest(b"MP3v1/" + label, ikm, "sha256"), b"", b""
    for i in range(1, -(-n // 32) + 1):
        block = hmac.digest(prk, block + info + bytes([i]), "sha256")
        out += block
    return out[:n]


def u32(n):
    return n.to_bytes(4, "big")


# Ed25519, twisted Edwards, affine.


def ed_add(a, b):
    (x1, y1), (x2, y2) = a, b
    k = D * x1 * x2 * y1 * y2 % Q
    x = (x1 * y2 + x2 * y1) * pow(1 + k, -1, Q) % Q
    y = (y1 * y2 + x1 * x2) * pow(1 - k, -1, Q) % Q
    return x, y


def ed_mul(n, point):
    result = (0, 1)
    while n:
        if n & 1:
            result = ed_add(result, point)
        point, n = ed_add(point, point), n >> 1
    return result


def ed_decode(data):
    n = int.from_bytes(data, "little")
    y, sign = n & (1 << 255) - 1, n >> 255
    xx = (y * y - 1) * pow(D * y * y + 1, -1, Q) % Q
    x = pow(xx, (Q + 3) // 8, Q)
    if (x * x - xx) % Q:
        x = x * pow(2, (Q - 1) // 4, Q) % Q
    assert (x * x - xx) % Q == 0, "not on the curve"
    return (x if x & 1 == sign else Q - x), y


def ed_encode(point):
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def place(kind, dep_id, P, chain, e):
    """b, h, P_b and tag (4.3, F8)."""
    b = KDF(b"blind", chain, dep_id + kind + u32(e))
    wide = hashlib.sha512(b"MP3v1/blind\0" + kind + dep_id + P + u32(e) + b).digest()
    h = int.from_bytes(wide, "little") % L
    P_b = ed_encode(ed_mul(h, ed_decode(P)))
    return b, h.to_bytes(32, "little"), P_b, sha(b"tag", kind, dep_id, u32(e), P_b)[:16]


def check_record(kind, dep_id, P_b, e, value):
    ct, sig = value[:-64], value[-64:]
    VerifyKey(P_b).verify(b"MP3v1/rec\0" + kind + dep_id + u32(e) + ct, sig)
    return ct


@dataclass
class Reader:
    """(x, A, B), Lambda, rk, and what records make of them."""

    dep_id: bytes
    rho: int
    x: int
    A: object
    B: object
    Lambda: bytes
    rk: bytes
    e: int

    def open_lt(self, value):
        """4.5 backwards; gives every intermediate value."""
        dep_id, e, rk = self.dep_id, self.e, self.rk
        b, h, P_b, tag = place(LT, dep_id, self.Lambda, rk, e)
        ct = check_record(LT, dep_id, P_b, e, value)
        tag16, body = ct[:16], ct[16:]
        K_out = KDF(b"outer", rk + self.Lambda, dep_id + u32(e) + tag16)
        stream = Cipher(ChaCha20(K_out, bytes(16)), None).encryptor()
        plain = stream.update(body)
        n = 144 + 128 * self.rho
        header, inner = plain[:n], plain[n:] + tag16
        K, B_S = self.decapsulate(header)
        info = dep_id + u32(e) + P_b + hashlib.sha256(header).digest()
        K_in = KDF(b"inner", K + rk, info)
        payload = ChaCha20Poly1305(K_in).decrypt(
            bytes(12), inner, b"MP3v1/lt-in" + u32(e)
        )
        prk = KDF(b"st-prk", K + rk, dep_id + u32(e))
        found = {
            "blind_b": b,
            "blind_factor": h,
            "P_b": P_b,
            "tag": tag,
            "header": header,
            "K_gt_sha256": hashlib.sha256(K).digest(),
            "K_gt_first16": K[:16],
            "K_inner": K_in,
            "K_outer": K_out,
            "payload": payload,
            "st_prk": prk,
        }
        self.follow(K, B_S, payload)
        return found | {"rk_next": self.rk}

    def decapsulate(self, header):
        """3.4: partial fractions, then e(C1, B_S) e(A, C2)."""
        C1, C2 = g1(header[:48]), g2(header[48:144])
        terms = [(self.x, self.B)]
        for i in range(144, len(header), 128):
            x_i = int.from_bytes(header[i : i + 32], "big")
            terms.append((x_i, g2(header[i + 32 : i + 128])))
        B_S = None
        for i, (x_i, B_i) in enumerate(terms):
            c = 1
            for l, (x_l, _) in enumerate(terms):
                if l != i:
                    c = c * pow(x_l - x_i, -1, R) % R
            term = B_i * fr(c)
            B_S = term if B_S is None else B_S + term
        K = pymcl.pairing(C1, B_S) * pymcl.pairing(self.A, C2)
        return K.serialize(), B_S

    def follow(self, K, B_S, payload):
        """4.4 and the base refresh of F2."""
        e, rk = self.e, self.rk
        assert payload[0] == 1
        if payload[1] & 1:
            assert payload[2] == (1 << self.rho) - 1
            s = (
                int.from_bytes(KDF(b"base", K + rk, self.dep_id + u32(e), 48), "big")
                % R
            )
            self.B = B_S * fr(s or 1)
            self.Lambda = payload[8:40]
            self.rk = KDF(b"rk-new", K + rk, u32(e + 1))
        else:
            self.rk = KDF(b"rk", rk, u32(e + 1))
        self.e += 1

    def B_bytes(self):
        return g2_bytes(self.B)


def st_chain(prk, first, t):
    """F8: ck of an ST epoch, from the root of the LT record."""
    ck = KDF(b"st-ck", prk, u32(first))
    for at in range(first + 1, t + 1):
        ck = KDF(b"st-ck", ck, u32(at))
    return ck


def open_st(dep_id, P_st, ck, t, value):
    b, h, P_b, tag = place(ST, dep_id, P_st, ck, t)
    ct = check_record(ST, dep_id, P_b, t, value)
    K_st = KDF(b"st", ck, dep_id + u32(t) + P_b, 64)
    payload = AESSIV(K_st).decrypt(ct, [b"MP3v1/st-in" + dep_id + u32(t)])
    return {
        "ck": ck,
        "blind_b": b,
        "blind_factor": h,
        "P_b": P_b,
        "tag": tag,
        "K_st": K_st,
        "payload": payload,
    }
