#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a suspend does not wait for a hung target device longer than cbw_timeout: the job fails, the writes go on
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

suspends() { # FLAG...
	hang target
	cbw_create cbw "$origin" "$target" 128 "max_copy 128 workers 2 cbw_timeout 1000"
	await_status inflight=2
	begin_put 40
	writer=$!
	with_deadline 30 dmsetup suspend "$@" cbw
	assert_status state=failed reason=cbw-timeout held=0
	dmsetup resume cbw
	ends_as ok $writer
	put 40
	unhang target
	await_status inflight=0
	assert_status state=failed reason=cbw-timeout
	assert_new "$origin" 40
	dmsetup remove --retry cbw
}

fault_pair 4
suspends
suspends --noflush --nolockfs
suspends --nolockfs
