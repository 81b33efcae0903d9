#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 400
# needs: mkfs.ext4 fsck.ext4 cbw-replay
# the power fails under ext4 while jobs run: it recovers, with every file that was synced
# shellcheck disable=SC2034,SC2154 # the names are those of power.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/power.sh"

# Two flushes at a time could put the log out of order: no commits by the clock beside the writer's.
options=commit=300 fsck=(fsck.ext4 -fn)
prove_power 64 40 10 mkfs.ext4 -q -E nodiscard
