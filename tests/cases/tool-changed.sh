#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# what has changed is told as ranges, all of them, in the forms that others read
# timeout: 300
# needs: ddrescue ddrescuelog
# shellcheck disable=SC2154 # the name is that of tool.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/tool.sh"

mib=32
origin=$(mk_null origin $mib)
target=$(mk_null target $mib)
mk_linear cbw "$origin" > /dev/null

# Every other chunk of 4 KiB: they do not fit into one answer of the kernel.
write_every_other() {
	python3 -c '
import os, sys
volume = os.open("/dev/mapper/cbw", os.O_WRONLY)
for offset in range(0, int(sys.argv[1]) << 20, 8192):
    os.pwrite(volume, os.urandom(4096), offset)
os.fsync(volume)' $mib
}

write_last() { # CHUNK, from the end
	dd if=/dev/urandom of=/dev/mapper/cbw bs=4K count=1 seek=$((mib * 256 - $1)) oflag=direct status=none
}

every_other() {
	seq 0 8192 $(((mib << 20) - 1)) | sed 's/$/ 4096/'
}

of_json() { # the same lines from the document
	json "'\n'.join('%d %d' % (r['offset'], r['length']) for r in j['ranges'])"
}

wrong_use 1 'cbw has no job' changed cbw
tool attach cbw --chunk 4K
says_nothing tool changed cbw
assert_eq "$(tool changed cbw --json | json 'j["generation"], j["ranges"]')" "(None, [])" "what has changed"
tool changed cbw --ddrescue > "$CBW_TMP/map"
ddrescuelog --show-status "$CBW_TMP/map"
tool backup cbw "$target" --quiet

write_every_other
tool changed cbw > "$CBW_TMP/ranges"
cmp "$CBW_TMP/ranges" <(every_other) || fail "these are not the ranges"
tool changed cbw --json > "$CBW_TMP/document"
cmp <(of_json < "$CBW_TMP/document") <(every_other) || fail "these are not the ranges of the document"
assert_eq "$(json 'j["volume"], j["bytes"], j["chunk_bytes"], j["generation"]' < "$CBW_TMP/document")" \
	"('cbw', $((mib << 20)), 4096, '$(cbw list --json | json 'j[0]["map"]')')" "the document"

# ddrescue makes of the backup what the volume is.
write_last 1
tool changed cbw --ddrescue > "$CBW_TMP/map"
cmp <(ddrescuelog --block-size=4096 --list-blocks=+ "$CBW_TMP/map") \
	<(seq 0 2 $((mib * 256 - 1)); echo $((mib * 256 - 1))) || fail "these are not the blocks of the map"
ddrescue --force --quiet --domain-mapfile="$CBW_TMP/map" /dev/mapper/cbw "$target" "$CBW_TMP/done"
assert_same /dev/mapper/cbw "$target"

# While a job runs, what has changed since its point in time.
tool backup cbw "$target" --overwrite --no-wait --paused
write_last 3
last="$(((mib << 20) - 3 * 4096)) 4096"
assert_eq "$(tool changed cbw)" "$last" "what has changed since then"
# If that ends meanwhile, it is all that has changed before, too.
CBW_STEP=stop:3 LD_PRELOAD=$step_so cbw changed cbw > "$CBW_TMP/ranges" &
pid=$!
retry 30 grep -q '^State:.T' "/proc/$pid/status" || fail "it does not stop"
tool cancel cbw
kill -CONT "$pid"
wait "$pid"
cmp "$CBW_TMP/ranges" <(every_other | head -n -2; echo "$(((mib << 20) - 16384)) 16384") || fail "some ranges are missing"
tool cancel cbw

# A list that was cut off is none.
! cbw changed cbw > /dev/full 2> "$CBW_TMP/said" || fail "succeeded, although nothing was printed"
grep -qx 'cbw: standard output could not be written: not all is printed' "$CBW_TMP/said" || fail "it said: $(< "$CBW_TMP/said")"

# Whoever looks after it may begin a job at any moment, and end it.
CBW_STEP=stop:1 tool_begins backup cbw "$target" --overwrite --quiet
retry 30 grep -q '^State:.T' "/proc/$pid/status" || fail "it does not stop"
wrong_use 1 'another cbw is at work on cbw' changed cbw
kill -CONT "$pid"
wait "$pid"
wrong_use 2 'changed takes a volume' changed
wrong_use 2 '--json and --ddrescue exclude each other' changed cbw --json --ddrescue
tool detach cbw
tool backup cbw "$target" --overwrite --no-wait --paused
wrong_use 1 'the changes of cbw are not tracked' changed cbw
tool cancel cbw
