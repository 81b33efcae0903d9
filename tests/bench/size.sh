#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# what a table costs as the device grows: its constructor, its status, its memory, and the first copies
# timeout: 1800
# clock: simulated
# shellcheck disable=SC2154 # the names are those of bench.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/bench.sh"

need_module dm_cbw dm_snapshot
tracing=/sys/kernel/tracing

# Of these functions alone the kernel tells how long they took, so the programs that lead to them do not count.
trace_methods() {
	printf '%s\n' {cbw,snapshot,linear}_{ctr,status} > $tracing/set_graph_function
	echo 1 > $tracing/max_graph_depth
	echo function_graph > $tracing/current_tracer
}

untrace() {
	echo nop > $tracing/current_tracer
	echo 0 > $tracing/max_graph_depth
	: > $tracing/set_graph_function
}

took() { # FUNCTION: prints the microseconds of its last run
	awk -v name="$1" 'index($0, name) { sub(/ us .*/, ""); micros = $NF } END { print micros }' $tracing/trace
}

# Once what is freed later is free, too; with the pages that each processor keeps at hand.
free_memory() { # prints KiB
	echo 3 > /proc/sys/vm/drop_caches
	sleep 1
	awk '/pages free/ { pages += $3 } $1 == "count:" { pages += $2 } END { print pages * 4 }' /proc/zoneinfo
}

table_of() { # CONTENDER
	case $1 in
	linear) echo "0 $(dev_sectors "$origin") linear $origin 0" ;;
	snapshot) echo "0 $(dev_sectors "$origin") snapshot $origin $target N 128" ;;
	cbw) cbw_table "$origin" "$target" 128 ;;
	esac
}

# A snapshot has an object for each chunk that it has copied, too.
bytes_per_copy() { # CONTENDER
	[[ $1 == snapshot ]] && cat /sys/kernel/slab/dm_exception/object_size || echo 0
}

construct() { # CONTENDER
	local before memory copied
	trace_methods
	dmsetup create job --notable
	before=$(free_memory)
	dmsetup load job --table "$(table_of "$1")"
	memory=$((before - $(free_memory)))
	copied=$((memory + gib * 16 * $(bytes_per_copy "$1")))
	dmsetup resume job
	dmsetup status job
	printf '{ "construct_us": %s, "status_us": %s, "kib": %s, "kib_all_copied": %s }\n' \
		"$(took "$1_ctr")" "$(took "$1_status")" $memory $copied > "$(place "size-$gib" "$1")"
	untrace
}

first_copies() {
	local begin first
	first=$(cbw_field job sweep)
	begin=${EPOCHREALTIME/./}
	sleep 0.5
	record "size-$gib-copies" cbw chunks_per_s $((($(cbw_field job sweep) - first) * 1000000 / (${EPOCHREALTIME/./} - begin)))
}

for gib in 1 16 256 1024 16384; do
	disks unlimited $((gib * 1024))
	for contender in linear snapshot cbw; do
		construct $contender
		# The smallest would be copied before the time is over.
		[[ $contender != cbw ]] || ((gib == 1)) || first_copies
		remove_dm
	done
done
