#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# tier: long
# timeout: 2400
# hostile tables, messages and users, by the thousand
. "$CBW_LIB"
. "${CBW_LIB%/*}/fuzz.sh"

fuzz_devices
fuzz --operations "${CBW_OPERATIONS:-5000}"
