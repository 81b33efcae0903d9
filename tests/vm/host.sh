# shellcheck shell=bash disable=SC2154 # here, root, ko, simulated, guest_memory and patience are the runner's
# SPDX-License-Identifier: GPL-2.0-only
#
# Host side of the virtual machine: choose a kernel, make its initramfs, start and stop the guest.
#
# The guest's root is the host's own root, read-only, under an overlay in the guest's memory: every tool that
# is installed here is in the guest, and nothing that a test does there can reach the host.
#
#   find_kernel X     X: a version, a kernel image, a directory with an unpacked kernel package, or empty
#                     sets $kernel_image, $kernel_version and $kernel_root (the directory that holds lib/modules)
#   start_guest DIR [ARGUMENT...] [-- ARGUMENT...]
#                     boots it, with these arguments for QEMU, and for the kernel; DIR is writable in the guest
#                     (/run/out), and gets $console, and what QEMU says
#                     sets $guest_pid, and $to_guest and $from_guest, the two ends of the guest's ttyS1
#   stop_guest        ends it at once; there is nothing in it to save

cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/dm-cbw
guest_pid='' console=console.log

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

newest_kernel() {
	local image version
	for image in $(printf '%s\n' "$1"/boot/vmlinuz-* | sort -rV); do
		version=${image##*/vmlinuz-}
		[[ -d $1/lib/modules/$version ]] && echo "$version" && return
	done
	return 1
}

# The version stands in the image's header, at the offset that the 16 bits at 0x20e give.
image_version() {
	local at
	at=$(od -An -tu2 -j $((0x20e)) -N2 "$1") && tail -c +$((at + 0x200 + 1)) "$1" | head -c 256 | sed -z 's/ .*//;q' | tr -d '\0'
}

find_kernel() {
	kernel_root=''
	if [[ -d $1 ]]; then
		kernel_root=$(realpath "$1")
	elif [[ -f $1 ]]; then
		kernel_image=$(realpath "$1")
		kernel_version=$(image_version "$kernel_image")
		return
	fi
	if [[ -n $1 && -z $kernel_root ]]; then
		kernel_version=$1
	else
		kernel_version=$(newest_kernel "$kernel_root") ||
			die "no kernel with its modules in ${kernel_root:-/boot}; scripts/setup installs one"
	fi
	kernel_image=$kernel_root/boot/vmlinuz-$kernel_version
	[[ -r $kernel_image ]] || die "kernel $kernel_version is not installed: cannot read $kernel_image"
}

# Prints the modules that the root file system needs, in the order of loading; a kernel that has them built in needs none.
root_modules() {
	[[ -d $kernel_root/lib/modules/$kernel_version ]] || return 0
	modprobe -d "$kernel_root/" -S "$kernel_version" --show-depends -a virtio_pci 9pnet_virtio 9p overlay |
		awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

fill_initramfs() {
	local dir=$1 module name
	mkdir -p "$dir"/{bin,dev,proc,host,rw,root,modules}
	cp "$(command -v busybox)" "$dir/bin/busybox"
	for name in sh mount umount mkdir insmod switch_root; do
		ln -s busybox "$dir/bin/$name"
	done
	cp "$here/vm/init" "$dir/init"
	: > "$dir/modules/order"
	for module in $(root_modules); do
		name=${module##*/}
		name=${name%.ko*}.ko
		case $module in
		*.xz) xz -dc "$module" ;;
		*.zst) zstd -dc "$module" ;;
		*) cat "$module" ;;
		esac > "$dir/modules/$name" || return
		echo "$name" >> "$dir/modules/order"
	done
}

# Sets $initramfs; made once per kernel and version of the init script.
make_initramfs() {
	local key dir
	key=$(cat "$here/vm/init" "$here/vm/host.sh" "$kernel_image" | sha256sum | cut -c1-12)
	initramfs=$cache/initramfs-$kernel_version-$key.cpio
	[[ -f $initramfs ]] && return
	mkdir -p "$cache"
	dir=$(mktemp -d "$cache/initramfs.XXXXXX") || die "cannot write to $cache"
	if ! fill_initramfs "$dir/root" || ! (cd "$dir/root" && find . | cpio --quiet -o -H newc > "$dir/cpio"); then
		die "cannot make the initramfs for kernel $kernel_version"
	fi
	mv "$dir/cpio" "$initramfs"
	rm -rf "$dir"
}

