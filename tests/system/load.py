#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Files that tell of which instant a file system is.

load.py write DIR LOG SEED STOP        one writer: numbered files, and a counter that is replaced, each with fsync, until
                                       the file STOP is there; when each began and was on the disk goes to LOG
load.py check AFTER BEFORE DIR LOG SEED [DIR LOG SEED]...
                                       of all writers: is there an instant in these bounds at which all that was on the
                                       disk by then is there, and whole, and nothing that had not begun? Prints how early
                                       and how late it can be, or ends with status 3. Times are those of
                                       CLOCK_MONOTONIC, in ns.
load.py all DIR LOG SEED [DIR LOG SEED]...
                                       of all writers, which have ended: is all there, and whole?
"""
import os
import random
import sys
import time


def content(seed, number):
    rnd = random.Random(f"{seed}/{number}")
    return rnd.randbytes(rnd.choice((100, 5000, 30000, 60000)) + rnd.randrange(5000))


def sync(path):
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def put(path, data):
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write(folder, log_name, seed, stop):
    os.makedirs(folder, exist_ok=True)
    number = 0
    # It lies in memory, and is read once the writer has ended.
    with open(log_name, "w", buffering=1) as log:
        while not os.path.exists(stop):
            number += 1
            data = content(seed, number)
            begun = time.monotonic_ns()
            put(f"{folder}/{number}", data)
            sync(folder)
            written = time.monotonic_ns()
            put(f"{folder}/counter.new", b"%d\n" % number)
            os.rename(f"{folder}/counter.new", f"{folder}/counter")
            sync(folder)
            print(number, begun, written, time.monotonic_ns(), file=log)
            time.sleep(0.02)


class Instant:
    """The bounds, and what has set them."""

    def __init__(self, after, before):
        self.after, self.before = (after, "the bounds"), (before, "the bounds")

    def not_before(self, when, what):
        self.after = max(self.after, (when, what))

    def not_after(self, when, what):
        self.before = min(self.before, (when, what))


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        print(error, file=sys.stderr)
        return b""


def check_writer(instant, folder, log_name, seed):
    """How many files there are, and how many of the log were begun only after the bounds."""
    last, count, late, latest = int(read(f"{folder}/counter") or 0), 0, 0, instant.before[0]
    with open(log_name) as log:
        rows = [[int(word) for word in line.split()] for line in log]
    for number, begun, written, counted in rows:
        name = f"{folder}/{number}"
        data = read(name)
        late += begun > latest
        count += data is not None
        if data is not None:
            instant.not_before(begun, f"{name} is there")
        if data != content(seed, number):
            instant.not_after(written, f"{name} is not there, or not whole")
        if number <= last:
            instant.not_before(written, f"{folder}/counter is {last}")
        else:
            instant.not_after(counted, f"{folder}/counter is {last}")
    return count, late


def check(after, before, *writers):
    instant = Instant(int(after), int(before))
    count = late = 0
    for i in range(0, len(writers), 3):
        more = check_writer(instant, *writers[i:i + 3])
        count, late = count + more[0], late + more[1]
    if not count or not late:
        sys.exit(f"nothing is proven: {count} files were there, {late} came later")
    if instant.after[0] > instant.before[0]:
        ms = (instant.after[0] - instant.before[0]) / 1e6
        print(f"no instant explains it: {instant.after[1]}, but {instant.before[1]}, as it was {ms:.0f} ms earlier",
              file=sys.stderr)
        sys.exit(3)
    print(f"{count} files were there, {late} came later", file=sys.stderr)
    print(instant.after[0], instant.before[0])


def check_all(*writers):
    count = 0
    for folder, log_name, seed in zip(*[iter(writers)] * 3):
        with open(log_name) as log:
            numbers = [int(line.split()[0]) for line in log]
        lost = [number for number in numbers if read(f"{folder}/{number}") != content(seed, number)]
        if not numbers or lost or int(read(f"{folder}/counter") or 0) != numbers[-1]:
            sys.exit(f"{folder}: of {len(numbers)} files {lost} are not there, or not whole, or the counter is wrong")
        count += len(numbers)
    print(f"{count} files are there")


if __name__ == "__main__":
    {"write": write, "check": check, "all": check_all}[sys.argv[1]](*sys.argv[2:])
