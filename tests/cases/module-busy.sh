#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the module cannot be unloaded while a job is there, and can be afterwards, again and again
# timeout: 240
. "$CBW_LIB"

origin=$(mk_null origin 16)
target=$(mk_null target 16)

busy() {
	expect_fail 'in use|unavailable' rmmod dm_cbw
}

cbw_create cbw "$origin" "$target" 128 "speed 1"
busy
dmsetup message cbw 0 cancel
busy
dmsetup load cbw --table "0 $(dev_sectors "$origin") linear $origin 0"
dmsetup resume cbw
unload_cbw

load_cbw
dmsetup load cbw --table "$(cbw_table "$origin" "$target" 128)"
busy
dmsetup clear cbw
unload_cbw
dmsetup remove --retry cbw

for _ in {1..20}; do
	cbw_create cbw "$origin" "$target" 8
	dmsetup remove --retry cbw
	unload_cbw
done
