#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# what changes while it is written, and writes that race for the same sectors, leave the same on both devices
# timeout: 180
# shellcheck disable=SC2034,SC2154 # the names are those of pit.sh; a counter
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"
. "${CBW_LIB%/*}/mirror.sh"

race() { # SECONDS: writers of 8 to 64 KiB within 1 MiB, each from memory that another thread changes all the time
	python3 - "$1" "$CBW_SEED" <<-'END'
		import mmap, os, random, sys, threading, time
		end, seed = time.monotonic() + float(sys.argv[1]), int(sys.argv[2])
		device = os.open('/dev/mapper/cbw', os.O_WRONLY | os.O_DIRECT)
		written, done = [], []
		def goes_on():
		    return time.monotonic() < end or len(written) < 100
		def write(number):
		    chance, memory = random.Random(seed + number), mmap.mmap(-1, 65536)
		    def change():
		        other = random.Random(seed - number)
		        while goes_on():
		            at = other.randrange(64) * 1024
		            memory[at:at + 1024] = other.randbytes(1024)
		    thread = threading.Thread(target=change)
		    thread.start()
		    while goes_on():
		        size = chance.choice((8192, 16384, 65536))
		        written.append(os.pwritev(device, [memoryview(memory)[:size]], chance.randrange(1 << 8) * 4096) == size)
		    thread.join()
		    done.append(number)
		threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
		[t.start() for t in threads]
		[t.join() for t in threads]
		# A thread that fails ends alone.
		if len(done) != len(threads) or not all(written) or len(written) < 100:
		    sys.exit(f'{len(done)} of {len(threads)} writers came to their end, after {len(written)} writes')
	END
}

length=$((4 << 11))
origin=$(mk_null origin 4)
target=$(mk_null target 5)
mk_linear cbw "$origin" 0 "$length" > /dev/null
behind > "$CBW_TMP/behind"
mirror 8 "copy_mode write-blocking"
for i in 1 2 3; do
	race 3
	say dmsetup suspend cbw
	assert_status state=ready inflight=0 reason=synced
	assert_mirrored
	say dmsetup resume cbw
done
