# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A job whose two devices go wrong when a test says so. After guest.sh:  . "${CBW_LIB%/*}/faults.sh"
#
#     /dev/mapper/cbw    chunks of 64 KiB
#        |       \
#     origin     target      dm-delay: reads, writes and flushes take ways of their own, at a pace of their own
#      |    \     |    \
#  origin0  -bad  ...        null_blk (or ${base[origin]}), and a device on which everything fails
#
# $pit is a copy of the origin as it was before the job; $new is what "put" writes.

# shellcheck disable=SC2034 # read by the tests
origin=/dev/mapper/origin target=/dev/mapper/target
pit=$CBW_TMP/pit new=$CBW_TMP/new
declare -A pace base

# --- devices that go wrong -------------------------------------------------------------------------------------

base_of() { # NAME: the device that holds its data
	echo "${base[$1]:-/dev/${1}0}"
}

segment() { # NAME START LENGTH READ WRITE FLUSH: the last three are devices
	local ms=${pace[$1]:-0}
	(($3 == 0)) || echo "$2 $3 delay $4 $2 $ms $5 $2 $ms $6 $2 0"
}

table_of() { # NAME [read|write|flush|all [DEVICE [START LENGTH]]]: that kind of I/O takes the way over DEVICE
	local null kind=${2:-} way=${3:-/dev/mapper/$1-bad} size start=${4:-0} length ways
	null=$(base_of "$1")
	size=$(dev_sectors "$null")
	length=${5:-$size} ways=("$null" "$null" "$null")
	case $kind in
	read) ways[0]=$way ;;
	write) ways[1]=$way ;;
	flush) ways[2]=$way ;;
	all) ways=("$way" "$way" "$way") ;;
	esac
	segment "$1" 0 "$start" "$null" "$null" "$null"
	segment "$1" "$start" "$length" "${ways[@]}"
	segment "$1" $((start + length)) $((size - start - length)) "$null" "$null" "$null"
}

mk_faulty() { # NAME MIB [ATTRIBUTE=VALUE]...
	need_module dm_delay dm_flakey
	[[ -v base[$1] ]] || mk_null "${1}0" "${@:2}" > /dev/null
	# Unlike dm-error it fails flushes, too.
	dmsetup create "$1-bad" --table "0 $(dev_sectors "$(base_of "$1")") flakey $(base_of "$1") 0 0 1"
	table_of "$1" | dmsetup create "$1"
}

reroute() { # NAME [KIND [DEVICE [START LENGTH]]]: as table_of; a device that hangs goes on with it
	table_of "$@" | dmsetup load "$1"
	dmsetup resume "$1"
}

inject() { # NAME KIND [CHUNK]: errors, everywhere or in that chunk
	say reroute "$1" "$2" "/dev/mapper/$1-bad" ${3:+$(($3 * 128)) 128}
}

mend() { # NAME
	say reroute "$1"
}

slow() { # NAME MILLISECONDS
	pace[$1]=$2
	say reroute "$1"
}

hang() { # NAME
	say dmsetup suspend --noflush --nolockfs "$1"
}

unhang() { # NAME
	say dmsetup resume "$1"
}

# A suspend that waits, until a signal ends it.
suspend_in_vain() { # NAME [FLAG]
	local suspend
	command dmsetup suspend "$@" &
	suspend=$!
	retry 20 grep -q dm_suspend /proc/$suspend/stack || fail "dmsetup suspend does not wait"
	sleep 0.5
	kill -TERM $suspend
	ends_as error $suspend
	assert_eq "$(dmsetup info -c --noheadings -o suspended "$1")" Active "$1"
}

fault_pair() { # MIB [TARGET-ATTRIBUTE=VALUE]...
	mk_faulty origin "$1"
	mk_faulty target "$@"
	dd if=/dev/urandom of="$pit" bs=1M count="$1" status=none
	dd if="$pit" of="$(base_of origin)" bs=1M oflag=direct status=none
	dd if=/dev/zero bs=64k count=1 status=none | tr '\0' '\377' > "$new"
}

# --- kinds of errors -------------------------------------------------------------------------------------------

# Each breaks one sector of NAME (or more, where it cannot do better) until it is mended with mend_by.
inject_by() { # INJECTOR NAME read|write SECTOR
	say "inject_$1" "${@:2}"
}

mend_by() { # INJECTOR NAME
	mend "$2"
	[[ ! $1 =~ ^(badblocks|scsi)$ ]] || say "mend_$1" "$2"
}

inject_flakey() {
	reroute "$1" "$2" "/dev/mapper/$1-bad" "$3" 1
}

inject_error() {
	[[ -e /dev/mapper/$1-error ]] ||
		dmsetup create "$1-error" --table "0 $(dev_sectors "$(base_of "$1")") error"
	reroute "$1" "$2" "/dev/mapper/$1-error" "$3" 1
}

inject_dust() { # reads only
	dmsetup create "$1-dust" --table "0 $(dev_sectors "$(base_of "$1")") dust $(base_of "$1") 0 512" 2> /dev/null || true
	dmsetup message "$1-dust" 0 clearbadblocks
	dmsetup message "$1-dust" 0 addbadblock "$3"
	dmsetup message "$1-dust" 0 enable
	reroute "$1" "$2" "/dev/mapper/$1-dust"
}

