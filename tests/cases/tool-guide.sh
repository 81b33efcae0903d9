#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# every command of the guide works as shown, on mounted volumes
# tier: long
# timeout: 900
# needs: mkfs.ext4 fsck.ext4
. "$CBW_LIB"
. "${CBW_LIB%/*}/volumes.sh"
. "${CBW_LIB%/*}/examples.sh"

unset CBW_STATE
make_vg vg0 64
make_vg vg1 256
make_file_system "$(make_lv vg0/root 16)" "$CBW_TMP/root"
make_file_system "$(make_lv vg0/home 8)" /home
mk_null sdb1 16 > /dev/null
make_store /backup 128

run_examples "$CBW_ROOT/Documentation/cbw-guide.rst" 58
diff -r /usr/share/common-licenses /home/common-licenses
for name in vg0-root vg0-home; do
	assert_detached "$name"
done
[[ -n $(cbw list) ]] || fail "there is no record in /var/lib/cbw"
rm -rf /var/lib/cbw
