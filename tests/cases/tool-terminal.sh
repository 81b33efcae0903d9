#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# progress fits a terminal that is resized; a restore and a verify that are stopped say what they leave
# timeout: 180
# shellcheck disable=SC2154 # the names are those of tool.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/tool.sh"

origin=$(mk_null origin 8)
target=$(mk_null target 8)
disk=$(mk_null disk 8)
mk_linear cbw "$origin" > /dev/null
dd if=/dev/urandom of=/dev/mapper/cbw bs=1M count=8 oflag=direct status=none

# Columns of the newest line that was drawn.
drawn() {
	python3 - "$CBW_TMP/terminal" <<-'END'
		import sys
		lines = open(sys.argv[1], newline="").read().split('\r')
		print(len(lines[-1].split("\033[K")[0]) if lines[1:] else 0)
	END
}

draws() { # COLUMNS
	[[ $(drawn) == "$1" ]]
}

resize() { # COLUMNS
	stty -F "$(< "$CBW_TMP/tty")" cols "$1"
	retry 30 draws $(($1 - 1)) || fail "on $1 columns $(drawn) are drawn"
}

stopped() { # SIGNAL REGEX: what was begun, with one line
	kill "-$1" "$pid"
	tool_ends 1 "$2"
	assert_eq "$(wc -l < "$CBW_TMP/said")" 1 "the number of lines"
}

script -qefc "tty > $CBW_TMP/tty; stty cols 100; cbw backup cbw $target --overwrite --speed 1K" "$CBW_TMP/terminal" > /dev/null &
terminal=$!
retry 30 draws 99 || fail "on 100 columns $(drawn) are drawn"
resize 90
resize 40
resize 120
tool speed cbw 0
wait "$terminal" || fail "the backup has failed: $(< "$CBW_TMP/terminal")"

# A volume on which each MiB takes two seconds.
need_module dm_delay
late_ms() { # MS
	printf '0 %s delay %s 0 %s' "$(dev_sectors "$disk")" "$disk" "$1"
}

# Does it catch INT? Then it has begun.
has_begun() {
	((0x$(sed -n 's/^SigCgt:\s*//p' "/proc/$pid/status") & 1 << 1))
}

dmsetup create slow --table "$(late_ms 2000)"
for signal in INT TERM; do
	tool_begins restore "$target" slow
	retry 30 has_begun || fail "nothing is written: $(< "$CBW_TMP/said")"
	stopped $signal "cbw: stopped: /dev/mapper/slow is not restored, and its old content is lost"
done
dmsetup reload slow --table "$(late_ms 100)"
dmsetup resume slow
script -qec "cbw restore $target slow" /dev/null > "$CBW_TMP/terminal" || fail "$(< "$CBW_TMP/terminal")"
grep -q '%, .* of 8.0 MiB' "$CBW_TMP/terminal" || fail "no progress is drawn: $(< "$CBW_TMP/terminal")"
assert_same "$target" "$disk"
dmsetup reload slow --table "$(late_ms 2000)"
dmsetup resume slow
tool_begins verify "$target" slow
retry 30 has_begun || fail "nothing is read: $(< "$CBW_TMP/said")"
stopped INT "cbw: stopped before all of $target was compared"
tool verify "$target" "$disk"
