#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# what a sweep that is to give way does to small reads and writes, and they to it
# timeout: 1800
# clock: simulated
# shellcheck disable=SC2154 # the names are those of bench.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/bench.sh"

need_module dm_cbw
into_memory dd python3

# Where nothing is pending: it is the sweep that disturbs them.
use() { # CONTENDER DEPTH
	measure "gentle-qd$2" "$1" "$2" --bs=4k --rw=randrw --size=64m --time_based --runtime=2s
}

mean_us() { # CONTENDER DEPTH: prints that of its reads
	python3 -c 'import json, sys; print(int(json.load(sys.stdin)["jobs"][0]["read"]["lat_ns"]["mean"] / 1000))' \
		< "$(place "gentle-qd$2" "$1")"
}

swept_kib() {
	echo $(($(cbw_field cbw sweep) * 64))
}

disks modelled 16384
for depth in 1 16; do
	set_up linear
	use linear "$depth"
	remove_dm

	cbw_create cbw "$origin" "$target" 128 \
		"paused max_copy 128 min_speed 20480 target_latency $(($(mean_us linear "$depth") * 5 / 4))"
	device=/dev/mapper/cbw
	dd if=/dev/zero of=$device bs=1M count=64 oflag=direct status=none
	dmsetup message cbw 0 resume
	swept=$(swept_kib) begin=${EPOCHREALTIME/./}
	use cbw "$depth"
	record "gentle-qd$depth-sweep" cbw mib_per_s "$((($(swept_kib) - swept) * 1000000 / (${EPOCHREALTIME/./} - begin) / 1024))"
	remove_dm
done
