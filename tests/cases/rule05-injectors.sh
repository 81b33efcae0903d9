#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a bad sector at the start, in the middle or at the end of either device: no write passes it, nothing counts it as saved
# timeout: 400
# shellcheck disable=SC2034,SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

length=$((64 * 128 - 96))

# On the origin it is behind what "put" writes, so that the copy meets it and the write does not.
bad_sector() { # NAME CHUNK
	if [[ $1 == target ]]; then
		echo $(($2 * 128))
	else
		echo $(($2 == 63 ? length - 1 : $2 * 128 + 16))
	fi
}

break_chunk() { # INJECTOR NAME KIND CHUNK
	inject_by "$1" "$2" "$3" "$(bad_sector "$2" "$4")"
}

assert_errors() { # NAME NUMBER: of one side; the other has none
	assert_status source_errors="$([[ $1 == origin ]] && echo "$2" || echo 0)" \
		target_errors="$([[ $1 == target ]] && echo "$2" || echo 0)"
}

write_fails() { # INJECTOR NAME KIND CHUNK
	cbw_create cbw "$origin" "$target" 128 "on_cbw_error break-write paused" "$length"
	break_chunk "$@"
	expect_fail 'Input/output error' put "$4"
	assert_status state=paused progress=0/64 cbw=0 inflight=0 held=0
	assert_errors "$2" 1
	mend_by "$1" "$2"
	assert_pit "$origin" "$4"
	put "$4"
	assert_new "$origin" "$4"
	assert_status progress=1/64 cbw=1
	dmsetup message cbw 0 resume
	cbw_wait cbw completed
	end "$length"
}

job_fails() { # INJECTOR NAME KIND CHUNK
	cbw_create cbw "$origin" "$target" 128 paused "$length"
	break_chunk "$@"
	put "$4"
	assert_status state=failed reason=cbw-error progress=0/64
	assert_errors "$2" 1
	mend_by "$1" "$2"
	assert_new "$origin" "$4"
	end 0
}

sweep_fails() { # INJECTOR NAME KIND CHUNK
	local side=source
	[[ $2 == origin ]] || side=target
	break_chunk "$@"
	cbw_create cbw "$origin" "$target" 128 "workers 1 max_copy 128" "$length"
	await_status state=failed reason=$side-error inflight=0 sweep="$4" progress="$4/64"
	assert_errors "$2" 1
	mend_by "$1" "$2"
	end $(($4 * 128))
}

end() { # SECTORS: so many are on the target device
	dmsetup remove --retry cbw
	assert_same "$pit" "$target" $(($1 * 512))
	dd if="$pit" of="$origin" bs=1M oflag=direct status=none
	dd if=/dev/zero of="$target" bs=1M count=4 oflag=direct status=none
}

all_fail() { # INJECTOR NAME KIND CHUNK...
	local chunk
	for chunk in "${@:4}"; do
		write_fails "${@:1:3}" "$chunk"
		sweep_fails "${@:1:3}" "$chunk"
	done
	job_fails "${@:1:3}" "$chunk"
}

scsi() { # NAME KIND CHUNK...
	base=([$1]=$(mk_scsi 4))
	fault_pair 4
	all_fail scsi "$@"
	remove_dm && remove_nulls && unload_scsi_debug
}

base=()
fault_pair 4
all_fail flakey origin read 0 31 63
all_fail flakey target write 0 31 63
for injector in error badblocks; do
	all_fail $injector origin read 63
	all_fail $injector target write 31
done
# Debian's kernels have no dm-dust, the debug kernels do.
if [[ $(uname -r) != *-amd64 ]] || modprobe -q dm_dust; then
	all_fail dust origin read 63
fi
remove_dm && remove_nulls

scsi origin read 31
# It is write-protected as a whole.
scsi target write 0
