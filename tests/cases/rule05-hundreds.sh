#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# when a copy fails that hundreds of writes are held on, all of them go on, or under break-write all fail
# tier: core
# timeout: 300
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

writes=500

# All sectors of chunk 3, at once; prints how many were written and how many met which error.
put_all() {
	python3 - $writes <<-'END'
		import collections, mmap, os, sys, threading
		page = mmap.mmap(-1, 512)
		page.write(b"\xff" * 512)
		disk = os.open("/dev/mapper/cbw", os.O_RDWR | os.O_DIRECT)
		# Each has its own: threads that count together lose some.
		ends = [None] * int(sys.argv[1])
		def put(i):
		    try:
		        os.pwrite(disk, page, 3 * 65536 + i % 128 * 512)
		        ends[i] = "written"
		    except OSError as error:
		        ends[i] = os.strerror(error.errno)
		threading.stack_size(65536)
		threads = [threading.Thread(target=put, args=(i,)) for i in range(len(ends))]
		for thread in threads: thread.start()
		for thread in threads: thread.join()
		print(*(f"{number} {what}" for what, number in collections.Counter(ends).items()), sep=", ")
	END
}

# Without a timeout nothing but the copy's error can end them.
all_end() { # POLICY ENDS
	cbw_create cbw "$origin" "$target" 128 "sync none on_cbw_error $1 cbw_timeout 0"
	hang target
	put_all > "$CBW_TMP/ends" &
	retry 60 status_is held=$writes || fail "not all are held: $(dmsetup status cbw)"
	assert_status inflight=1
	# Hangs no longer, but fails.
	inject target write
	retry 60 gone $! || fail "writes do not end: $(dmsetup status cbw)"
	assert_eq "$(< "$CBW_TMP/ends")" "$2" "the end of the writes"
	assert_status held=0 inflight=0 target_errors=1 cbw=0
}

fault_pair 4
all_end break-write "$writes Input/output error"
assert_status state=running
assert_same "$pit" "$origin"
mend target
assert_eq "$(put_all)" "$writes written" "the end of the writes after that"
assert_pit "$target" 3
assert_status state=running cbw=1 target_errors=1
dmsetup remove --retry cbw

dd if="$pit" of="$origin" bs=1M oflag=direct status=none
all_end break-snapshot "$writes written"
assert_status state=failed reason=cbw-error
cmp <(read_chunk "$origin" 3) "$new" || fail "not all that was written is on the origin"
