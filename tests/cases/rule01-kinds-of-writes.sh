#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# FUA, flushed and odd writes are saved before, a flush alone passes; a NOWAIT write that would be held fails instead
# tier: core
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

fault_pair 4
mk_null cached 4 cache_size=1 > /dev/null
dd if="$pit" of=/dev/cached bs=1M oflag=direct status=none
cbw_create cbw /dev/cached /dev/target0 128 "sync none"
put 0 oflag=direct,sync
put 1 conv=fsync
put 2 oflag=direct,dsync
dd if="$new" of=/dev/mapper/cbw bs=64k count=1 seek=4 oflag=direct,sync status=none
dd if="$new" of=/dev/mapper/cbw bs=512 count=1 seek=$((7 * 128 - 1)) oflag=direct status=none
assert_status cbw=5
assert_pit /dev/target0 0 1 2 4 6
assert_new /dev/cached 1

nowait() { # CHUNK
	python3 - "$1" <<-'END'
		import mmap, os, sys
		page = mmap.mmap(-1, 4096)
		fd = os.open("/dev/mapper/cbw", os.O_RDWR | os.O_DIRECT)
		try:
		    os.pwritev(fd, [page], int(sys.argv[1]) * 65536, os.RWF_NOWAIT)
		except BlockingIOError:
		    sys.exit("would block")
	END
}
expect_fail 'would block' nowait 20
assert_status cbw=5 held=0
assert_pit /dev/cached 20
nowait 0

# A flush has no data: it passes to the origin, however much is pending.
before=$(dev_flushes /dev/cached)
say sync /dev/mapper/cbw
(($(dev_flushes /dev/cached) > before)) || fail "the flush did not reach the origin"
assert_status cbw=5 held=0

# And a write that has been held takes its flags with it.
before=$(dev_flushes /dev/cached)
slow target 200
dmsetup remove --retry cbw
cbw_create cbw /dev/cached "$target" 128 "sync none"
put 30 oflag=direct,sync
(($(dev_flushes /dev/cached) > before)) || fail "what was held lost its FUA"
assert_pit "$target" 30
assert_status cbw=1
