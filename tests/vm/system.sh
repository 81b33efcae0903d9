# shellcheck shell=bash disable=SC2154,SC2034,SC2317 # here, root and out are the caller's, or used by host.sh; prove calls the steps
# SPDX-License-Identifier: GPL-2.0-only
#
# Host side of the tests that have a Debian system of their own, whose root is a volume of LVM. After host.sh.
#
#   begin_system SUITE PURPOSE [GET-OPTION]   finds kernel and system, or skips; SUITE: a folder of tests/ that has steps.sh
#   make_out FIRST SECOND FILE...             its disks, of these sizes, and what the steps need besides
#   prove WHAT COMMAND...                     counts; what comes later cannot be had without it
#   boot DM-NAME, ask SECONDS STEP..., shut_down, in_rescue SCRIPT SECONDS        commands for that
#   finish                                    prints the counts, and ends
#
# environment: SEED, CBW_KO, CBW_PATIENCE (factor on the time limits); KEEP=1 keeps the logs, and the disks as each machine
# that is started finds them, in at-<number> of what is proven then; FROM=<that folder> goes on from there, with that SEED

simulated=0 guest_memory=1G patience=${CBW_PATIENCE:-3}
seed=${SEED:-$((RANDOM * 32768 + RANDOM))} ko=${CBW_KO:-$root/dm_cbw.ko}
from=${FROM:+${FROM##*/at-}}
passed=0 failed=0 number=0 boots=0 reason='' suite='' purpose=''

disks() {
	local name
	for name in first second; do
		echo "-drive if=none,id=$name,file=$out/$name,format=raw,cache=unsafe,discard=unmap"
		echo "-device virtio-blk-pci,drive=$name,serial=$name"
	done
}

keep_disks() { # FOLDER
	[[ -d $1 ]] || { mkdir "$1" && find "$out" -maxdepth 1 -type f ! -name '*.log' -exec cp --sparse=always -t "$1" {} +; }
}

# Which boot it was is told by its place in console.log.
start() { # [ARGUMENT]... -- [KERNEL-ARGUMENT]...
	boots=$((boots + 1))
	[[ -z ${KEEP:-} ]] || keep_disks "$out/at-$number"
	echo "=== boot $boots: $*" >> "$out/console.log"
	# shellcheck disable=SC2046 # words are wanted
	start_guest "$out" $(disks) "$@" mitigations=off
}

# The third disk has the file system of Debian.
boot_rescue() {
	initramfs=$rescue_initramfs
	start -drive "if=none,id=debian,file=$system/root.ext4,format=raw,readonly=on" -device virtio-blk-pci,drive=debian -- ||
		{ reason="the rescue system does not come up" && return 1; }
}

# With the initramfs that Debian has made in an earlier boot, if that has left one.
boot() { # DM-NAME: Debian, with the root on this device
	local kernel_image=$system/vmlinuz initramfs=$system/initrd
	[[ ! -f $out/initrd ]] || initramfs=$out/initrd
	local arguments=("root=/dev/mapper/$1" ro systemd.show_status=error)
	# On a busy host the initramfs may give up waiting for LVM, after 30 s: once is no verdict.
	start -- "${arguments[@]}" || start -- "${arguments[@]}" || { reason="it does not come up" && return 1; }
	ask 300 booted "$1"
}

# ask SECONDS WORD...: sends the words, and waits for the verdict. The log of a step has its name.
ask() {
	local word verdict limit=$(($1 * patience))
	echo "${*:2}" >&"$to_guest"
	while read -r -t "$limit" -u "$from_guest" word verdict; do
		[[ $word == "done" ]] || continue
		[[ $verdict != pass ]] || return 0
		reason="$(basename "$2" .sh) fails: $verdict"
		return 1
	done
	reason="$(basename "$2" .sh) does not end, or the machine has died"
	return 1
}

# As a user does it: what is not on the disk then was lost by the system itself.
shut_down() {
	local word end=$((SECONDS + 180 * patience))
	echo poweroff >&"$to_guest"
	while kill -0 "$guest_pid" 2>/dev/null; do
		((SECONDS < end)) || { reason="it does not shut down" && return 1; }
		read -r -t 1 -u "$from_guest" word || sleep 0.2
	done
	stop_guest
	! grep -aE -m 1 '\bBUG\b|WARNING:|Call Trace|Oops' "$out/console.log" || { reason="the kernel complained" && return 1; }
}

in_rescue() { # SCRIPT SECONDS
	boot_rescue && ask "$2" "$here/$suite/$1" $(($2 * patience)) "$seed" || return
	# It has taken all down; there is nothing to be lost.
	stop_guest
}

# prove WHAT COMMAND...: nothing that comes later can be had without it.
prove() {
	local begin=$SECONDS
	number=$((number + 1))
	((number >= from)) || return 0
	if "${@:2}"; then
		passed=$((passed + 1))
		echo "ok $number - $1 # $((SECONDS - begin))s"
		return
	fi
	failed=$((failed + 1))
	echo "not ok $number - $1 # $((SECONDS - begin))s"
	explain
	finish
}

explain() {
	local file newest=''
	for file in "$out"/*.log; do
		[[ $file == */console.log || (-n $newest && $file -ot $newest) ]] || newest=$file
	done
	echo "# $reason; logs: ${out#"$PWD"/}; again: SEED=$seed ${here#"$root"/}/$suite/run"
	{
		[[ -z $newest ]] || tail -n 20 "$newest"
		tail -n 15 "$out/console.log"
	} | tr -d '\r' | sed 's/^/#   /'
}

finish() {
	stop_guest
	echo "$passed passed, $failed failed"
	((failed)) || [[ -n ${KEEP:-} ]] || rm -rf "$out"
	exit $((failed > 0))
}

skip() {
	echo "ok - $purpose # SKIP $1"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
}

make_out() { # SIZE-OF-FIRST SIZE-OF-SECOND [FILE]...: these files are seen by the steps, beside steps.sh
	mkdir -p "$root/.build/$suite"
	echo '*' > "$root/.build/.gitignore"
	out=$(mktemp -d "$root/.build/$suite/XXXXXX") || die "cannot write to $root/.build"
	truncate -s "$1" "$out/first"
	truncate -s "$2" "$out/second"
	[[ -z $from ]] || find "$FROM" -type f -exec cp --sparse=always -t "$out" {} +
	cp "$here/vm/step.sh" "$here/$suite/steps.sh" "${@:3}" "$out"
	: > "$out/console.log"
}

begin_system() { # SUITE PURPOSE [GET-OPTION]
	suite=$1 purpose=$2
	[[ -f $ko ]] || die "${ko##*/} is not built"
	find_kernel "$(modinfo -F vermagic "$ko" | cut -d' ' -f1)"
	make_initramfs
	rescue_initramfs=$initramfs
	# Its last line is the directory, or why there is none.
	system=$(set -o pipefail && "$here/system/get" "${@:3}" "$kernel_version" 2>&1 | tee >(cat >&2) | tail -n 1) || skip "$system"
	trap '' PIPE
	trap stop_guest EXIT
	trap 'exit 130' INT TERM
	echo "# kernel $kernel_version, seed $seed"
}
