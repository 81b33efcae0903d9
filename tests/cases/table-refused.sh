#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# every wrong table line has a message of its own and leaves nothing behind
# tier: core
# timeout: 300
. "$CBW_LIB"

need_module dm_cbw
o=$(mk_null origin 16)
t=$(mk_null target 16)
big=$(mk_null big 24)
small=$(mk_null small 8)
zoned=$(mk_null zoned 16 zoned=1 zone_size=4)
addpart "$big" 1 2048 16384
addpart "$big" 2 20480 16384
sectors=$(dev_sectors "$o")
idle=("$o" "$t" "$big" "$small")

wanted=()

unheld() { # DEVICE...: nobody stands on it
	local device
	for device; do
		! compgen -G "/sys/class/block/${device##*/}/holders/*" || fail "$device is held"
	done
}

refused_table() { # MESSAGE TABLE
	! dmsetup create wrong --table "$2" 2> /dev/null || fail "accepted: $2"
	[[ ! -e /dev/mapper/wrong ]] || fail "left behind by: $2"
	wanted+=("$1|$2")
}

refused() { # MESSAGE WORDS...: and no device that is ours is held
	refused_table "cbw: $1" "0 ${len:-$sectors} cbw ${*:2}"
	unheld "${idle[@]}"
}

check_log() { # for each refused table one line, its own
	local lines i
	mapfile -t lines < <(klog | grep '^device-mapper: table: ')
	for i in "${!wanted[@]}"; do
		[[ ${lines[i]:-} =~ :\ ${wanted[i]%%|*}(\ \(-(E[A-Z]+|[0-9]+)\))?$ ]] ||
			{ echo "'${wanted[i]#*|}' was refused with '${lines[i]:-}', not with '${wanted[i]%%|*}'" >&2 && wrong_lines=1; }
	done
	[[ ! -v wrong_lines ]] || fail "wrong messages"
	assert_eq "${#lines[@]}" "${#wanted[@]}" "the number of refusals in the log"
	! klog_has 'dm_put_device call missing' || fail "a device was not put back"
}

accepted() { # WORDS...
	say dmsetup create right --table "0 $sectors cbw $*"
	dmsetup remove --retry right
}

# --- the words -------------------------------------------------------------------------------------------------

refused 'Too few arguments: .*'
for words in "$o" "$o $t" "$o $t 128"; do
	refused 'Too few arguments: .*' "$words"
done
for chunk in 0 3 7 4 100 4194304 -8 abc 128x 4294967296 99999999999999999999; do
	refused 'Chunk size must be a power of two, 8 to 2097152 sectors' "$o $t $chunk backup"
done
refused 'Job must be backup, mirror or track' "$o $t 128 copy"
refused 'Job mirror needs a target device' "$o - 128 mirror"
refused 'Job mirror takes no on_cbw_error, discard, bitmap_mode or release' "$o $t 128 mirror 2 discard skip"
refused 'Job mirror takes no on_cbw_error, discard, bitmap_mode or release' "$o $t 128 mirror 2 on_cbw_error break-write"
refused 'Job mirror takes no on_cbw_error, discard, bitmap_mode or release' "$o $t 128 mirror 4 engine buffered release safe"
refused 'Feature zeroes skip needs job backup, and not sync incremental' "$o $t 128 mirror 4 engine buffered zeroes skip"
refused 'Feature copy_mode takes background or write-blocking' "$o $t 128 mirror 2 copy_mode both"
refused 'Feature copy_mode needs job mirror' "$o $t 128 backup 2 copy_mode background"
refused 'Job track takes no target device, but "-"' "$o $t 128 track"
refused 'Job track takes only metadata, on_metadata_error, cbw_timeout and below' "$o - 128 track 2 speed 1"
refused 'Feature cbw_timeout of job track needs feature metadata' "$o - 128 track 2 cbw_timeout 1"
refused 'Sync incremental needs a tracking map of this length and origin' "$o $t 128 backup 2 sync incremental"
refused 'Feature bitmap_mode needs sync full, top or incremental' "$o $t 128 backup 4 bitmap_mode never sync none"
refused 'Feature bitmap_mode needs sync full, top or incremental' "$o $t 128 backup 4 sync bitmap bitmap_mode on-success"
refused 'Feature bitmap_mode always needs sync incremental' "$o $t 128 backup 2 bitmap_mode always"
refused 'Feature bitmap_mode always needs sync incremental' "$o $t 128 backup 4 sync top bitmap_mode always"
refused 'Job backup needs a target device' "$o - 128 backup"
refused 'Unknown feature' "$o $t 128 backup 1 fast"
klog_expect 'unknown feature "fast"'
refused 'Unknown feature' "$o $t 128 backup 2 Speed 1"
refused 'Unknown feature' "$o $t 128 backup 2 paused 1"
refused 'The number of feature words must follow the job' "$o $t 128 backup speed 1"
refused 'The number of feature words must follow the job' "$o $t 128 backup -1"
refused 'The number of feature words is not the number given' "$o $t 128 backup 1"
refused 'The number of feature words is not the number given' "$o $t 128 backup 3 speed 1"
refused 'The number of feature words is not the number given' "$o $t 128 backup 1 speed 1"
refused 'The number of feature words is not the number given' "$o $t 128 backup 0 paused"
refused 'Feature paused is given twice' "$o $t 128 backup 2 paused paused"