inject_badblocks() { # reads and writes
	# shellcheck disable=SC2154 # of guest.sh
	echo "+$3-$3" > "$nulls/${1}0/badblocks"
}

mend_badblocks() {
	echo "-0-$(dev_sectors "$(base_of "$1")")" > "$nulls/${1}0/badblocks"
}

mk_scsi() { # MIB [PARAMETER=VALUE]...: prints the device
	need_module sd_mod
	modprobe -q scsi_debug dev_size_mb="$1" ndelay=10000 "${@:2}" || skip_without "module scsi_debug"
	retry 10 scsi_device || fail "no device of scsi_debug appears"
}

scsi_device() {
	local dir
	for dir in /sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*/block/*; do
		[[ -b /dev/${dir##*/} ]] || return 1
		echo "/dev/${dir##*/}"
	done
}

scsi_set() { # PARAMETER VALUE
	echo "$2" > "/sys/module/scsi_debug/parameters/$1"
}

inject_scsi() { # a medium error for reads; it has none for writes: there the whole device is protected
	if [[ $2 == write ]]; then
		scsi_set wp 1
	else
		scsi_set medium_error_start "$3"
		scsi_set medium_error_count 1
		scsi_set opts 2
	fi
}

mend_scsi() {
	scsi_set wp 0
	scsi_set opts 0
}

# --- writes ----------------------------------------------------------------------------------------------------

put() { # CHUNK [DD-OPTION]...: the first 4 KiB of it
	dd if="$new" of=/dev/mapper/cbw bs=4k count=1 seek=$(($1 * 16)) oflag=direct status=none "${@:2}"
}

# For programs whose I/O is limited. It stays, as does what it is in, for the next test.
make_group() { # NAME: sets $group
	group=/sys/fs/cgroup/$1
	{ mountpoint -q /sys/fs/cgroup || mount -t cgroup2 cgroup2 /sys/fs/cgroup; } &&
		echo +io > /sys/fs/cgroup/cgroup.subtree_control ||
		skip_without "limits for groups of programs"
	mkdir -p "$group"
}

in_group() { # GROUP COMMAND...: as a program of that, which the shell becomes
	echo $BASHPID > "$1/cgroup.procs" && "${@:2}"
}

# What the groups of programs do to the disk costs them a second each, if it is of that kind, and next to nothing else.
costs_a_second() { # NULL-DEVICE r|w
	local dev other=w
	[[ $2 == r ]] || other=r
	dev=$(stat -c %Hr:%Lr "$1")
	echo "$dev ctrl=user model=linear $2bps=1000000 $2seqiops=1 $2randiops=1" \
		"${other}bps=100000000 ${other}seqiops=1000 ${other}randiops=1000" > /sys/fs/cgroup/io.cost.model ||
		skip_without "costs of groups of programs"
	echo "$dev enable=1 ctrl=user min=100 max=100" > /sys/fs/cgroup/io.cost.qos
}

begin_put() { # CHUNK: in the background; $! is what ends_as takes
	{ put "$@" || exit 1; } &
}

ends_as() { # ok|error PID
	local got=ok
	retry 30 gone "$2" || fail "a write does not end: $(dmsetup status cbw)"
	wait "$2" || got=error
	assert_eq "$got" "$1" "the end of a write"
}

begin_held_put() { # CHUNK [HELD]: and waits until so many are held
	begin_put "$1"
	await_status held="${2:-1}"
}

read_chunk() { # DEVICE CHUNK [BYTES]
	dd if="$1" bs=64k skip="$2" count=1 iflag=direct status=none | head -c "${3:-65536}"
}

assert_pit() { # DEVICE CHUNK...
	local chunk
	for chunk in "${@:2}"; do
		cmp -s <(read_chunk "$1" "$chunk") <(dd if="$pit" bs=64k skip="$chunk" count=1 status=none) ||
			fail "chunk $chunk of $1 does not have its content of the point in time"
	done
}

assert_new() { # DEVICE CHUNK
	cmp -s <(read_chunk "$1" "$2" 4096) <(head -c 4096 "$new") || fail "chunk $2 of $1 is not what was written"
}

# --- a target device that is full ------------------------------------------------------------------------------

# It stops, as often as it is resumed. The sixth chunk from the end has a write before, the fifth one in vain.
runs_out_of_space() { # TARGET CHUNKS
	cbw_create cbw "$origin" "$1" 128 "on_target_error enospc on_cbw_error break-write workers 1 paused"
	put $(($2 - 6))
	dmsetup message cbw 0 resume
	await_status state=paused reason=enospc target_errors='[1-9]*' inflight=0 held=0
	(($(cbw_field cbw "done") < $2)) || fail "what has no space counts as saved: $(dmsetup status cbw)"
	# Still full.
	dmsetup message cbw 0 resume
	await_status state=paused reason=enospc inflight=0
	# What a write would have saved has no space either.
	expect_fail 'Input/output error' put $(($2 - 5))
	assert_pit "$origin" $(($2 - 5))
}

goes_on_with_space() { # TARGET CHUNKS
	dmsetup message cbw 0 resume
	cbw_wait cbw completed
	assert_same "$pit" "$1"
	assert_new "$origin" $(($2 - 6))
	dmsetup remove --retry cbw
}
