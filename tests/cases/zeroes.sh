#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# zeroes are written as such, or not at all: the backup takes no more space than the origin does, and is the same
# timeout: 300
# shellcheck disable=SC2034 # CBW_JOB is read by guest.sh
. "$CBW_LIB"

need_module dm_cbw dm_thin_pool
RANDOM=$CBW_SEED
chunks=161 sectors=$((160 * 128 + 56))

# Every fifth chunk or so, at its beginning or only at its end, and the last.
scatter() { # DEVICE
	local chunk start
	for ((chunk = 0; chunk < chunks; chunk++)); do
		((RANDOM % 5 == 0 || chunk == chunks - 1)) || continue
		start=$((chunk * 128 + (chunk < chunks - 1 && RANDOM % 2 ? 120 : 0)))
		dd if=/dev/urandom of="$1" bs=512 count=$((1 + RANDOM % 8)) seek=$start oflag=direct status=none
		written=$((written + 1))
	done
}

backup() { # ORIGIN TARGET CHUNK ['FEATURE ARGUMENTS']: with writes of all kinds meanwhile
	cbw_create cbw "$1" "$2" "$3" "engine buffered paused $4" $sectors
	for chunk in 3 70 71 $((chunks - 1)); do
		dd if=/dev/urandom of=/dev/mapper/cbw bs=512 count=8 seek=$((chunk * 128)) oflag=direct status=none
	done
	blkdiscard --zeroout --offset $((40 * 65536)) --length 1M /dev/mapper/cbw
	dmsetup message cbw 0 resume
	cbw_wait cbw completed
	dmsetup remove --retry cbw
	assert_same "$CBW_TMP/pit" "$2" $((sectors * 512))
}

mapped() { # THIN: prints how many blocks it has
	echo $(($(dmsetup status "$1" | cut -d' ' -f4) / 128))
}

fill() { # DEVICE: with anything but zeroes
	dd if=/dev/urandom of="$1" bs=64k count=$chunks oflag=direct status=none 2> /dev/null || true
}

meta=$(mk_null meta 8)
data=$(mk_null data 64)
say dmsetup create pool --table "0 $(dev_sectors "$data") thin-pool $meta $data 128 0"
for id in 0 1 2; do
	dmsetup message pool 0 "create_thin $id"
	say dmsetup create thin$id --table "0 $((chunks * 128)) thin /dev/mapper/pool $id"
done
written=0
scatter /dev/mapper/thin0
dd if=/dev/mapper/thin0 of="$CBW_TMP/pit" bs=512 count=$sectors status=none
had=$(mapped thin0)
assert_eq "$had" $written "the blocks of the origin"

# --- not at all: the target device is known to be zero ----------------------------------------------------------

backup /dev/mapper/thin0 /dev/mapper/thin1 128 "zeroes skip"
assert_eq "$(mapped thin1)" "$had" "the blocks of the backup"
dd if="$CBW_TMP/pit" of=/dev/mapper/thin0 bs=64k oflag=direct status=none
backup /dev/mapper/thin0 /dev/mapper/thin2 8 "zeroes skip"
assert_eq "$(mapped thin2)" "$had" "the blocks of the backup in chunks of 4 KiB"

# What alternates goes in few steps, each of which waits for the one before.
origin=$(mk_null origin 16)
target=$(mk_null target 16)
python3 -c 'import sys; sys.stdout.buffer.write((b"x" * 4096 + bytes(4096)) * 2048)' > "$CBW_TMP/alternating"
dd if="$CBW_TMP/alternating" of="$origin" bs=1M oflag=direct status=none
cbw_create cbw "$origin" "$target" 8 "engine buffered zeroes skip"
cbw_wait cbw completed
dmsetup remove --retry cbw
assert_same "$CBW_TMP/alternating" "$target"
(($(dev_writes "$target") <= 256)) || fail "$(dev_writes "$target") writes to the target device"

# --- as zeroes: the target device has anything ------------------------------------------------------------------

back() {
	dd if="$CBW_TMP/pit" of="$origin" bs=64k oflag=direct status=none
}

loop=$(mk_loop sparse 16M)
fill "$loop"
sync "$CBW_TMP/sparse.img"
before=$(stat -c %b "$CBW_TMP/sparse.img")
back
backup "$origin" "$loop" 128 "zeroes write-zeroes"
sync "$CBW_TMP/sparse.img"
(($(stat -c %b "$CBW_TMP/sparse.img") <= before - (chunks - had) * 128 + 128)) ||
	fail "no space was given back: $(stat -c %b "$CBW_TMP/sparse.img") of $before blocks"

# One that cannot: it gets data, as any other.
assert_eq "$(cat /sys/block/target/queue/write_zeroes_max_bytes)" 0 "what null_blk writes of zeroes"
fill "$target"
back
backup "$origin" "$target" 128 "zeroes write-zeroes"

# One that could, and cannot any more.
mk_linear changing "$loop" > /dev/null
fill "$target"
back
cbw_create cbw "$origin" /dev/mapper/changing 128 "engine buffered paused zeroes write-zeroes" $sectors
say dmsetup load changing --table "0 $(dev_sectors "$loop") linear $target 0"
say dmsetup resume changing
dmsetup message cbw 0 resume
cbw_wait cbw completed
assert_status target_errors=0
dmsetup remove --retry cbw
assert_same "$CBW_TMP/pit" "$target" $((sectors * 512))

# One that fails some: what they were to zero is written as data, and what comes later is zeroed again.
load_test_module erasable mib=16 fails=2
fill /dev/erasable
back
backup "$origin" /dev/erasable 128 "zeroes write-zeroes"
(($(< /sys/module/erasable/parameters/zeroed) > 2)) || fail "the first failures were the end of all zeroes"

# A mirror, too.
CBW_JOB=mirror
fill "$loop"
back
cbw_create cbw "$origin" "$loop" 128 "engine buffered zeroes write-zeroes" $sectors
cbw_wait cbw ready
dmsetup message cbw 0 cancel
dmsetup remove --retry cbw
assert_same "$CBW_TMP/pit" "$loop" $((sectors * 512))
