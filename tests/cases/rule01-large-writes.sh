#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a write of 4 MiB over a thousand chunks, from inside of one to inside of another, is held and saved as a whole
# timeout: 240
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

# Huge pages make one bio of it, which 256 small ones could not.
put_large() { # SECTOR
	python3 - "$1" <<-'END'
		import mmap, os, sys
		huge = mmap.mmap(-1, 4 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000)
		huge.write(b"\xff" * (4 << 20))
		disk = os.open("/dev/mapper/cbw", os.O_RDWR | os.O_DIRECT)
		assert os.pwrite(disk, huge, int(sys.argv[1]) * 512) == 4 << 20
	END
}

compare() { # FILE1 FILE2 FIRST-SECTOR SECTORS
	blockdev --flushbufs "$1"
	cmp -i $(($3 * 512)) -n $(($4 * 512)) "$1" "$2" || fail "$4 sectors of $1 from $3 are not those of $2"
}

[[ -e /proc/sys/vm/nr_hugepages ]] || skip "this kernel has no huge pages"
fault_pair 8
sysctl -q vm.nr_hugepages=4
(($(< /proc/sys/vm/nr_hugepages) == 4)) || fail "the kernel has no huge pages left"
dd if="$pit" bs=1M status=none | tr '\0-\377' '\377' > "$CBW_TMP/all-new"

# Of 4 KiB chunks the first and the last are not written whole.
cbw_create cbw "$origin" "$target" 8 "sync none cbw_timeout 0 max_copy 64"
hang target
put_large 4003 &
writer=$!
await_status held=1 inflight=32
assert_same "$pit" /dev/origin0
unhang target
ends_as ok $writer
assert_status held=0 inflight=0 cbw=1025
compare "$target" "$pit" 4000 8200
compare "$origin" "$pit" 0 4003
compare "$origin" "$CBW_TMP/all-new" 4003 8192
compare "$origin" "$pit" $((4003 + 8192)) $((16384 - 4003 - 8192))

# Nothing else was touched on the target device.
compare "$target" /dev/zero 0 4000
compare "$target" /dev/zero 12200 $((16384 - 12200))
sysctl -q vm.nr_hugepages=0
