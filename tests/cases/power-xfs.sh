#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# tier: long
# timeout: 500
# needs: mkfs.xfs xfs_repair cbw-replay
# the power fails under XFS while jobs run: it recovers, with every file that was synced
# shellcheck disable=SC2034,SC2154 # the names are those of power.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/power.sh"

options=defaults fsck=(xfs_repair -n)
prove_power 320 40 8 mkfs.xfs -q -K
