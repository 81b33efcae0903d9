#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# what copies cost by themselves, with nothing but dm-kcopyd
# timeout: 1800
# clock: simulated
# shellcheck disable=SC2154 # the names are those of bench.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/bench.sh"

need_module dm_mod
load_test_module copies

copy() { # KIB IN-FLIGHT COPIES [NAME FROM TO]: from and to so many places
	record "copy-$1k-$2${4:+-$4}" kcopyd ns "$(dmsetup message copies 0 copy "$1" "$2" "$3" "${5:-1}" "${6:-1}")"
}

disks unlimited 1024
dmsetup create copies --table "0 $(dev_sectors "$origin") copies $origin $target"
for in_flight in 1 16; do
	copy 1024 $in_flight 512
	for kib in 4 16 64; do
		copy $kib $in_flight 8192
	done
done
# Where they lie side by side the disks get fewer requests.
copy 4 16 8192 to-row 1 1024
copy 16 16 8192 rows 1024 1024
copy 64 16 8192 rows 1024 1024
