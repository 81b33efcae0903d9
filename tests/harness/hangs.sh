#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# writes to a suspended device for ever
# timeout: 5
. "$CBW_LIB"

null=$(mk_null nulla 8)
dmsetup create suspended --table "0 16384 linear $null 0"
dmsetup suspend suspended
dd if=/dev/zero of=/dev/mapper/suspended oflag=direct
