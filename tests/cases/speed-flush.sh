#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the speed limit does not hold up the end of a job whose chunks are all saved
. "$CBW_LIB"

origin=$(mk_null origin 1)
target=$(mk_null target 1)
cbw_create cbw "$origin" "$target" 128 "speed 1"
cbw_wait cbw completed 30
