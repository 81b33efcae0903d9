#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# needs: cbw-replay
# a write keeps its FUA and comes after its flush, whether it was held or not
# shellcheck disable=SC2154
. "$CBW_LIB"
. "${CBW_LIB%/*}/power.sh"

# A write with PREFLUSH is a flush, and then a write, already when device-mapper hands it over.
log_devices 8
say dmsetup load cbw --table "$(cbw_table "$origin" "$target" 128 "sync none")"
say dmsetup resume cbw
head -c 4096 /dev/urandom > "$CBW_TMP/new"

put() { # CHUNK DD-OPTION
	dd if="$CBW_TMP/new" of=/dev/mapper/cbw bs=4k count=1 seek=$(($1 * 16)) status=none "${@:2}"
	"${mark[@]}" "$1-$(cbw_field cbw cbw)"
}

put 1 oflag=direct
put 2 oflag=direct,dsync
put 2 oflag=direct,dsync
put 3 oflag=direct conv=fsync
close_log cbw origin

# The plain write is in the log with the first flush after it. Each dsync is FUA, then a flush.
cat > "$CBW_TMP/wanted" <<-END
	mark 1-1
	fua 256 8
	write 128 8
	flush 0 0
	mark 2-2
	fua 256 8
	flush 0 0
	mark 2-2
	write 384 8
	flush 0 0
	mark 3-3
	mark dm-log-writes-end
END
cbw-replay list /dev/log | cut -d' ' -f2- | diff "$CBW_TMP/wanted" - || fail "the log is not as wanted (<)"
