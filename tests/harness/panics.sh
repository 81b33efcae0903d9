#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# takes the machine down
. "$CBW_LIB"

echo c > /proc/sysrq-trigger
