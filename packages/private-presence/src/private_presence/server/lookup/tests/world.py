"""Lookup servers in memory, with a registrar that follows a script."""

import asyncio
from hashlib import sha256

from private_presence.pir import Records
from private_presence.pir.table import TableId
from private_presence.primitives import tokens
from private_presence.primitives.curve import encode_g2
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.primitives.tokens import Role
from private_presence.protocol import lookup_server as ls
from private_presence.protocol import manifest as mf
from private_presence.protocol.ask import backend_of
from private_presence.protocol.deployment import Deployment
from private_presence.protocol.directory import Directory
from private_presence.protocol.epochs import Kind, first_st, start_of
from private_presence.protocol.quota import roles
from private_presence.protocol.signed import encode_signed
from private_presence.protocol.tests.world import (
    REGISTRAR,
    SERVERS,
    deployment,
    value_size,
)
from private_presence.server.clock import ManualClock
from private_presence.server.endpoints import match
from private_presence.server.lookup.server import LookupServer
from private_presence.server.lookup.shelf import TableKey
from private_presence.server.metrics import Metrics
from private_presence.server.tests.local_peers import LocalPeers

DAY = 100
ROOT = bytes(32)
T = first_st(deployment(), DAY)
LT, ST = TableKey(Kind.LT, DAY), TableKey(Kind.ST, T)


class Registrar:
    """R: publishes one table after the other; what it made once it keeps."""

    def __init__(self, config, peers):
        self.config, self.peers = config, peers
        self.rng = SeededRandomness("registrar")
        self.previous = dict.fromkeys(Kind, bytes(32))
        self.manifests = {}
        self.servers = range(len(config.servers))

    async def commitments(self, key):
        asked = [await self.peers.commitment(i, *key) for i in self.servers]
        return tuple(
            ls.verify_commitment(data, self.config, *key, i)
            for i, data in enumerate(asked)
        )

    async def push(self, key, raw, server):
        digest = sha256(raw).digest()
        signature = ls.sign_raw(self.config, *key, digest, REGISTRAR, self.rng)
        body = signature + raw
        return await self.peers.ask(server, "POST", "raw", *key, body)

    async def opening(self, key, raw, server):
        data = await self.peers.opening(server, *key, sha256(raw).digest())
        opening = ls.decode_opening(data)
        ls.verify_opening(opening, self.config, *key, server)
        return opening.part

    async def manifest(self, key, raw, **changes):
        told = await self.commitments(key)
        for i in self.servers:
            await self.push(key, raw, i)
        parts = tuple([await self.opening(key, raw, i) for i in self.servers])
        return self.make(key, raw, told, parts, **changes)

    def make(self, key, raw, told, parts, **changes):
        config, digest = self.config, sha256(raw).digest()
        salt = mf.mix_salt(config.dep_id, *key, digest, parts)
        size = value_size(config, key.kind)
        records = Records.from_bytes(raw, value_size=size)
        table = backend_of(config).encode(records, TableId(config.dep_id, *key), salt)
        keys = self.token_keys(key.epoch + 1) if key.kind is Kind.LT else ()
        fields = {
            "dep_id": config.dep_id,
            "kind": int(key.kind),
            "epoch": key.epoch,
            "count": len(records),
            "value_size": size,
            "raw_hash": digest,
            "previous": self.previous[key.kind],
            "commitments": told,
            "openings": parts,
            "salt": salt,
            "token_keys": keys,
            "layout": table.manifest,
        }
        return mf.Manifest(**{**fields, **changes})

    def token_keys(self, day):
        config = self.config
        pairs = [tokens.token_key(ROOT, config.dep_id, r, day) for r in roles(config)]
        return tuple(bytes(encode_g2(pair.public)) for pair in pairs)

    async def sign(self, key, manifest):
        encoded = mf.encode_manifest(manifest)
        signatures = [mf.sign_manifest(encoded, REGISTRAR, self.rng)]
        for i in self.servers:
            signatures.append(await self.ask_to_sign(i, key, manifest))
        return encode_signed(encoded, signatures)

    async def ask_to_sign(self, server, key, manifest):
        encoded = mf.encode_manifest(manifest)
        own = mf.sign_manifest(encoded, REGISTRAR, self.rng)
        return await self.peers.countersign(server, *key, own, encoded)

    async def publish(self, key, raw):
        if key not in self.manifests:
            self.manifests[key] = await self.manifest(key, raw)
        signed = await self.sign(key, self.manifests[key])
        for i in self.servers:
            await self.peers.publish(i, *key, signed)
        encoded = mf.encode_manifest(self.manifests[key])
        self.previous[key.kind] = mf.manifest_hash(encoded)
        return self.manifests[key]


