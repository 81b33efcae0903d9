# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What every test starts with:  . "$CBW_LIB"
#
# The first command that fails ends the test. At the end all that the test made is taken down again: a test that
# leaves something behind that does not go away, or a module that cannot be unloaded, has failed. After a failure
# nothing is taken down: the state is printed, and the machine is thrown away.
#
# From the runner: CBW_ROOT (the tree), CBW_KO (the module), CBW_SEED, CBW_TMP (empty, in memory), CBW_PATIENCE (a factor
# on the seconds that the steps below wait).

nulls=/sys/kernel/config/nullb

# --- telling ---------------------------------------------------------------------------------------------------

# A step may come late, and what goes on beside it does not wait. With $CBW_LAG some do, at random ($RANDOM is for the
# tests, which repeat it from their seed).
lag() {
	((SRANDOM % 8)) || sleep "$CBW_LAG"
}

if [[ -n ${CBW_LAG:-} ]]; then
	dmsetup() {
		lag
		command dmsetup "$@"
	}
fi

say() { # COMMAND...: shows it, then runs it
	printf '+ %s\n' "$*" >&2
	"$@"
}

fail() { # MESSAGE...
	printf 'FAIL: %s (%s:%s)\n' "$*" "${BASH_SOURCE[-1]##*/}" "${BASH_LINENO[-2]}" >&2
	exit 1
}

skip() { # REASON...
	printf 'SKIP: %s\n' "$*"
	exit 77
}

# --- choosing --------------------------------------------------------------------------------------------------

