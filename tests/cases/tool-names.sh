#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the tool finds a device by every name that people have for it, and refuses one that two devices have
# tier: long
# timeout: 600
# needs: mkfs.ext4
. "$CBW_LIB"
. "${CBW_LIB%/*}/volumes.sh"

named() { # NAME: prints the path that it stands for
	cbw restore --dry-run --force "$image" "$1" | sed -n 's/.* of=\([^ ]*\) .*/\1/p'
}

assert_named() { # NAME PATH
	assert_eq "$(named "$1")" "$2" "path of '$1'"
}

image=$CBW_TMP/image
truncate -s 1M "$image"
make_vg v-g 64
lv=$(make_lv v-g/l-v 32)
disk=$(mk_null plain 32)
mkfs.ext4 -q -L 'the label' -U 12345678-1234-1234-1234-123456789abc "$lv"

assert_named v-g/l-v "$lv"
assert_named v--g-l--v "$lv"
assert_named "$lv" "$lv"
assert_named /dev/v-g/l-v "$lv"
assert_named "$(dmsetup info -c --noheadings --separator : -o major,minor "v--g-l--v")" "$lv"
assert_named UUID=12345678-1234-1234-1234-123456789abc "$lv"
assert_named 'LABEL=the label' "$lv"
assert_named "$disk" "$(readlink -f "$disk")"
ln -s "$disk" "$CBW_TMP/link"
assert_named "$CBW_TMP/link" "$(readlink -f "$disk")"

refused 'no active volume v-g/none' named v-g/none
refused "no block device 'none'" named none
refused "no block device '/dev/none'" named /dev/none
refused "no block device '$image'" named "$image"
refused 'no device has UUID=0' named UUID=0
refused 'no block device 240:7' named 240:7
lvchange -an v-g/l-v
refused 'no active volume v-g/l-v' named v-g/l-v
lvchange -ay v-g/l-v

# A device that stands on the other with the same UUID is meant, not that beneath.
mk_linear above "$lv" > /dev/null
assert_named UUID=12345678-1234-1234-1234-123456789abc /dev/mapper/above
dmsetup remove above
dd if="$lv" of="$disk" bs=1M status=none
refused "($lv and .*|and $lv) both have UUID=1234" named UUID=12345678-1234-1234-1234-123456789abc
refused 'both have LABEL=the label' named 'LABEL=the label'
