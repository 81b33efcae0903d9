# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Steps of the tests that back up volumes of LVM with the tool. After guest.sh:  . "${CBW_LIB%/*}/volumes.sh"

. "${CBW_LIB%/*}/tool.sh"
RANDOM=$CBW_SEED

refused() { # REGEX COMMAND...: fails with one line that matches
	local regex=$1 output
	shift
	printf '+ ! %s\n' "$*" >&2
	output=$("$@" 2>&1) && fail "succeeded, although it must not: $*"
	grep -qE -- "^cbw: .*$regex" <<< "$output" || fail "'$*' does not say '$regex': $output"
	assert_eq "$(grep -vc '^cbw: warning: ' <<< "$output")" 1 "number of lines in '$output'"
}

make_vg() { # NAME MIB: of a new disk
	mk_null "disk-$1" "$2" discard=1 > /dev/null
	vgcreate -q "$1" "/dev/disk-$1" > /dev/null
}

make_lv() { # VG/LV MIB: prints the device
	local vg=${1%/*} lv=${1#*/}
	lvcreate -q -y -an -Zn -Wn -L "$2M" -n "$lv" "$vg" > /dev/null
	lvchange -ay "$1"
	echo "/dev/mapper/${vg//-/--}-${lv//-/--}"
}

fill() { # DEVICE MIB: with what no other device has
	say dd if=/dev/urandom of="$1" bs=1M count="$2" oflag=direct status=none
}

sum_of() { # DEVICE-OR-FILE BYTES
	[[ ! -b $1 ]] || blockdev --flushbufs "$1"
	head -c "$2" "$1" | sha256sum | cut -d' ' -f1
}

make_file_system() { # DEVICE FOLDER: mounted, with some files
	mkfs.ext4 -q "$1"
	mkdir -p "$2"
	say mount "$1" "$2"
	cp -r /usr/share/common-licenses "$2"
}

make_store() { # FOLDER MIB: for images, on a disk of its own
	mkfs.ext4 -q "$(mk_null store "$2")"
	mkdir -p "$1"
	mount /dev/store "$1"
}

# A table of LVM's alone, nothing hidden, nothing suspended.
assert_detached() { # DM-NAME
	assert_eq "$(dmsetup table "$1" | cut -d' ' -f3 | sort -u)" linear "target of $1"
	! dmsetup info -c --noheadings -o name,uuid | grep -E 'CBW|-cbw$' || fail "a device is left behind"
}