while IFS='|' read -r feature values right wrongs; do
	refused "Feature $feature is given twice" "$o $t 128 backup 4 $feature $right $feature $right"
	refused "Feature $feature needs a value: $values" "$o $t 128 backup 1 $feature"
	for wrong in $wrongs; do
		refused "Feature $feature takes $values" "$o $t 128 backup 2 $feature $wrong"
	done
done <<-END
	sync|full, top, bitmap, incremental or none|top|Full fullx topp bit 0 paused
	bitmap_mode|on-success, always or never|never|Never 0 paused
	on_cbw_error|break-snapshot or break-write|break-write|break 1 paused
	on_source_error|report, ignore, stop or enospc|stop|Stop 0 paused
	on_target_error|report, ignore, stop or enospc|enospc|ENOSPC none 1
	discard|skip or copy|copy|keep 0 paused
	cbw_timeout|milliseconds, 0 to 4294967295|1000|-1 +1 4294967296 1s x 1.5 0x10
	speed|KiB/s, 0 to 4294967295|1024|-1 +1 4294967296 1k x
	min_speed|KiB/s, 1 to 4294967295|1024|0 -1 +1 4294967296 1k x
	target_latency|microseconds, 0 to 4294967295|1000|-1 +1 4294967296 1ms x
	workers|a number, 1 to 64|8|0 65 -1 x 4294967297
	engine|kcopyd or buffered|buffered|Kcopyd buffer 0 paused
	buf_size|KiB, 128 to 1048576|1024|0 127 -1 16M 1048577
	release|saved or safe|saved|Safe 1 paused
	zeroes|copy, write-zeroes or skip|copy|write 0 paused
	max_copy|sectors, one chunk to 2097152|1024|0 7 -8 x 2097153 4294967296
END
refused 'Feature max_copy must not be less than the chunk size' "$o $t 128 backup 2 max_copy 64"
for words in "buf_size 1024 engine kcopyd" "engine kcopyd release safe" "engine kcopyd zeroes copy"; do
	refused 'Features buf_size, release and zeroes need engine buffered' "$o $t 128 backup $(wc -w <<< "$words") $words"
done
refused 'Feature buf_size must hold two chunks' "$o $t 1024 backup 4 engine buffered buf_size 1023"
for words in "engine buffered" "release safe" "zeroes skip" "buf_size 32767"; do
	refused 'Feature buf_size must hold two chunks' "$o $t 32768 backup 2 $words"
done
refused 'Feature release safe and on_cbw_error break-write exclude each other' \
	"$o $t 128 backup 4 release safe on_cbw_error break-write"
refused 'Feature zeroes skip needs job backup, and not sync incremental' \
	"$o $t 128 backup 4 zeroes skip sync incremental"

# --- the devices -----------------------------------------------------------------------------------------------

len=$((sectors + 1)) refused 'The table is longer than the origin device' "$o $big 128 backup"
refused 'Target device is shorter than the table' "$o $small 128 backup"
refused 'Cannot open the origin device' "/dev/none $t 128 backup"
refused 'Cannot open the target device' "$o /dev/none 128 backup"
refused 'Cannot open the device below' "$o $t 128 backup 2 below /dev/none"
refused 'Feature below needs a value: a device' "$o $t 128 backup 1 below"
refused 'Feature below is given twice' "$o $t 128 backup 4 below $t below $t"
refused 'Cannot open the metadata device' "$o - 128 track 2 metadata /dev/none"
refused 'Feature metadata needs a value: a device' "$o - 128 track 1 metadata"
refused 'Feature on_metadata_error takes break-map or break-write' "$o - 128 track 4 metadata $t on_metadata_error ignore"
refused 'Feature on_metadata_error needs feature metadata' "$o - 128 track 2 on_metadata_error break-map"
refused 'Metadata of a backup needs a map that is kept there: load job track first' "$o $t 128 backup 2 metadata $small"
refused 'Metadata device is the origin or target, or a partition, or the reverse' "$o - 128 track 2 metadata $o"
refused 'Cannot open the target device' "$o 1048575:0 128 backup"
refused 'Zoned devices are not supported' "$o $zoned 128 backup"
refused 'Zoned devices are not supported' "$zoned $t 128 backup"

