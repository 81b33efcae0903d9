#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# leaves a device that somebody holds open
. "$CBW_LIB"

device=$(mk_linear held "$(mk_null nulla 8)")
setsid --fork bash -c ': > "$CBW_TMP/open"; sleep 600' < "$device"
retry 30 test -e "$CBW_TMP/open"
