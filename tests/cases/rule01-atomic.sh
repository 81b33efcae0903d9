#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# an atomic write over many pending chunks is held as a whole, and reaches the origin as one
# tier: core
# needs: python3
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

tracing=/sys/kernel/tracing

atomic_write() { # DEVICE BYTES: at its beginning
	python3 - "$1" "$2" <<-'END'
		import mmap, os, sys
		RWF_ATOMIC = 0x40
		length = int(sys.argv[2])
		data = mmap.mmap(-1, length)
		data.write(b"\xa5" * length)
		fd = os.open(sys.argv[1], os.O_RDWR | os.O_DIRECT)
		assert os.pwritev(fd, [data], 0, RWF_ATOMIC) == length
	END
}

[[ $(modinfo --parameters scsi_debug) == *atomic_wr:* ]] || skip "this kernel's scsi_debug has no atomic writes"
origin=$(mk_scsi 8 atomic_wr=1)
target=$(mk_null target 8)
cbw_create cbw "$origin" "$target" 8 "sync none"
queue=$(dm_sysfs cbw)/queue
bytes=$(< "$queue/atomic_write_unit_max_bytes")
((bytes >= 16384)) || skip "this kernel's device-mapper has no atomic writes"
((bytes <= 65536)) || bytes=65536

dd if="$origin" of="$pit" bs="$bytes" count=1 iflag=direct status=none
echo 'rwbs ~ "*W*"' > "$tracing/events/block/block_rq_issue/filter"
echo 1 > "$tracing/events/block/block_rq_issue/enable"
atomic_write /dev/mapper/cbw "$bytes"
echo 0 > "$tracing/events/block/block_rq_issue/enable"

assert_eq "$(cbw_field cbw cbw)" $((bytes / 4096)) "chunks saved by copy-before-write"
assert_same "$pit" "$target" "$bytes"
assert_same <(head -c "$bytes" /dev/zero | tr '\0' '\245') "$origin" "$bytes"
minor=$(stat -c %Hr,%Lr "$origin")
writes=$(grep "block_rq_issue: $minor " "$tracing/trace")
assert_eq "$(wc -l <<< "$writes")" 1 "the number of writes that reached the origin"
grep -q " 0 + $((bytes / 512)) " <<< "$writes" || fail "not one write of $bytes bytes: $writes"
