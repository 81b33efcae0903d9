# SPDX-License-Identifier: GPL-2.0-only
"""Compares what the message map says of a device with what a test knows.

mapped.py NAME SECTORS EXPECTED CELL...

EXPECTED has a range in each line: a fate, or "changed", the first sector and the one behind the last; later lines go
before earlier ones. For each CELL all of the device must be told of in order, in lines that lie within one cell each,
and with the sums that follow from that.
"""
import subprocess
import sys

FATES = ['saved', 'pending', 'claimed', 'released', 'excluded']


def lines(name, cell):
    """Of as many messages as it takes."""
    start = 0
    while start is not None:
        answer = subprocess.run(['dmsetup', 'message', name, '0', 'map', str(start), str(cell)],
                                check=True, capture_output=True, text=True).stdout
        asked, start = start, None
        for line in answer.splitlines():
            if line.startswith('next '):
                start = int(line.split()[1])
            else:
                yield [int(word) for word in line.split()]
        if start is not None and start <= asked:
            sys.exit(f'next {start} after {asked}')


def expected(path, sectors):
    fates, changed = [None] * sectors, [False] * sectors
    with open(path) as ranges:
        for line in ranges:
            word, start, end = line.split()
            for sector in range(int(start), min(int(end), sectors)):
                if word in FATES:
                    fates[sector] = word
                else:
                    changed[sector] = word == 'changed'
    return fates, changed


def compare(name, sectors, wanted, cell):
    fates, changed = wanted
    at = 0
    for start, length, *counts in lines(name, cell):
        end = start + length
        if start != at or length < 1 or end > sectors or start // cell != (end - 1) // cell:
            sys.exit(f'cells of {cell}: {start} {length} after {at}')
        sums = [fates[start:end].count(fate) for fate in FATES] + [sum(changed[start:end])]
        if counts != sums:
            sys.exit(f'cells of {cell}: {start} {length} has {counts}, not {sums}')
        at = end
    if at != sectors:
        sys.exit(f'cells of {cell}: it ends at {at}')


for cell in sys.argv[4:]:
    compare(sys.argv[1], int(sys.argv[2]), expected(sys.argv[3], int(sys.argv[2])), int(cell))
