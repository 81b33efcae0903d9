#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# waits for a long time that takes none on the simulated clock
# clock: simulated
# timeout: 60
. "$CBW_LIB"

sleep 5000
