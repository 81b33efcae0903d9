# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Steps of the tests that measure time, on the simulated clock. After guest.sh:  . "${CBW_LIB%/*}/clock.sh"
#
# The disks take any data and give none; their time is what a model says. The job is /dev/mapper/cbw.

# Time leaps when a file is read from the host. What is touched is in the overlay's upper layer, in memory.
into_memory() { # PROGRAM...
	local file
	for file in "$@"; do
		file=$(type -P "$file")
		ldd "$file" | grep -oE '/[^ ]+' | xargs touch -c /etc/ld.so.cache "$file"
		"$file" --version > /dev/null
	done
}
into_memory dmsetup sleep

# shellcheck disable=SC2034 # read by the tests
modelled_pair() { # MIB [TARGET-ATTRIBUTE=VALUE]...: disks of 1000 MiB/s and 80 us, if it is not said otherwise
	local attributes=(memory_backed=0 mbps=1000 irqmode=2 completion_nsec=80000)
	origin=$(mk_null origin "$1" "${attributes[@]}")
	target=$(mk_null target "$1" "${attributes[@]}" "${@:2}")
}

await_sweep() { # sets $swept, chunks, and $now, us: a copy has ended just then
	local before
	before=$(cbw_field cbw sweep)
	until
		swept=$(cbw_field cbw sweep)
		((swept > before))
	do
		sleep 0.002
	done
	now=${EPOCHREALTIME/./}
}

within() { # GOT WANTED PERCENT WHAT
	local off=$((($1 - $2) * 100))
	((${off#-} <= $2 * $3)) || fail "$4 is $1, not $2 within $3 %"
}

fio_ns() { # KIND FIGURE: prints that of the writes in $CBW_TMP/fio
	python3 -c '
import json, sys
print(int(json.load(open(sys.argv[1]))["jobs"][0]["write"][sys.argv[2]][sys.argv[3]]))' "$CBW_TMP/fio" "$@"
}

# Once it has caught up with what it may, and from the end of one copy to that of another: no part of one falsifies it.
keeps_limit() { # KIB-PER-SECOND: within 5 % over 10 s
	local first begin rate
	sleep 1
	await_sweep
	first=$swept begin=$now
	sleep 10
	await_sweep
	rate=$(((swept - first) * $(cbw_field cbw chunk) * 512 * 1000000 / (now - begin)))
	echo "limit $1 KiB/s: $rate bytes per second; $(dmsetup status cbw)"
	within "$rate" $(($1 * 1024)) 5 "the rate of the sweep in bytes per second"
}