# 64 TiB of chunks of 4 KiB.
huge=$(mk_null huge0 67108864 memory_backed=0)
len=$(dev_sectors "$huge") refused 'Too many chunks: choose a larger chunk size' \
	"$huge $(mk_null huge1 67108864 memory_backed=0) 8 backup"

refused 'Target device of a mirror has larger logical blocks than the origin' "$o $(mk_null blocks 16 blocksize=4096) 128 mirror"
blockdev --setro "$t"
refused 'Target device is read-only' "$o $t 128 backup"
blockdev --setrw "$t"

mkdir "$CBW_TMP/mnt"
mkfs.ext4 -q "$t"
mount "$t" "$CBW_TMP/mnt"
refused 'Target device is in use: .*' "$o $t 128 backup"
refused 'Origin device is in use: .*' "$t $o 128 backup"
umount "$CBW_TMP/mnt"

refused 'Origin and target are the same device, .*' "$o $o 128 backup"
refused 'Origin and target are the same device, .*' "$o $(< "/sys/class/block/${o##*/}/dev") 128 backup"
len=16384 refused 'Target device is in use: .*a partition of the origin, .*' "$big ${big}1 128 backup"
len=16384 refused 'Target device is in use: .*a partition of the origin, .*' "${big}1 $big 128 backup"

scsi_disk() { # prints the only one, once it is there
	retry 30 compgen -G '/sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*/block/*' > "$CBW_TMP/scsi" &&
		retry 30 test -b "/dev/$(basename "$(< "$CBW_TMP/scsi")")" &&
		echo "/dev/$(basename "$(< "$CBW_TMP/scsi")")"
}

if modprobe -q sd_mod && modprobe -q scsi_debug physblk_exp=4 dev_size_mb=16; then
	scsi=$(scsi_disk)
	assert_eq "$(blockdev --getpbsz "$scsi")" 8192 "physical block of $scsi"
	refused "Chunk size is not a multiple of the devices' block sizes" "$o $scsi 8 backup"
	accepted "$o $scsi 16 backup"
	accepted "$scsi $t 8 backup"
	retry 10 rmmod scsi_debug
else
	lacks scsi_debug
fi

# --- other jobs ------------------------------------------------------------------------------------------------

idle=()
third=$(mk_null third 16)
fourth=$(mk_null fourth 16)
in_job() {
	refused 'Origin device is in use by another cbw job' "$o $third 128 backup"
	refused 'Origin device is in use by another cbw job' "$t $third 128 backup"
	refused 'Origin device is in use by another cbw job' "$t $o 128 backup"
	refused 'Origin device is in use by another cbw job' "$o $t 128 backup"
	refused 'Target device is in use by another cbw job' "$third $o 128 backup"
	refused 'Target device is in use by another cbw job' "$third $t 128 backup"
}
cbw_create job "$o" "$t" 128 paused
in_job
say dmsetup create other --table "0 $sectors cbw $third $fourth 128 backup"
dmsetup remove --retry other
dmsetup message job 0 cancel
in_job
dmsetup remove --retry job

say dmsetup create job --notable
say dmsetup load job --table "$(cbw_table "$o" "$t" 128)"
in_job
dmsetup remove --retry job

# --- what the device-mapper refuses for us ---------------------------------------------------------------------

refused_table 'Gap in table' "8 $((sectors - 8)) cbw $o $t 128 backup"
refused_table 'zero-length target' "0 0 cbw $o $t 128 backup"
alone='.*must .*alone in table'
refused_table "$alone" "0 8 linear $third 0"$'\n'"8 $((sectors - 8)) cbw $o $t 128 backup"
refused_table "$alone" "0 $sectors cbw $o $t 128 backup"$'\n'"$sectors 8 linear $third 0"
unheld "$o" "$t" "$third"

# --- and what is right -----------------------------------------------------------------------------------------

accepted "$o $t 128 backup"
accepted "$o $big 128 backup 0"
sectors=16384 accepted "${big}1 ${big}2 128 backup"
sectors=16384 accepted "$o $t 8 backup 15 sync none on_cbw_error break-write cbw_timeout 0 speed 0 workers 1 max_copy 8 discard copy paused"
accepted "$o $t 2097152 backup 8 max_copy 2097152 workers 64 speed 4294967295 cbw_timeout 4294967295"
unheld "$o" "$t" "$big" "$small" "$third" "$fourth"
say python3 - "$o" "$t" "$big" "$small" "$zoned" "$third" "$fourth" <<-'END'
	import os, sys
	for device in sys.argv[1:]:
	    os.close(os.open(device, os.O_RDWR | os.O_EXCL))
END
check_log
