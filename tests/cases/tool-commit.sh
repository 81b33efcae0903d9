#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# an overlay is merged into its base beneath writers; however far that comes, the overlay reads as before
# timeout: 600
# shellcheck disable=SC2034,SC2154 # the names are those of pit.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/tool.sh"
. "${CBW_LIB%/*}/pit.sh"

need_module dm_snapshot dm_thin_pool
size=16

snapshot_table() { # BASE
	echo "0 $(dev_sectors "$1") snapshot $1 /dev/cow P 8"
}

# What a discard leaves nobody may rely on, and an overlay less than others.
writes() {
	start_writers --discard 0
}

reads_as_before() { # what was written stands in the volume
	check_stamps /dev/mapper/cbw --final
	check_stamps "$origin" --final
}

fill_base() { # DEVICE
	cbw-stamp fill "$1" --seed "$CBW_SEED" --block 512
	rm -f "$log"
}

merged() { # beneath writers; the volume is on the base, and nothing else is needed
	writes
	tool mirror cbw "$target" --force --overwrite --pivot --quiet
	volume_is_own "0 $length linear $(lsblk -dno MAJ:MIN "$target" | tr -d ' ') 0"
	sleep 0.5
	stop_writers
	check_stamps /dev/mapper/cbw --final
	check_stamps "$target" --final
}

# --- a dm-snapshot, in use as it is -------------------------------------------------------------------------

target=$(mk_null base $size discard=1)
length=$(dev_sectors "$target")
mk_null cow $((size + 8)) > /dev/null
fill_base "$target"
origin=/dev/mapper/overlay
say dmsetup create cbw --table "$(snapshot_table "$target")"
wrong_use 1 "cbw has the target 'snapshot', .*" mirror cbw "$target" --force
# It gets a linear device of its own, as the manual has it, while it is written to.
writes
say dmsetup create overlay --notable
say dmsetup load overlay --table "$(dmsetup table cbw)"
say dmsetup suspend cbw
say dmsetup resume overlay
say dmsetup load cbw --table "0 $length linear /dev/mapper/overlay 0"
say dmsetup resume cbw

# --- refused ---------------------------------------------------------------------------------------------------

wrong_use 1 ".*base holds the data of .*cbw" backup cbw "$target" --force
wrong_use 1 ".*base is the base of the volume; --force merges that into it" mirror cbw "$target"
say dmsetup create other --table "0 $length snapshot-origin $target"
wrong_use 1 "/dev/base would change, and is in use by /dev/mapper/other, too" mirror cbw "$target" --force
dmsetup remove other
mk_linear other "$origin" > /dev/null
wrong_use 1 "/dev/mapper/overlay would change, and is in use by /dev/mapper/other, too" mirror cbw "$target" --force
dmsetup remove other
mk_linear other "$target" 8 80 > /dev/null
mk_linear piece /dev/mapper/other > /dev/null
wrong_use 1 ".*base holds the data of .*piece" mirror piece "$target" --force
dmsetup remove piece
dmsetup remove other

# --- it comes to nothing ---------------------------------------------------------------------------------------

tool mirror cbw "$target" --force --no-wait --speed 2M --copy-mode write-blocking
retry 60 eval '(($(cbw_field cbw done) > 40))' || fail "nothing is copied"
tool cancel cbw
stop_writers
reads_as_before
# As after the machine has stopped: what the overlay holds, and the base.
dmsetup remove cbw
dmsetup remove overlay
say dmsetup create overlay --table "$(snapshot_table "$target")"
mk_linear cbw "$origin" > /dev/null
reads_as_before

# --- a copy ----------------------------------------------------------------------------------------------------

writes
tool mirror cbw "$target" --force --quiet --copy-mode write-blocking
after=$(cbw-stamp now)
tool cancel cbw
before=$(cbw-stamp now)
sleep 0.3
stop_writers
chunk=128
check_stamps "$target" --after "$after" --before "$before" --chunk 128s
reads_as_before

# --- the merge -------------------------------------------------------------------------------------------------

merged
say dmsetup remove overlay
dmsetup remove cbw

