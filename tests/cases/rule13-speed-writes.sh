#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the speed limit is the sweep's: copy-before-write neither waits for it nor counts against it
# clock: simulated
# timeout: 600
# shellcheck disable=SC2154 # the names are those of clock.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/clock.sh"

modelled_pair 2048

# 10 MiB/s of copy-before-write beside 1 MiB/s of the sweep, from the other end.
cbw_create cbw "$origin" "$target" 128 "max_copy 128 speed 1024"
fio --name=writes --filename=/dev/mapper/cbw --direct=1 --ioengine=libaio --iodepth=1 --rw=write:60k --bs=4k \
	--offset=1g --rate_iops=160 --number_ios=3200 --output-format=json > "$CBW_TMP/fio" &
fio=$!
# On this clock the start of a program may take long: the host has to read it.
retry 60 eval '(($(cbw_field cbw cbw) > 0))' || fail "the writes do not start"
before=$(cbw_field cbw cbw)
keeps_limit 1024
meanwhile=$(($(cbw_field cbw cbw) - before))
((meanwhile >= 1600)) || fail "only $meanwhile chunks by copy-before-write during the measurement"
wait $fio
assert_eq "$(cbw_field cbw cbw)" 3200 "chunks by copy-before-write"
ns=$(fio_ns clat_ns max)
((ns < 10000000)) || fail "a write took $ns ns, as if the limit was for it, too"
