# A file that appears whole or not at all.

import os
from hashlib import sha256

from private_presence.protocol.files import Files


def write_raw(path, rows):
    # Returns SHA-256 and the number of rows.
    files, digest, count = Files(), sha256(), 0
    fresh = path.with_name(path.name + ".new")
    handle = files.create(fresh)
    try:
        with os.fdopen(handle, "wb", buffering=1 << 20, closefd=False) as stream:
            for tag, value in rows:
                row = bytes(tag) + bytes(value)
                digest.update(row)
                stream.write(row)
                count += 1
        files.sync(handle)
    finally:
        files.close(handle)
    files.rename(fresh, path)
    files.sync_folder(path.parent)
    return digest.digest(), count
