#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the tool backs up a volume beneath writers, is finished by another one, and does what its --dry-run prints
# timeout: 240
# shellcheck disable=SC2034,SC2154 # the names are those of pit.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"
. "${CBW_LIB%/*}/tool.sh"

null_devices 32
table=$(dmsetup table cbw)
chunk=128

start_writers
after=$(cbw-stamp now)
tool backup cbw "$target" --overwrite --no-wait --paused
before=$(cbw-stamp now)
assert_eq "$(tool status --json | json 'j[0]["volume"], j[0]["hidden"], j[0]["bytes"]')" \
	"('cbw', 'cbw-cbw', $((length * 512)))" "the job in the status"
await_status cbw='[1-9]*'
tool resume cbw
tool wait cbw --json > "$CBW_TMP/outcome"
sleep 0.5
stop_writers
volume_is_own "$table"
check_pit
check_stamps /dev/mapper/cbw --final
assert_eq "$(json 'j[0]["state"], j[0]["success"], j[0]["done"] == j[0]["total"], j[0]["cbw_chunks"] > 0' < "$CBW_TMP/outcome")" \
	"('completed', True, True, True)" "the outcome"
says_nothing cbw status

# At once, with all figures, and with nothing said but on request.
tool backup cbw "$target" --overwrite --chunk 4K --workers 2 --speed 1G --max-copy 64K --discard copy 2> "$CBW_TMP/said"
grep -qE '^cbw: [0-9.]+ MiB in .*/s, chunks: 0 by copy-before-write, [0-9]+ by the sweep$' "$CBW_TMP/said" ||
	fail "the summary is: $(< "$CBW_TMP/said")"
assert_same /dev/mapper/cbw "$target" $((length * 512))
# On a terminal, one line that is drawn again.
script -qec "cbw backup cbw $target --overwrite --speed 16M" /dev/null > "$CBW_TMP/said"
grep -qP '\r\[#*\.*\] [0-9.]+ %, [0-9.]+ .?i?B of ' "$CBW_TMP/said" || fail "no bar: $(< "$CBW_TMP/said")"
fill_target
says_nothing eval 'cbw backup cbw "$target" --overwrite --quiet 2>&1'
assert_same /dev/mapper/cbw "$target" $((length * 512))
volume_is_own "$table"

# The lines of a dry run change nothing until they are run.
fill_target
tool backup cbw "$target" --overwrite --dry-run > "$CBW_TMP/lines"
cat "$CBW_TMP/lines"
volume_is_own "$table"
bash -e "$CBW_TMP/lines" > /dev/null
volume_is_own "$table"
assert_same /dev/mapper/cbw "$target" $((length * 512))
