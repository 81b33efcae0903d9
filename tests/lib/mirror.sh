# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Steps of the tests of mirrors. After pit.sh:  . "${CBW_LIB%/*}/mirror.sh"
#
# Until the end of the job the volume is on $origin. In the suspend that ends it nothing is written to, so $target
# must be what $origin is, byte for byte, and both what the writers say.
#
# shellcheck disable=SC2034,SC2154 # names of guest.sh and pit.sh

CBW_JOB=mirror

# What a discard leaves is the same on both where both can do it.
mirror_devices() { # MIB
	origin=$(mk_null origin "$1" discard=1)
	target=$(mk_null target $(($1 + 1)) discard=1)
	stamp_devices
}

# The target is a volume on a disk whose queue is short: it refuses some of what it is asked to take without waiting.
volume_devices() { # MIB
	origin=$(mk_null origin "$1" discard=1)
	target=$(mk_linear target "$(mk_null disk $(($1 + 1)) discard=1 hw_queue_depth=2 irqmode=2 completion_nsec=50000)")
	stamp_devices
}

# In background mode there may be no moment with nothing pending beneath writers: they have a break.
mirror() { # CHUNK ['FEATURE ARGUMENTS' [WRITER-OPTION]...]: until it is ready; the options are those of writers that run
	load "$1" "${2:-}"
	resume
	if [[ -v writers && ${2:-} != *write-blocking* ]]; then
		sleep 1
		stop_writers
		cbw_wait cbw ready
		start_writers "${@:3}"
	fi
	cbw_wait cbw ready
}

assert_mirrored() {
	assert_same "$origin" "$target" $((length * 512))
	cmp "$CBW_TMP/behind" <(behind) || fail "the target device was written behind the end of the origin"
}

# The job ends, and the volume is suspended.
end_mirror() { # complete|cancel [SUSPEND-OPTION]...
	say dmsetup message cbw 0 "$1"
	assert_status state=ready reason="$1"
	after=$(cbw-stamp now)
	say dmsetup suspend "${@:2}" cbw
	before=$(cbw-stamp now)
	assert_status state=completed inflight=0 held=0
	assert_eq "$(cbw_field cbw "done")" "$(cbw_field cbw total)" "done of total"
	assert_mirrored
	check_stamps "$target" --after "$after" --before "$before" --chunk "${chunk}s"
}

pivot() {
	say dmsetup load cbw --table "0 $length linear $target 0"
	say dmsetup resume cbw
}

# Beneath writers: the mirror, and the volume goes over to the target device.
prove_pivot() { # CHUNK 'FEATURE ARGUMENTS' [WRITER-OPTION]...
	start_writers "${@:3}"
	mirror "$@"
	sleep 0.$((RANDOM % 10))
	end_mirror complete
	pivot
	sleep 0.5
	stop_writers
	check_stamps /dev/mapper/cbw --final
	check_stamps "$target" --final
}