class Bed:
    """Servers over one clock, and R."""

    def __init__(self, folder, servers=2, now=None, first_files=None, **options):
        limits = options.pop("limits", None)
        self.workers = options.pop("workers", 1)
        self.kernel = options.pop("kernel", "numpy")
        keys = SERVERS[:servers]
        changes = {"servers": tuple(key.public for key in keys), "privacy": 1}
        self.config = deployment(**{**changes, **options})
        self.clock = ManualClock(now or start_of(self.config, Kind.ST, T) - 20.0)
        self.peers = LocalPeers()
        self.folder, self.keys, self.limits = folder, keys, limits
        self.servers = []
        for i in range(servers):
            self.servers.append(self.start(i, files=first_files if i == 0 else None))
        self.peers.services = self.servers
        self.registrar = Registrar(self.config, self.peers)

    def start(self, index, **options):
        place = Deployment(self.config, Directory(self.config.dep_id, 1, ()))
        return LookupServer(
            place,
            index,
            self.keys[index],
            self.folder / f"server {index}",
            self.peers,
            self.clock,
            SeededRandomness(f"server {index} {len(self.servers)}"),
            Metrics(),
            self.workers,
            self.kernel,
            file=b"the deployment's file",
            limits=self.limits,
            **options,
        )

    async def restart(self, index, **options):
        await self.servers[index].close()
        self.servers[index] = self.start(index, **options)

    async def close(self):
        for server in self.servers:
            await server.close()

    async def ask(self, server, method, path, body=b""):
        found = match(method, path)
        limit = self.servers[server].limit(found)
        if limit is None:
            return 404, b""
        if len(body) > limit:
            return 413, b""
        reply = await self.servers[server].handle(found, body)
        return reply.status, reply.body

    async def lookup_ready(self, st=ST, n=40):
        """Publish the tables that a lookup needs: the keys of today, and records."""
        await self.registrar.publish(TableKey(Kind.LT, DAY - 1), b"")
        raw = some_records(self.config, Kind.ST, n)
        manifest = await self.registrar.publish(st, raw)
        await self.clock.advance(25)  # into the epoch
        return manifest

    def token(self, server, seed, day=DAY, role=None):
        role = Role.LOOKUP + server if role is None else role
        rng = SeededRandomness(f"token {seed}")
        pair = tokens.token_key(ROOT, self.config.dep_id, role, day)
        blinded = tokens.blind(role, day, rng.draw(32), rng)
        signed = tokens.issue(pair, blinded.message)
        return tokens.unblind(blinded, signed, role, day, pair.public)

    def query(self, manifest, seed="query", wanted=()):
        rng = SeededRandomness(seed)
        return backend_of(self.config).query(manifest.layout, list(wanted), rng.draw)

    def body(self, manifest, query, token, day=DAY):
        digest = mf.manifest_hash(mf.encode_manifest(manifest))
        return token + day.to_bytes(4, "big") + digest + query


def some_records(config, kind, n, seed="records"):
    rng = SeededRandomness(seed)
    size = value_size(config, kind)
    return b"".join(
        tag + rng.draw(size) for tag in sorted(rng.draw(16) for _ in range(n))
    )


def running(folder, test, **options):
    """Run an async test with a bed, and close the bed."""

    async def whole():
        bed = Bed(folder, **options)
        try:
            return await test(bed)
        finally:
            await bed.close()

    return asyncio.run(whole())