# --- only what the overlay holds is copied -----------------------------------------------------------------------

put() { # CHUNK...: of 64 KiB
	local chunk
	for chunk; do
		dd if=/dev/urandom of=/dev/mapper/cbw bs=4K seek=$((chunk * 16 + RANDOM % 16)) count=1 oflag=direct status=none
	done
}

dd if=/dev/zero of=/dev/cow bs=64K count=1 oflag=direct status=none
say dmsetup create overlay --table "$(snapshot_table "$target")"
mk_linear cbw "$origin" > /dev/null
put 1 7 8 255
tool mirror cbw "$target" --force --json > "$CBW_TMP/json"
assert_eq "$(json 'j[0]["sync"], j[0]["sweep_chunks"], j[0]["state"]' < "$CBW_TMP/json")" "('bitmap', 4, 'ready')" "the mirror"
put 9
tool cancel cbw
assert_same "$origin" "$target"
# Killed at any step: the overlay reads as ever, and nothing is left.
put 20 30
sum=$(sha256sum < /dev/mapper/cbw)
number=1
while tool_dies "after:$number" mirror cbw "$target" --force --overwrite --quiet; do
	[[ $(tool repair) != *"goes on"* ]] || tool cancel cbw
	says_nothing tool repair
	volume_is_own "0 $length linear $(lsblk -dno MAJ:MIN "$origin" | tr -d ' ') 0"
	blockdev --flushbufs /dev/mapper/cbw
	assert_eq "$(sha256sum < /dev/mapper/cbw)" "$sum" "what the volume holds"
	number=$((number + 1))
done
((number >= 8)) || fail "only $number steps"
tool cancel cbw
assert_same "$origin" "$target"
tool mirror cbw "$target" --force --overwrite --sync full --json > "$CBW_TMP/json"
assert_eq "$(json 'j[0]["sync"], j[0]["sweep_chunks"]' < "$CBW_TMP/json")" "('full', 256)" "the mirror"
tool cancel cbw
# Its store is not understood: all is copied.
dd if=/dev/zero of=/dev/cow bs=4K count=1 oflag=direct status=none
put 100
tool mirror cbw "$target" --force --overwrite --json > "$CBW_TMP/json" 2> "$CBW_TMP/said"
grep "warning: what the overlay cbw holds is not known: all of it is copied" "$CBW_TMP/said" || fail "it said: $(< "$CBW_TMP/said")"
assert_eq "$(json 'j[0]["sweep_chunks"]' < "$CBW_TMP/json")" 256 "chunks that were copied"
tool cancel cbw
assert_same "$origin" "$target"
dmsetup remove cbw
dmsetup remove overlay

# --- a thin device with an external origin ---------------------------------------------------------------------

say dmsetup create pool --table "0 $((size * 4 * 2048)) thin-pool $(mk_null meta 8) $(mk_null data $((size * 4))) 128 0"
say dmsetup message pool 0 "create_thin 0"
say dmsetup create overlay --table "0 $length thin /dev/mapper/pool 0 $target"
length=$((length - 1 - 2 * (RANDOM % 31)))
fill_target
fill_base "$(mk_linear piece "$target" 0 "$length")"
dmsetup remove piece
mk_linear cbw "$origin" 0 "$length" > /dev/null
merged
cmp "$CBW_TMP/behind" <(behind) || fail "the base was written behind the end of the volume"
say dmsetup remove overlay
dmsetup remove cbw

# --- a thin snapshot and what it is one of -----------------------------------------------------------------------

say dmsetup message pool 0 "create_thin 1"
say dmsetup create old --table "0 $length thin /dev/mapper/pool 1"
fill_base /dev/mapper/old
say dmsetup suspend old
say dmsetup message pool 0 "create_snap 2 1"
say dmsetup resume old
say dmsetup create cbw --table "0 $length thin /dev/mapper/pool 2"
mk_linear user /dev/mapper/old > /dev/null
wrong_use 1 ".*old is in use by .*user; .*" mirror cbw /dev/mapper/old --pivot
dmsetup remove user
target=/dev/mapper/old
merged
say dmsetup message pool 0 "delete 2"
