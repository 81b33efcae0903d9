#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# reads of the view that must not wait or are large, a suspend of it that is given up, its new table, a second view
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

begin_read() { # CHUNK: sets $reader
	dd if=/dev/mapper/view of="$CBW_TMP/read" bs=64k skip="$1" count=1 iflag=direct status=none 2> "$CBW_TMP/error" &
	reader=$!
	retry 30 in_flight view || fail "the read does not come"
}

still_reads() {
	sleep 0.5
	! gone $reader || fail "a read has not waited"
}

reads_right() { # CHUNK
	ends_as ok $reader
	cmp "$CBW_TMP/read" <(dd if="$pit" bs=64k skip="$1" count=1 status=none) || fail "chunk $1 was wrong"
}

read_with() { # FLAG OFFSET LENGTH: what it says is the point in time
	python3 - "$pit" "$@" <<-'END'
		import mmap, os, sys
		pit, flag, offset, length = sys.argv[1], getattr(os, sys.argv[2], 0), int(sys.argv[3]), int(sys.argv[4])
		pages = mmap.mmap(-1, length)
		fd = os.open("/dev/mapper/view", os.O_RDONLY | os.O_DIRECT)
		try:
		    got = os.preadv(fd, [pages], offset, flag)
		except BlockingIOError:
		    sys.exit("would block")
		with open(pit, "rb") as file:
		    file.seek(offset)
		    sys.exit(0 if pages[:got] == file.read(got) and got == length else "not the point in time")
	END
}

start() { # ORIGIN TARGET
	table="0 8192 cbw-snapshot $1"
	cbw_create cbw "$1" "$2" 128 "sync none cbw_timeout 0"
	say dmsetup create view --readonly --table "$table"
	put 1
	put 2
	put 5
}

fault_pair 4

# On devices of which each can refuse to wait. Saved and pending chunks by turns.
start "$(base_of origin)" "$(base_of target)"
read_with 0 0 4194304
read_with RWF_NOWAIT 65536 65536
read_with RWF_NOWAIT 196608 65536
say dmsetup suspend cbw
read_with RWF_NOWAIT 65536 65536
expect_fail 'would block' read_with RWF_NOWAIT 196608 65536
expect_fail 'would block' read_with RWF_NOWAIT 131072 131072
say dmsetup resume cbw
dmsetup remove view
dmsetup remove cbw
dd if="$pit" of="$(base_of origin)" bs=1M oflag=direct status=none
start "$origin" "$target"
say dmsetup suspend cbw

# Another table takes its reads over.
begin_read 10
dmsetup load view --readonly --table "$table"
say dmsetup suspend --noflush view
still_reads
say dmsetup resume view
still_reads
say dmsetup resume cbw
reads_right 10

# A suspend that a signal ends: what it handed back, and what comes then, waits on.
for flags in --noflush ""; do
	hang origin
	begin_read 11
	suspend_in_vain view ${flags:+"$flags"}
	unhang origin
	reads_right 11
done
say dmsetup suspend cbw
begin_read 12
still_reads
say dmsetup resume cbw
reads_right 12

# What one view releases no other has any more; but nothing else changes for it.
say dmsetup create other --table "$table 1 release"
say blkdiscard --offset $((20 * 65536)) --length 65536 /dev/mapper/other
put 20
assert_status cbw=3
expect_fail 'Input/output error' read_with 0 $((20 * 65536)) 65536
read_with 0 $((21 * 65536)) 1048576
say dmsetup remove other
put 21
assert_status cbw=4

# The job's device goes, by force, while a read waits for it.
say dmsetup suspend cbw
begin_read 30
with_deadline 30 say dmsetup remove --force cbw || say dmsetup remove --retry cbw
ends_as error $reader
[[ $(dmsetup status view) == "0 8192 cbw-snapshot invalid "* ]] || fail "the view is valid: $(dmsetup status view)"
say dmsetup remove view
