#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# needs a machine with little memory, and gets it
# memory: 448M
. "$CBW_LIB"

kib=$(awk '/^MemTotal/ { print $2 }' /proc/meminfo)
((kib < 448 * 1024)) || fail "the machine has $kib KiB"
