#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a disk that is torn away under load hangs nobody, and what was written or saved until then is right
# timeout: 400
# shellcheck disable=SC2034,SC2154 # the names are those of pit.sh and faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"
. "${CBW_LIB%/*}/pit.sh"

tear_away() {
	say eval "echo 1 > /sys/block/${scsi##*/}/device/delete"
}

# The disk's content outlives the device.
put_back() {
	local host
	for host in /sys/class/scsi_host/host*/scan; do
		echo "- - -" > "$host"
	done
	retry 10 scsi_device > /dev/null || fail "the disk does not come back"
	scsi=$(scsi_device)
}

# Device-mapper still has the device that is gone.
end() {
	with_deadline 60 dmsetup remove --retry cbw
	put_back
}

forget() {
	remove_nulls
	rm "$log"
}

# However far the writers have come, there is something to be saved: behind what is theirs. It is written as it was.
begin() { # CHUNK FEATURES [WRITER-OPTION]...
	stamp_devices
	dd if=/dev/mapper/cbw of="$CBW_TMP/part" bs=64k skip=96 count=1 iflag=direct status=none
	start_writers "${@:3}" --within 4M
	load "$1" "$2"
	resume
}

write_behind() {
	dd if="$CBW_TMP/part" of=/dev/mapper/cbw bs=64k seek=96 count=1 oflag=direct status=none || true
}

target_goes() { # STATE 'FEATURES' [WRITER-OPTION]...
	target=$scsi origin=$(mk_null origin 7 discard=1)
	begin 16 "${@:2}"
	sleep 1
	tear_away
	write_behind
	await_status state="$1" target_errors='[1-9]*'
	sleep 1
	stop_writers
	check_newest
	await_status inflight=0 held=0
	end
}

origin_goes() { # 'FEATURES'
	target=$(mk_null target 25) origin=$scsi length=''
	begin 16 "$1" --allow-errors
	await_status cbw='[1-9]*'
	tear_away
	write_behind
	await_status state=failed source_errors='[1-9]*'
	stop_writers
	end
}

scsi=$(mk_scsi 24)
target_goes failed "speed 1"
forget
target_goes running "sync none on_cbw_error break-write" --allow-errors
target=$scsi
check_pit --pending-from "$origin"
forget
origin_goes "speed 1"
check_stamps "$scsi" --final
