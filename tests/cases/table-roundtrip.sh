#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# what dmsetup table prints loads again word for word, with what messages have set
# tier: core
# timeout: 240
. "$CBW_LIB"

origin=$(mk_null origin 16)
target=$(mk_null target 16)

# What each job here has is what is written here.
unset CBW_FEATURES

shows() { # CHUNK FEATURES
	local words
	read -ra words <<< "$2"
	line=$(dmsetup table cbw)
	assert_eq "${line#* cbw * * }" "$1 ${CBW_JOB:-backup} ${#words[*]}${words[*]:+ ${words[*]}}" "the line after the devices"
}

again() { # what the table of cbw was shown as is loaded and printed
	dmsetup remove --retry cbw
	say dmsetup create cbw --table "$line"
	assert_eq "$(dmsetup table cbw)" "$line" "the table loaded again"
}

while IFS='|' read -r chunk features; do
	cbw_create cbw "$origin" "$target" "$chunk" "$features"
	shows "$chunk" "$features"
	again
	dmsetup remove --retry cbw
done <<-END
	8|
	2097152|max_copy 2097152
	128|paused
	128|sync full speed 1
	128|sync none
	128|sync bitmap paused
	128|sync top bitmap_mode never
	128|sync full bitmap_mode never
	128|on_cbw_error break-snapshot workers 64 discard skip
	8|on_cbw_error break-write cbw_timeout 0 on_source_error ignore on_target_error enospc speed 0 min_speed 1 target_latency 0 max_copy 8 discard copy paused
	128|on_source_error report on_target_error stop
	128|engine kcopyd
	128|engine buffered release saved zeroes copy
	1024|max_copy 1024 buf_size 1024 release safe zeroes skip
	32768|paused
	32768|buf_size 32768
	2097152|sync none cbw_timeout 4294967295 speed 4294967295 min_speed 4294967295 target_latency 4294967295 workers 1 max_copy 2097152 paused
END

# The engine with buffers has threads of that name, of which the last letters may be cut off. Workers that are shared
# have the name of what they last did behind their own; and a thread that ends can still be seen for a moment.
has_rescuer() {
	grep -qsE '^(kworker/R-)?cbw_c' /proc/[0-9]*/comm
}

while read -r wanted chunk features; do
	retry 10 eval '! has_rescuer'
	cbw_create cbw "$origin" "$target" "$chunk" "$features"
	had=kcopyd
	! has_rescuer || had=buffered
	assert_eq $had "$wanted" "the engine of '$chunk $features'"
	dmsetup remove --retry cbw
done <<-END
	buffered 8
	buffered 2048
	kcopyd 4096
	buffered 4096 release saved
	buffered 32768 buf_size 32768
	kcopyd 128 engine kcopyd
END

cbw_create cbw "$origin" "$target" 128 "workers 3 cbw_timeout 7 speed 1"
before=$(dmsetup table cbw)
dmsetup message cbw 0 pause
assert_eq "$(dmsetup table cbw)" "$before" "the table of a job that a message paused"
dmsetup message cbw 0 speed 77
dmsetup message cbw 0 workers 5
dmsetup message cbw 0 min_speed 66
dmsetup message cbw 0 target_latency 55
shows 128 "cbw_timeout 7 speed 77 min_speed 66 target_latency 55 workers 5"
again
dmsetup message cbw 0 speed 0
shows 128 "cbw_timeout 7 speed 0 min_speed 66 target_latency 55 workers 5"
again
dmsetup remove --retry cbw

cbw_create cbw "$origin" "$target" 128 paused
dmsetup message cbw 0 speed 9
dmsetup message cbw 0 resume
shows 128 "speed 9 paused"
again
assert_eq "$(cbw_field cbw state)" paused "state"
dmsetup remove --retry cbw

CBW_JOB=mirror
cbw_create cbw "$origin" "$target" 128 "cbw_timeout 60000 on_target_error stop"
shows 128 "cbw_timeout 60000 on_target_error stop"
again
dmsetup message cbw 0 copy_mode write-blocking
shows 128 "cbw_timeout 60000 on_target_error stop copy_mode write-blocking"
again
expect_fail 'Invalid argument' dmsetup message cbw 0 copy_mode background
klog_expect 'copy_mode" refused: it cannot be changed back'
dmsetup remove --retry cbw
