#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# runs in a machine that the test before it spoiled
. "$CBW_LIB"

assert_eq "$(dmsetup ls)" "No devices found" "list of devices"
