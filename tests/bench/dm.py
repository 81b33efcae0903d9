# SPDX-License-Identifier: GPL-2.0-only
"""Steers a mapped device without a program that has to be started: for what is measured.

Each program that starts reads files of the host, and while the host answers the simulated clock leaps.
"""
import fcntl
import struct

# struct dm_ioctl, struct dm_target_spec and commands of <linux/dm-ioctl.h>
HEADER = struct.Struct("=3I 2I I i 3I Q 128s 129s 7x")
TARGET = struct.Struct("=2Q i I 16s")
SUSPEND, WAIT, LOAD, STATUS, MESSAGE = 6, 8, 9, 12, 14
SUSPEND_FLAG = 1 << 1
EVENTS = 8
ROOM = 4096


class Device:
    def __init__(self, name):
        self.name = name.encode()
        self.control = open("/dev/mapper/control", "rb")

    def _do(self, command, targets=0, flags=0, events=0, data=b""):
        header = HEADER.pack(4, 0, 0, HEADER.size + ROOM, HEADER.size, targets, 0, flags, events, 0, 0, self.name, b"")
        argument = bytearray(header + data.ljust(ROOM, b"\0"))
        number = 3 << 30 | HEADER.size << 16 | 0xFD << 8 | command
        fcntl.ioctl(self.control, number, argument)
        return argument

    def suspend(self):
        self._do(SUSPEND, flags=SUSPEND_FLAG)

    def resume(self):
        """Returns how many events the device has had."""
        return HEADER.unpack_from(self._do(SUSPEND))[EVENTS]

    def wait(self, events):
        """Until it has had more; returns how many."""
        return HEADER.unpack_from(self._do(WAIT, events=events))[EVENTS]

    def message(self, text):
        self._do(MESSAGE, data=bytes(8) + text.encode())

    def load(self, sectors, kind, params):
        self._do(LOAD, targets=1, data=TARGET.pack(0, sectors, 0, 0, kind.encode()) + params.encode())

    def status(self):
        """What its first target says of itself."""
        argument = self._do(STATUS)
        start = HEADER.unpack_from(argument)[4] + TARGET.size
        return argument[start:argument.index(0, start)].decode()
