#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""hog.py MIB SEED: takes so much memory, page by page, then finds out whether each page still is what it was."""
import mmap
import random
import sys

PAGE = mmap.PAGESIZE


def content(seed, number):
    return (seed << 32 | number).to_bytes(16, "little") * (PAGE // 16)


def main():
    pages, seed = (int(sys.argv[1]) << 20) // PAGE, int(sys.argv[2])
    memory = mmap.mmap(-1, pages * PAGE)
    for number in range(pages):
        memory[number * PAGE:(number + 1) * PAGE] = content(seed, number)
    order = list(range(0, pages, 16))
    random.Random(seed).shuffle(order)
    for first in order:
        for number in range(first, min(first + 16, pages)):
            if memory[number * PAGE:(number + 1) * PAGE] != content(seed, number):
                sys.exit("page %d is not what it was" % number)


main()
