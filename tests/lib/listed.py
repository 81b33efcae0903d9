# SPDX-License-Identifier: GPL-2.0-only
"""Looks at a job with sync top or bitmap, chunk by chunk.

IMAGE is the point in time; LIST has the ranges that were added, a first sector and a length in each line.

check IMAGE LIST CHUNK TARGET FOREIGN VIEW
    Each chunk of the target device is that of the image, or what was there before (FOREIGN); a listed one is that of
    the image. The view has the same, and zeroes for the others. Prints how many were saved, and how many of these
    were not listed.
read IMAGE LIST CHUNK VIEW SEED
    Reads here and there until SIGTERM: what is not listed may become zeroes, and stays so then. Says when it has begun,
    and at the end how often it has read, and how many chunks became zeroes.
follow IMAGE LIST CHUNK NEXT TARGET
    Of an incremental backup upon that: each chunk of the target device is that of the image NEXT, but for those that
    were not listed and have not changed. Prints how many these are.
"""
import mmap
import os
import random
import signal
import sys


def listed(path, chunk):
    chunks = set()
    with open(path) as ranges:
        for line in ranges:
            start, length = map(int, line.split())
            chunks.update(range(start // chunk, (start + length - 1) // chunk + 1))
    return chunks


def pieces(data, size):
    return [data[i:i + size] for i in range(0, len(data), size)]


def content(path, length):
    with open(path, 'rb') as file:
        return file.read(length)


def is_zero(data):
    return not data.strip(b'\0')


def check(image, wanted, size, target, foreign, view):
    saved = extra = 0
    rows = zip(*(pieces(content(path, len(image)), size) for path in (target, foreign, view)))
    for number, (old, (now, before, seen)) in enumerate(zip(pieces(image, size), rows)):
        if now == old:
            saved += 1
            extra += number not in wanted
            if seen != old:
                sys.exit(f'chunk {number} is saved, and something else in the view')
        elif number in wanted or now != before:
            sys.exit(f'chunk {number} of the target device is neither the point in time nor what was there')
        elif not is_zero(seen):
            sys.exit(f'chunk {number} is excluded, and not zeroes in the view')
    print(saved, extra)


def follow(image, wanted, size, new, target):
    left = 0
    rows = zip(*(pieces(content(path, len(image)), size) for path in (new, target)))
    for number, (old, (right, now)) in enumerate(zip(pieces(image, size), rows)):
        if now == right:
            continue
        if number in wanted or old != right:
            sys.exit(f'chunk {number} is not that of the point in time')
        left += 1
    print(left)


def read_once(fd, buffer, image, wanted, size, zeroes):
    most = len(image) // 4096
    first = random.randrange(most)
    count = min(random.randrange(1, 64), most - first)
    offset, length = first * 4096, count * 4096
    os.preadv(fd, [memoryview(buffer)[:length]], offset)
    while length:
        number = offset // size
        part = min(length, (number + 1) * size - offset)
        at = offset - first * 4096
        data = buffer[at:at + part]
        if number not in zeroes and data == image[offset:offset + part]:
            pass
        elif number not in wanted and is_zero(data):
            zeroes.add(number)
        else:
            sys.exit(f'{part} bytes at {offset} are neither the point in time nor zeroes that are right')
        offset += part
        length -= part


def main():
    verb, image, ranges, chunk = sys.argv[1:5]
    with open(image, 'rb') as file:
        image = file.read()
    wanted, size = listed(ranges, int(chunk)), int(chunk) * 512
    if verb == 'check':
        check(image, wanted, size, *sys.argv[5:])
        return
    if verb == 'follow':
        follow(image, wanted, size, *sys.argv[5:])
        return
    random.seed(int(sys.argv[6]))
    fd = os.open(sys.argv[5], os.O_RDONLY | os.O_DIRECT)
    buffer = mmap.mmap(-1, 64 * 4096)
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    zeroes, reads = set(), 0
    print('reading', flush=True)
    while not stop:
        read_once(fd, buffer, image, wanted, size, zeroes)
        reads += 1
    print(reads, len(zeroes))


main()