# KVM can be there and still hang every guest: trust it only where the processor says so. CBW_ACCEL=kvm|tcg overrides.
# With $simulated, time itself is: one instruction is one nanosecond, on any host.
# Emulated, "rep movsb" goes byte by byte; a processor without erms and fsrm is given words to move, and a test takes two
# thirds of the time. On a busy host the kernel gives up on the ACPI of the older machine, which finds interrupts in loops.
processor() {
	local kind=${CBW_ACCEL:-tcg}
	[[ -z ${CBW_ACCEL:-} && -w /dev/kvm ]] && grep -qwE 'vmx|svm' /proc/cpuinfo && kind=kvm
	((!simulated)) || kind=icount
	case $kind in
	icount) echo -accel tcg,thread=single -icount shift=0,sleep=off -smp 1 -cpu max,-erms,-fsrm ;;
	kvm) echo -accel kvm -smp 2 -cpu host ;;
	*) echo -accel tcg,thread=multi -smp 2 -cpu max,-erms,-fsrm -machine q35 ;;
	esac
}

checked_memory='slub_debug=FZPU,kmalloc-*,bio*,dm*,kcopyd* page_poison=1 kfence.sample_interval=100'

# A busy host delivers the timer's interrupts too late for the kernel's check of it (a panic at boot): no_timer_check.
# What is not known to the kernel itself becomes the environment of its first process.
# Slab is checked in the caches that our code and device-mapper take from: all of them would cost a third of the time,
# most of it where processes are made. The same again goes for addresses at random: an emulator has to translate a
# program anew wherever it finds it. On the simulated clock figures would differ from boot to boot by 2 %, for where the
# kernel is, too.
kernel_arguments() {
	echo "console=ttyS0 loglevel=6 log_buf_len=4M panic=-1 oops=panic no_timer_check rcupdate.rcu_cpu_stall_timeout=60"
	((simulated)) && echo "CBW_HUNG_TASK=0 nokaslr norandmaps" || echo "norandmaps $checked_memory"
	echo "CBW_ROOT=$root CBW_KO=$ko CBW_KERNEL_ROOT=$kernel_root TERM=$TERM $*"
	echo "CBW_MINUTES=${CBW_MINUTES:-10} CBW_OPERATIONS=${CBW_OPERATIONS:-} CBW_LAG=${CBW_LAG:-} CBW_PATIENCE=$patience"
	echo "CBW_FEATURES=${CBW_FEATURES:-}"
}

# qemu DIR ARGUMENT... [-- KERNEL-ARGUMENT...]: becomes the guest; it dies with the process that started it.
qemu() {
	local dir=$1 devices=()
	shift
	while (($#)) && [[ $1 != -- ]]; do
		devices+=("$1")
		shift
	done
	# shellcheck disable=SC2046 # words are wanted
	exec setpriv --pdeathsig KILL qemu-system-x86_64 $(processor) -m "$guest_memory" \
		-nodefaults -display none -no-reboot -kernel "$kernel_image" -initrd "$initramfs" \
		-virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap \
		-virtfs "local,path=$dir,mount_tag=out,security_model=none" \
		"${devices[@]}" -append "$(kernel_arguments "${@:2}" | tr '\n' ' ')"
}

start_guest() {
	local line
	coproc GUEST { qemu "$1" -chardev "file,id=console,path=$1/$console,append=on" \
		-serial chardev:console -serial stdio "${@:2}" 2> "$1/qemu-$console"; }
	# shellcheck disable=SC2153 # set by coproc
	guest_pid=$GUEST_PID
	# Bash closes its own ends as soon as the guest dies: these stay.
	exec {to_guest}>&"${GUEST[1]}" {from_guest}<&"${GUEST[0]}"
	while read -r -t $((120 * patience)) -u "$from_guest" line; do
		[[ $line == *ready* ]] && return
	done
	stop_guest
	return 1
}

stop_guest() {
	[[ -n $guest_pid ]] || return 0
	kill -KILL "$guest_pid" 2>/dev/null
	wait "$guest_pid" 2>/dev/null
	exec {to_guest}>&- {from_guest}<&-
	guest_pid=''
}
