#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# hostile tables, messages and users, all at once and on devices that fail, do no harm
# tier: core
# timeout: 300
. "$CBW_LIB"
. "${CBW_LIB%/*}/fuzz.sh"

fuzz_devices
fuzz --operations "${CBW_OPERATIONS:-300}"
