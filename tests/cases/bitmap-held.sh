#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a job with sync top or bitmap is held, with every chunk pending, while it is told what to save; of the rest nothing is read or written
# timeout: 240
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

# 255 chunks of 64 KiB, and a short one.
length=32763
held='the job is held until bitmap start'
not_held='the job is not held'

tell() {
	say dmsetup message cbw 0 "$@"
}

refused() { # REASON MESSAGE...
	expect_fail "refused: $1" dmsetup message -- cbw 0 "${@:2}"
}

start_job() { # 'FEATURE ARGUMENTS'
	dd if=/dev/urandom of="$origin" bs=1M count=16 oflag=direct status=none
	dd if="$origin" of="$pit" bs=1M iflag=direct status=none
	truncate --size $((length * 512)) "$pit"
	dd if="$target" of="$CBW_TMP/before" bs=1M iflag=direct status=none
	cbw_create cbw "$origin" "$target" 128 "$1" "$length"
}

end_job() {
	dmsetup remove --retry cbw
}

overwrite() { # CHUNK [COUNT]
	dd if=/dev/urandom of=/dev/mapper/cbw bs=64K seek="$1" count="${2:-1}" oflag=direct status=none
}

sectors_of() { # NAME read|write: what its disk has done so far
	local fields
	read -ra fields < "/sys/class/block/$(basename "$(readlink -f "/dev/${1}0")")/stat"
	[[ $2 == read ]] && echo "${fields[2]}" || echo "${fields[6]}"
}

saved_only() { # CHUNK...: these are on the target device, and nothing else has changed there
	local chunk
	cp "$CBW_TMP/before" "$CBW_TMP/after"
	for chunk; do
		dd if="$pit" of="$CBW_TMP/after" bs=64K skip="$chunk" seek="$chunk" count=1 conv=notrunc status=none
	done
	assert_same "$CBW_TMP/after" "$target"
}

refused_ranges() {
	local range
	for range in "$length 1" "0 $((length + 1))" "32000 764" "18446744073709551615 2" "2 18446744073709551615"; do
		# shellcheck disable=SC2086 # two words
		refused 'the range ends beyond the device' bitmap add $range
	done
	refused 'the range ends beyond the device' bitmap remove "$length" 1
	for range in "0 0" "x 1" "0 x" "-1 1" "0 -1" "+1 1" "0 18446744073709551616"; do
		# shellcheck disable=SC2086 # two words
		refused 'it takes the first sector and how many there are, 1 or more' bitmap add $range
	done
}

mk_faulty origin 16
mk_faulty target 16

for sync in top bitmap; do
	start_job "sync $sync"
	assert_status state=paused reason=held progress=0/256
	refused "$held" pause
	refused "$held" resume
	# Rounded outwards and, when it is taken away, inwards.
	tell bitmap add 300 1
	tell bitmap add 1000 200
	tell bitmap remove 1000 152
	tell bitmap add 2560 1280
	tell bitmap remove 2561 127
	tell bitmap add 32000 763
	tell bitmap remove 32000 763
	tell bitmap add 32762 1
	tell bitmap remove 32640 122
	# What is written to is saved, and cannot be taken away.
	overwrite 10
	tell bitmap remove 1280 128
	assert_status progress=1/256 cbw=1 sweep=0
	[[ $sync == bitmap ]] || refused_ranges
	# A suspend changes nothing.
	dmsetup suspend cbw
	tell bitmap add 1280 1
	assert_status state=paused reason=held
	dmsetup resume cbw
	assert_status state=paused reason=held progress=1/256

	read=$(sectors_of origin read) written=$(sectors_of target write)
	event=$(dmsetup info -c --noheadings -o events cbw)
	tell bitmap start
	cbw_event cbw "$event" || fail "nobody is told of the start"
	cbw_wait cbw completed
	assert_status state=completed progress=15/15 cbw=1 sweep=14
	# Chunks 2, 7, 9, 20 to 29, and the last one.
	assert_eq $(($(sectors_of origin read) - read)) $((13 * 128 + 123)) "sectors read from the origin"
	assert_eq $(($(sectors_of target write) - written)) $((13 * 128 + 123)) "sectors written to the target device"
	saved_only 2 7 9 10 {20..29} 255
	refused "$not_held" bitmap remove 0 1
	end_job
done

# What is excluded costs a write nothing, while the sweep stands still; and the list has an end.
start_job "sync bitmap paused"
assert_status state=paused reason=held
tell bitmap add 0 1280
tell bitmap start
assert_status state=paused reason=user progress=0/10
for message in "add 0 1" "remove 0 1" start; do
	# shellcheck disable=SC2086 # the words of the message
	refused "$not_held" bitmap $message
done
read=$(sectors_of origin read) written=$(sectors_of target write)
overwrite 10 245
assert_status cbw=0 progress=0/10
assert_eq "$(sectors_of origin read) $(sectors_of target write)" "$read $written" "sectors read and written for excluded chunks"
overwrite 9 2
assert_status cbw=1 progress=1/10
tell pause
tell resume
cbw_wait cbw completed
assert_status progress=10/10
saved_only {0..9}
end_job

# All, and nothing.
start_job "sync top"
tell bitmap add 0 "$length"
tell bitmap start
cbw_wait cbw completed
assert_status progress=256/256
assert_same "$pit" "$target" $((length * 512))
end_job
start_job "sync bitmap"
tell bitmap start
cbw_wait cbw completed
assert_status progress=0/0
saved_only
end_job

# It ends like any other.
start_job "sync bitmap"
tell cancel
assert_status state=cancelled reason=user
refused "$not_held" bitmap start
say dmsetup load cbw --table "$(cbw_table "$origin" "$target" 128 "sync top" "$length")"
say dmsetup resume cbw
assert_status state=paused reason=held
say dmsetup load cbw --table "$(cbw_table "$origin" "$target" 128 "" "$length")"
say dmsetup resume cbw
refused "$not_held" bitmap add 0 1
refused 'the job has ended|it must be' bitmap
cbw_wait cbw completed
end_job

# Some writes wait for copies that hang, others for the end of any of these: those whose chunks are excluded wait no more.
start_job "sync bitmap cbw_timeout 0"
hang target
for ((i = 0; i < 40; i++)); do
	overwrite $((i * 2)) &
	writers[i]=$!
done
await_status held=40 inflight=32
tell bitmap add 20480 128
tell bitmap start
# The sweep has begun with one of its own.
await_status held=32 inflight=33 state=running
unhang target
for writer in "${writers[@]}"; do
	wait "$writer"
done
cbw_wait cbw completed
assert_status progress=33/33 cbw=32 sweep=1

# A copy before a write fails while the job is held: so does the job, or the write, and the chunk stays.
end_job
start_job "sync top"
inject target write
overwrite 3
assert_status state=failed reason=cbw-error
refused "$not_held" bitmap start
mend target
end_job
start_job "sync top on_cbw_error break-write"
inject target write
! overwrite 3 2> /dev/null || fail "the write did not fail"
assert_status state=paused reason=held progress=0/256
mend target
tell bitmap start
cbw_wait cbw completed
assert_status progress=1/1 sweep=1
saved_only 3
