#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a pivot that fails leaves the volume on the origin; one that is killed at any step, on one of the two, and repair settles it
# timeout: 300
# shellcheck disable=SC2154 # the names are those of the libraries
. "$CBW_LIB"
. "${CBW_LIB%/*}/tool.sh"
. "${CBW_LIB%/*}/faults.sh"

RANDOM=$CBW_SEED
make_volume
mk_faulty bad 4 cache_size=1
sum() {
	dd if=/dev/mapper/cbw bs=1M iflag=direct status=none | sha256sum
}

has_gone_over() {
	[[ $(dmsetup table cbw) == "0 $(dev_sectors "$origin") linear "* && $(dmsetup table cbw) != "$table" ]] ||
		fail "the volume has not gone over: $(dmsetup table cbw)"
}

works() { # it is what it was, and takes a write
	retry 15 eval '! is_suspended cbw' || fail "the volume stays suspended"
	assert_eq "$(sum)" "$before" "what the volume holds"
	volume_works
}

# --- refused ---------------------------------------------------------------------------------------------------

wrong_use 2 "pivot takes one volume" pivot
wrong_use 2 "mirror takes a volume, and a target device" mirror cbw
wrong_use 2 "--copy-mode is one of .*, not 'fast'" mirror cbw "$target" --copy-mode fast
wrong_use 2 "--pivot and --no-wait exclude each other" mirror cbw "$target" --pivot --no-wait
wrong_use 1 "cbw has no job" pivot cbw
large=$(mk_null large 4 blocksize=4096)
wrong_use 1 ".*large has blocks of 4096 bytes, and .* of 512: .*" mirror cbw "$large"
tool backup cbw "$target" --no-wait --paused
wrong_use 1 "cbw has no mirror, but a backup" pivot cbw
tool cancel cbw
tool attach cbw
wrong_use 1 "the changes of .*cbw are tracked, .*" mirror cbw "$target"
tool detach cbw
wrong_use 2 "a mirror has --sync full or none" mirror cbw "$target" --sync top
wrong_use 2 "a mirror has --sync full or none" mirror cbw "$target" --sync incremental
tool mirror cbw "$target" --no-wait --paused
wrong_use 1 "the mirror of cbw is not ready, but paused, .*" pivot cbw
tool cancel cbw
# It fails while the pivot waits for it.
tool mirror cbw /dev/mapper/bad --no-wait --speed 64K
tool_begins pivot cbw
retry 15 eval '[[ $(dmsetup table cbw) == *" copy_mode write-blocking"* ]]' || fail "writes do not go to both devices"
inject bad write
tool speed cbw 0
tool_ends 1 "cbw: there is no pivot, since the job is failed .*: the volume cbw goes on, on the origin"
mend bad
volume_is_own "$table"
# What is printed is what is done.
tool mirror cbw "$target" --pivot --dry-run > "$CBW_TMP/lines"
volume_is_own "$table"
bash -e "$CBW_TMP/lines"
has_gone_over
dmsetup load cbw --table "$table"
dmsetup resume cbw

# --- it fails --------------------------------------------------------------------------------------------------

volume_works
before=$(sum)
tool mirror cbw /dev/mapper/bad --quiet
inject bad flush
wrong_use 1 "there is no pivot, since the job is failed .*: the volume cbw goes on, on the origin" pivot cbw
mend bad
works
volume_is_own "$table"

# --- it is killed ----------------------------------------------------------------------------------------------

# The watchdog with it, when only the resume is left.
before=$(sum)
tool mirror cbw "$target" --quiet
dmsetup message cbw 0 complete
dmsetup suspend cbw
dmsetup load cbw --table "0 $(dev_sectors "$origin") linear $target 0"
[[ $(tool repair) == *"has gone over to the target device"* ]] || fail "repair does not finish the pivot"
works
no_old_nodes
has_gone_over
tool mirror cbw "$origin" --pivot --quiet
volume_is_own "$table"

number=1
while
	before=$(sum)
	tool mirror cbw "$target" --overwrite --quiet
	tool_dies "after:$number" pivot cbw
do
	works
	before=$(sum)
	said=$(tool repair)
	if [[ $said == *"its mirror goes on"* ]]; then
		tool cancel cbw
	fi
	works
	says_nothing tool repair
	no_old_nodes
	if [[ $(dmsetup table cbw) != "$table" ]]; then
		((number >= 4)) || fail "it has gone over too early: $number"
		dmsetup load cbw --table "$table"
		dmsetup resume cbw
		tool mirror cbw "$target" --overwrite --quiet
		tool cancel cbw
	fi
	volume_is_own "$table"
	number=$((number + 1))
done
# Two messages, suspend, load, resume.
((number >= 6)) || fail "only $number steps"
works
