#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""load-failing.py NAME LINE: loads a table line again and again, and each time the kernel fails one allocation more.

Prints how many allocations the call has. A table that is loaded nevertheless is cleared.
"""
import fcntl
import os
import struct
import sys

DM_TABLE_LOAD = 0xC138FD09
DM_TABLE_CLEAR = 0xC138FD0A
HEADER = "3I4i3IQ128s129s7x"
TARGET = "QQiI16s"


def request(name, line):
    start, length, kind, parameters = line.split(" ", 3)
    target = struct.pack(TARGET, int(start), int(length), 0, 0, kind.encode()) + parameters.encode() + b"\0"
    target += b"\0" * (-len(target) % 8)
    size = struct.calcsize(HEADER)
    header = struct.pack(HEADER, 4, 0, 0, size + len(target), size, 1, 0, 0, 0, 0, 0, name.encode(), b"")
    return header + target


def load(control, message, nth_file, nth):
    """False if the call has fewer allocations."""
    os.pwrite(nth_file, b"%d" % nth, 0)
    try:
        fcntl.ioctl(control, DM_TABLE_LOAD, bytearray(message))
    except OSError:
        pass
    left = int(os.pread(nth_file, 16, 0))
    os.pwrite(nth_file, b"0", 0)
    fcntl.ioctl(control, DM_TABLE_CLEAR, bytearray(message))
    return left == 0


def main():
    message, nth = request(sys.argv[1], sys.argv[2]), 1
    nth_file = os.open("/proc/thread-self/fail-nth", os.O_RDWR)
    with open("/dev/mapper/control", "rb") as control:
        while load(control, message, nth_file, nth):
            nth += 1
    print(nth - 1)


main()
