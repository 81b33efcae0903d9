#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a machine that swaps through copy-before-write when its memory is short never waits for itself
# memory: 512M
# tier: long
# timeout: 400
. "$CBW_LIB"
. "${CBW_LIB%/*}/pressure.sh"

filled_pair 64
say mkswap /dev/mapper/cbw > /dev/null
for chunk in 8 128; do
	begin_job $chunk
	say swapon /dev/mapper/cbw
	hog $(($(free_mib) + 20))
	say swapoff /dev/mapper/cbw
	prove_backup $((16 * 2048 / chunk))
done
