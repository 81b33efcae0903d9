#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# 2 GiB of a busy device are backed up through a view that releases, by a target device that never holds a fifth of it
# tier: long
# memory: 8G
# timeout: 1800
# needs: python3
# shellcheck disable=SC2034,SC2154 # the names are those of pit.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"

mib=2048 piece=16

# As many random writes for each piece as change it by half: so what is in use does not depend on who is faster, and
# without release it would be a quarter of the device at the end.
writes_on_demand='
import mmap, os, random, sys
random.seed(int(sys.argv[1]))
data = mmap.mmap(-1, 65536)
data.write(random.randbytes(65536))
fd = os.open("/dev/mapper/cbw", os.O_RDWR | os.O_DIRECT)
for line in sys.stdin:
    for _ in range(128):
        os.pwrite(fd, data, random.randrange(int(sys.argv[2]) * 16) * 65536)
    print("written", flush=True)
'

used_mib() { # of the target device
	du -m "$CBW_TMP/target.img" | cut -f1
}

# As a backup program does: read a piece, keep it, tell that it was read.
back_up() {
	local number line most=0
	for ((number = 0; number < mib / piece; number++)); do
		echo go >&9
		dd if=/dev/mapper/view bs=${piece}M skip=$number count=1 iflag=direct,fullblock status=none
		blkdiscard --force --offset $((number * piece))M --length ${piece}M /dev/mapper/view
		if ! read -r line <&8 || [[ $line != written ]]; then
			fail "the writer has failed"
		fi
		most=$(($(used_mib) > most ? $(used_mib) : most))
	done
	echo "$most" > "$CBW_TMP/most"
}

need_module loop
length=$((mib << 11))
origin=$(mk_null origin $mib discard=1)
target=$(mk_loop target ${mib}M)
mk_linear cbw "$origin" > /dev/null
cbw-stamp fill /dev/mapper/cbw --seed "$CBW_SEED"
right=$(dd if="$origin" bs=1M iflag=direct status=none | sha256sum)
load 128 "sync none"
resume
say dmsetup create view --table "0 $length cbw-snapshot $origin 1 release"
coproc writer { python3 -c "$writes_on_demand" "$CBW_SEED" $mib; }
# Those of the coprocess itself are not for subshells.
exec 8<&"${writer[0]}" 9>&"${writer[1]}"
assert_eq "$(back_up | sha256sum)" "$right" "what was backed up"
most=$(< "$CBW_TMP/most")
echo "at most $most MiB of the target device were in use; $(dmsetup status cbw)"
((most * 5 < mib)) || fail "$most MiB of the target device were in use"
(($(cbw_field cbw cbw) * 5 > mib * 16)) || fail "the load would have fit without release"
