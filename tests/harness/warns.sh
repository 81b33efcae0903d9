#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# does everything right, but the kernel complains, and not only as announced
# klog-allow: WARNING: announced
. "$CBW_LIB"

echo "WARNING: announced" > /dev/kmsg
echo "WARNING: not announced" > /dev/kmsg

race() { # FUNCTION
	printf '%s\n' ==================== "BUG: KCSAN: data-race in $1 / foreign" "write to 0x1 of 8 bytes by task 1 on cpu 0:" \
		" foreign" " foreign" " $1" "" "read to 0x1 of 8 bytes by task 2 on cpu 1:" " foreign" "${2:-}" ==================== |
		while read -r line; do echo "$line" > /dev/kmsg; done
}
race foreign "WARNING: within a report"
race 'own+0x1/0x2 [dm_cbw]'