# Never in a command substitution: that has random numbers of its own, which no seed repeats.
pick() { # WORD...: sets $picked
	local words=("$@")
	# shellcheck disable=SC2034 # read by the tests
	picked=${words[RANDOM % $#]}
}

# --- waiting and expecting -------------------------------------------------------------------------------------

retry() { # SECONDS COMMAND...: until it succeeds
	local end=$((SECONDS + $1 * ${CBW_PATIENCE:-1}))
	shift
	until "$@"; do
		((SECONDS < end)) || return 1
		sleep 0.1
	done
}

gone() { # PID
	! kill -0 "$1" 2>/dev/null
}

with_deadline() { # SECONDS COMMAND...: its exit status, or the end of the test if it takes longer
	local seconds=$1 pid
	shift
	"$@" &
	pid=$!
	retry "$seconds" gone "$pid" || fail "still running after $seconds s: $*"
	wait "$pid"
}

klog() { # prints what the kernel logged since the test began, or since klog_anew
	dmesg --notime | tail -n +$((${klog_seen:-0} + 1))
}

# The log itself stays: the runner looks for complaints in all of it.
klog_anew() {
	klog_seen=$(dmesg --notime | wc -l)
}

klog_has() { # REGEX
	grep -qE -- "$1" <<< "$(klog)"
}

klog_expect() { # REGEX
	retry 5 klog_has "$1" || fail "no line in the kernel log matches '$1'"
}

expect_fail() { # REGEX COMMAND...: fails, and says so in a line of its output or of the kernel log
	local regex=$1 output lines
	shift
	lines=$(klog | wc -l)
	printf '+ ! %s\n' "$*" >&2
	if output=$("$@" 2>&1); then
		fail "succeeded, although it must not: $*"
	fi
	output+=$'\n'$(klog | tail -n +$((lines + 1)))
	grep -qE -- "$regex" <<< "$output" || fail "'$*' failed, but not with '$regex': $output"
}

assert_eq() { # GOT WANTED WHAT
	[[ $1 == "$2" ]] || fail "$3 is '$1', not '$2'"
}

says_nothing() { # COMMAND...: succeeds, and has nothing to say on standard output
	local said
	said=$("$@") || fail "it failed: $*"
	[[ -z $said ]] || fail "'$*' says: $said"
}

assert_same() { # FILE1 FILE2 [BYTES]
	local file
	# Device-mapper writes beneath the page cache of a device: never compare what was cached before.
	for file in "$1" "$2"; do
		[[ ! -b $file ]] || blockdev --flushbufs "$file"
	done
	cmp ${3:+--bytes="$3"} "$1" "$2" || fail "$1 and $2 differ"
}

# --- devices ---------------------------------------------------------------------------------------------------

dev_sectors() { # DEVICE
	blockdev --getsz "$1"
}

dev_stat() { # DEVICE: prints what the kernel counts of it
	cat "/sys/dev/block/$(stat --dereference --format=%Hr:%Lr "$1")/stat"
}

dev_writes() { # DEVICE: prints how many requests to write it has had; neighbours may have become one
	dev_stat "$1" | awk '{ print $5 }'
}

dev_flushes() { # DEVICE: prints how many have reached it
	dev_stat "$1" | awk '{ print $16 }'
}

# Debian's kernels have all that the tests need: of those it is a failure. Small ones may do without a part.
lacks() { # WHAT
	[[ $(uname -r) != *-amd64 || $(uname -r) == *-cloud-* ]] || fail "this kernel has no $1"
	echo "left out: this kernel has no $1"
}

skip_without() { # WHAT
	lacks "$1"
	skip "this kernel has no $1"
}

module_unused() { # MODULE: it is there, and nobody has it
	[[ $(< "/sys/module/$1/refcnt") == 0 ]]
}

need_module() { # MODULE...: loads them; a kernel without them skips the test
	local module
	for module; do
		if [[ $module == dm_cbw ]]; then
			load_cbw
		elif [[ ! -d /sys/module/${module//-/_} ]]; then
			modprobe -q "$module" || skip_without "module $module"
		fi
	done
}

load_cbw() {
	local needs
	[[ ! -d /sys/module/dm_cbw ]] || return 0
	[[ -f $CBW_KO ]] || fail "${CBW_KO##*/} is not built"
	needs=$(modinfo -F depends "$CBW_KO")
	# shellcheck disable=SC2086 # words are wanted
	[[ -z $needs ]] || modprobe -a ${needs//,/ }
	taken_before=$(cut -d' ' -f1 /proc/vmallocinfo)
	say insmod "$CBW_KO"
}

# One of tests/modules. It was built beside our module, or by "make helpers", for the kernel that "make" builds for.
load_test_module() { # NAME [PARAMETER=VALUE]...
	local file=${CBW_KO%/*}/tests/modules/$1.ko
	[[ -f $file ]] || file=$CBW_ROOT/tests/modules/$1.ko
	[[ $(modinfo -F vermagic "$file" 2>/dev/null) == "$(uname -r) "* ]] || skip "$1.ko is not built for this kernel"
	say insmod "$file" "${@:2}"
}

mk_null() { # NAME MIB [ATTRIBUTE=VALUE]...: prints the device; it holds data unless memory_backed=0
	local dir=$nulls/$1 attribute
	[[ -d $nulls ]] || modprobe null_blk nr_devices=0
	printf '+ null_blk %s\n' "$*" >&2
	[[ ! -c /dev/$1 ]] || fail "/dev/$1 is another device"
	mkdir "$dir"
	for attribute in memory_backed=1 size="$2" "${@:3}" power=1; do
		echo "${attribute#*=}" > "$dir/${attribute%%=*}" || fail "null_blk does not take $attribute"
	done
	# On 5.10 its name is the kernel's choice.
	[[ -b /dev/$1 && ! -L /dev/$1 ]] || ln -sfn "nullb$(cat "$dir/index")" "/dev/$1"
	echo "/dev/$1"
}

mk_loop() { # NAME SIZE [LOSETUP-OPTION]...: prints the device; SIZE as truncate takes it
	need_module loop
	truncate -s "$2" "$CBW_TMP/$1.img"
	say losetup --find --show "${@:3}" "$CBW_TMP/$1.img"
}

dm_sysfs() { # NAME: prints its directory in sysfs
	echo "/sys/dev/block/$(dmsetup info -c --noheadings --separator : -o major,minor "$1")"
}

nr_in_flight() { # NAME: prints how much of its I/O is
	local reads writes
	read -r reads writes < "$(dm_sysfs "$1")/inflight"
	echo $((reads + writes))
}

in_flight() { # NAME: is any of its I/O?
	(($(nr_in_flight "$1") > 0))
}

mk_linear() { # NAME DEVICE [START [LENGTH]]: prints the device
	local start=${3:-0} length
	length=${4:-$(($(dev_sectors "$2") - start))}
	say dmsetup create "$1" --table "0 $length linear $2 $start"
	echo "/dev/mapper/$1"
}

# --- cbw -------------------------------------------------------------------------------------------------------

cbw_table() { # ORIGIN TARGET CHUNK ['FEATURE ARGUMENTS' [LENGTH]]: prints the table line; the job is
	# ${CBW_JOB:-backup}, and has those of the ${CBW_FEATURES:-}, each with a value, besides that it has not yet
	local words more i
	read -ra words <<< "${4:-}"
	IFS=' ,' read -ra more <<< "${CBW_FEATURES:-}"
	for ((i = 0; i < ${#more[@]}; i += 2)); do
		[[ " ${4:-} " == *" ${more[i]} "* ]] || words+=("${more[@]:i:2}")
	done
	((${#words[@]} == 0)) || words=("${#words[@]}" "${words[@]}")
	echo "0 ${5:-$(dev_sectors "$1")} cbw $1 $2 $3 ${CBW_JOB:-backup}${words[*]:+ ${words[*]}}"
}

cbw_create() { # NAME ORIGIN TARGET CHUNK ['FEATURE ARGUMENTS' [LENGTH]]
	need_module dm_cbw
	say dmsetup create "$1" --table "$(cbw_table "${@:2}")"
}

cbw_field() { # NAME FIELD: a field of the status line; done and total are also there together, as progress
	local state job sync chunk progress inflight held cbw sweep source_errors target_errors reason "done" total line
	line=$(dmsetup status "$1")
	# shellcheck disable=SC2034 # read by name
	read -r _ _ _ state job sync chunk progress inflight held cbw sweep source_errors target_errors reason <<< "$line"
	# shellcheck disable=SC2034
	done=${progress%/*} total=${progress#*/}
	[[ -v $2 ]] || fail "status has no field $2"
	echo "${!2}"
}

# Of the device cbw.
status_is() { # FIELD=PATTERN...: all at one moment
	local state progress inflight held cbw sweep source_errors target_errors reason line want name
	line=$(dmsetup status cbw)
	# shellcheck disable=SC2034 # read by name
	read -r _ _ _ state _ _ _ progress inflight held cbw sweep source_errors target_errors reason <<< "$line"
	for want; do
		name=${want%%=*}
		# shellcheck disable=SC2053 # a pattern
		[[ ${!name} == ${want#*=} ]] || return 1
	done
}

assert_status() { # FIELD=PATTERN...
	status_is "$@" || fail "the status is not $*: $(dmsetup status cbw)"
}

await_status() { # FIELD=PATTERN...
	retry 30 status_is "$@" || fail "the status did not become $*: $(dmsetup status cbw)"
}

cbw_event() { # NAME NUMBER: waits for an event after that one; fails if there is none
	timeout $((60 * ${CBW_PATIENCE:-1})) dmsetup wait "$1" "$2" > /dev/null
}

cbw_wait() { # NAME STATE [SECONDS]: the end of the test if another final state comes first
	local event state end=$((SECONDS + ${3:-60} * ${CBW_PATIENCE:-1}))
	while :; do
		event=$(dmsetup info -c --noheadings -o events "$1")
		state=$(cbw_field "$1" state)
		[[ $state != "$2" ]] || return 0
		[[ ! $state =~ ^(completed|failed|cancelled)$ ]] || fail "$1 is $state, not $2: $(dmsetup status "$1")"
		((SECONDS < end)) || fail "$1 did not become $2: $(dmsetup status "$1")"
		# The event number was read before the state: no event is missed.
		timeout $((end - SECONDS)) dmsetup wait "$1" "$event" > /dev/null || true
	done
}

# --- the end ---------------------------------------------------------------------------------------------------

each_dm() { # COMMAND...: for each device-mapper device
	local name
	for name in $(dmsetup info -c --noheadings -o name 2>/dev/null); do
		[[ ! -e /dev/mapper/$name ]] || "$@" "$name" || true
	done
}

resume_suspended() { # NAME
	[[ $(dmsetup info -c --noheadings -o suspended "$1") != Suspended ]] || dmsetup resume "$1"
}

remove_unused() { # NAME
	[[ $(dmsetup info -c --noheadings -o open "$1") != 0 ]] || dmsetup remove --retry "$1"
}

# Layer by layer from the top: a device that something stands on is in use.
remove_dm() {
	local left
	for _ in {1..8}; do
		losetup -D 2>/dev/null
		left=$(dmsetup ls 2>/dev/null | cut -f1 | xargs)
		[[ -n $left && $left != "No devices"* ]] || return 0
		each_dm remove_unused
	done
	echo "left behind: $left" >&2
	dmsetup remove_all --force
	return 1
}

# What LVM made for volumes that are gone: it takes the folder of a volume group for one.
remove_lvm_links() {
	find /dev -mindepth 2 -maxdepth 2 -xtype l -lname '/dev/mapper/*' -printf '%h\n' -delete | sort -u | xargs -r rmdir
}

unmount_all() {
	local source point bad=0
	while read -r source point _; do
		[[ $source != /dev/* ]] || umount "$point" || { echo "left behind: mount $point" >&2 && bad=1; }
	done < <(tac /proc/self/mounts)
	return "$bad"
}

# It takes its parameters when it is loaded: the next test has others.
unload_scsi_debug() {
	[[ ! -d /sys/module/scsi_debug ]] || retry 10 rmmod scsi_debug
}

remove_nulls() {
	local dir bad=0
	for dir in "$nulls"/*/; do
		[[ ! -d $dir ]] || rmdir "$dir" || bad=1
	done
	return "$bad"
}

# A disk goes though somebody has it open; its module does not.
disks_unused() {
	local module
	for module in null_blk loop; do
		[[ ! -e /sys/module/$module/refcnt ]] || module_unused $module || return 1
	done
}

let_go_of_disks() {
	remove_nulls || return 1
	retry 10 disks_unused && return 0
	echo "left behind: a disk that is open" >&2
	return 1
}

# Whatever cbw takes, its constructor takes. The kernel's allocators remember who has what (slub_debug=U). The caller
# is looked at, too: code of a module that is gone may have stood where cbw is now, as well as that by which one has
# begun. What dm_get_device() takes is device-mapper's, which shares it with the tables that follow, and a sheaf is the
# allocator's own, which whoever finds none has it take (Linux 6.18), as is what it notes for memory cgroups (6.10). Of a
# cache that could not be made for want of memory it forgets the name, which is lost (sysfs_slab_add() in 6.1).
leaks() {
	cat /sys/kernel/debug/slab/kmalloc-*/alloc_traces 2>/dev/null |
		awk -v RS= '/(cbw|snapshot)_ctr\+[^\n]*\[dm_cbw\]\n *dm_table_add_target/ && !/dm_get_device|sysfs_slab_add/ && !/^ *[0-9]+ [^\n]*(__pcs_|sheaf|alloc_slab_obj_exts)/'
	grep '\[dm_cbw\]' /proc/vmallocinfo | grep -vFf <(printf %s "${taken_before:-}") || true
}

# What was freed counts as taken as long as KASAN keeps it from being taken again.
empty_quarantine() {
	local cache
	[[ $(< /proc/sys/kernel/osrelease) == *-kasan ]] || return 0
	for cache in /sys/kernel/slab/kmalloc-*; do
		echo 1 > "$cache/shrink"
	done
}

no_leak() { # sets $leaked
	empty_quarantine
	leaked=$(leaks)
	[[ -z $leaked ]]
}

unload_cbw() {
	[[ -d /sys/module/dm_cbw ]] || return 0
	# Some of it is freed by RCU, a moment later.
	if ! retry 30 no_leak; then
		printf 'left behind: memory of cbw\n%s\n' "$leaked" >&2
		return 1
	fi
	retry 10 rmmod dm_cbw && return 0
	echo "left behind: module dm_cbw, in use by $(cat /sys/module/dm_cbw/refcnt)" >&2
	return 1
}

unload_test_modules() {
	local file name clean=0
	for file in "$CBW_ROOT"/tests/modules/*.c; do
		name=$(basename "$file" .c)
		[[ ! -d /sys/module/$name ]] || rmmod "$name" || clean=1
	done
	return "$clean"
}

# Runs in a trap, where a bare "return" would give the status from before it.
clean_up() {
	local clean=0
	echo "--- cleaning up" >&2
	trap '' TERM
	# The group is the test alone; what hangs on a suspended device goes when that is resumed.
	# shellcheck disable=SC2046 # words are wanted
	kill -TERM 0 $(jobs -p) 2>/dev/null
	each_dm resume_suspended
	wait
	unmount_all || clean=1
	remove_dm || clean=1
	# Of udev.sh: what removes devices may wait for udev.
	[[ $(type -t stop_udev) != function ]] || stop_udev || clean=1
	remove_lvm_links || clean=1
	let_go_of_disks || clean=1
	unload_scsi_debug || clean=1
	unload_cbw || clean=1
	unload_test_modules || clean=1
	rm -rf "${CBW_TMP:?}"/*
	return "$clean"
}

print_state() {
	echo "--- state at the failure"
	dmsetup table
	dmsetup status
	dmsetup info -c
} >&2

at_exit() {
	local status=$?
	set +e
	trap - ERR
	if ((status != 0 && status != 77)); then
		print_state
	elif ! clean_up; then
		print_state
		status=1
	fi
	exit "$status"
}

if [[ $- == *i* ]]; then
	PS1='cbw-guest \w# '
else
	set -eEu -o pipefail
	shopt -s inherit_errexit
	trap 'echo "FAIL: ${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND" >&2' ERR
	trap at_exit EXIT
fi
