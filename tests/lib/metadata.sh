# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A device that is tracked, with its map on a metadata device that goes wrong. After guest.sh and faults.sh, whose names it
# uses:  . "${CBW_LIB%/*}/metadata.sh"

# shellcheck disable=SC2154 # those names
fault_pair 4
mk_faulty meta 1 cache_size=1
need_module dm_cbw
sectors=$(dev_sectors "$origin")
metadata=/dev/mapper/meta

put_table() { # TABLE...
	say dmsetup load cbw --table "$*"
	say with_deadline 30 dmsetup resume cbw
}

# All tables of the device say what is to be done.
begin() { # POLICY [TIMEOUT]: sets $policy and $track
	policy="metadata $metadata on_metadata_error $1${2:+ cbw_timeout $2}"
	track="0 $sectors cbw $origin - 8 track $(wc -w <<< "$policy") $policy"
	say dmsetup create cbw --table "$track"
}

job() { # SYNC [FEATURE ARGUMENT...]
	put_table "0 $sectors cbw $origin $target 128 backup $((1 + $# + $(wc -w <<< "$policy"))) sync $* $policy"
}

backup() { # SYNC
	job "$1"
	cbw_wait cbw completed
}

summary() {
	dmsetup message cbw 0 changed
}

show() { # prints what is on the device
	blockdev --flushbufs /dev/meta0
	"$CBW_ROOT/tests/oracle/metadata.py" /dev/meta0
}
