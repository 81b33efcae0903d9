#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a thin target device that is full stops the job; once the pool is larger the job goes on to its end
# timeout: 240
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

pool() { # SECTORS
	echo "0 $1 thin-pool /dev/meta /dev/mapper/data 128 0 1 error_if_no_space"
}

extend() {
	say dmsetup load data --table "0 16384 linear /dev/space 0"
	say dmsetup resume data
	say dmsetup load pool --table "$(pool 16384)"
	say dmsetup resume pool
}

fault_pair 4
need_module dm_thin_pool
mk_null meta 4 > /dev/null
mk_null space 8 > /dev/null
mk_linear data /dev/space 0 4096 > /dev/null
say dmsetup create pool --table "$(pool 4096)"
dmsetup message pool 0 "create_thin 0"
say dmsetup create thin --table "0 8192 thin /dev/mapper/pool 0"

runs_out_of_space /dev/mapper/thin 64

extend
goes_on_with_space /dev/mapper/thin 64
