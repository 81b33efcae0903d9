#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Reads a metadata device as Documentation/metadata.rst tells, and holds it against the origin and its backup.

usage: metadata.py METADATA     prints generation, state, sectors of a chunk, how many are set
"""
import pathlib
import struct
import sys
import uuid
import zlib

BYTES = 504


class Damaged(Exception):
    pass


class Metadata:
    def __init__(self, data):
        self.data = data
        record = self.record(0)
        csum, version = struct.unpack_from("<II", record)
        magic, self.map, generation = record[8:24], record[24:40], record[40:56]
        if magic != b"dm-cbw changes\n\0" or version != 1 or csum != self.checksum(0, record):
            raise Damaged("the superblock is damaged")
        self.sectors, self.chunk, state = struct.unpack_from("<QII", record, 56)
        self.marks = [struct.unpack_from("<II", record, 96 + 8 * i) for i in range(16)]
        self.generation = str(uuid.UUID(bytes=generation)) if generation != bytes(16) else "-"
        self.state = {1: "open", 2: "closed"}[state]
        self.nr_chunks = -(-self.sectors // self.chunk)

    def record(self, number):
        return bytes(self.data[number * 512:(number + 1) * 512])

    def checksum(self, number, record):
        return zlib.crc32(self.map + struct.pack("<Q", number) + record[4:])

    def changed(self):
        """A byte for each chunk."""
        bits = b""
        for number in range(8, 8 + -(-self.nr_chunks // (8 * BYTES))):
            record = self.record(number)
            if struct.unpack_from("<I", record)[0] != self.checksum(number, record):
                raise Damaged(f"sector {number} is damaged")
            bits += record[8:]
        return [bits[chunk // 8] >> chunk % 8 & 1 for chunk in range(self.nr_chunks)]


def check(metadata, origin, backup):
    """What is wrong, or None."""
    changed, size = metadata.changed(), metadata.chunk * 512
    # Another device may lie behind it.
    origin, backup = origin[:metadata.sectors * 512], backup[:metadata.sectors * 512]
    missing = [chunk for chunk in range(metadata.nr_chunks)
               if not changed[chunk] and origin[chunk * size:(chunk + 1) * size] != backup[chunk * size:(chunk + 1) * size]]
    if missing:
        return f"{len(missing)} chunks have changed since {metadata.generation} and are not in the map, as {missing[:5]}"
    for i, mark in enumerate(metadata.marks):
        at = (i if i < 8 else 120 + i) * 512
        if zlib.crc32(origin[at:at + 512]) ^ 0xffffffff not in mark:
            return f"sector {at // 512} of the origin is not what its mark says"
    return None


def show(path):
    metadata = Metadata(pathlib.Path(path).read_bytes())
    print(metadata.generation, metadata.state, metadata.chunk, sum(metadata.changed()) if metadata.generation != "-" else 0)


if __name__ == "__main__":
    try:
        show(sys.argv[1])
    except Damaged as error:
        sys.exit(str(error))
