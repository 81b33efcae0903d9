#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the verbs that look at a job and steer it, its view, and a command on the view
# timeout: 300
# shellcheck disable=SC2154 # the names are those of tool.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/tool.sh"

make_volume
dd if=/dev/urandom of=/dev/mapper/cbw bs=1M count=4 oflag=direct status=none
dd if=/dev/mapper/cbw of="$CBW_TMP/image" bs=1M iflag=direct status=none

overwrite() { # CHUNK COUNT
	dd if=/dev/urandom of=/dev/mapper/cbw bs=64K seek="$1" count="$2" oflag=direct status=none
}

assert_eq "$(cbw --version)" "cbw $(sed -nE '1s/ .*//p' "$CBW_ROOT/CHANGES")" "the version"
assert_eq "$(cbw)$(cbw status --json | json j)" "[]" "the status without jobs"
tool backup cbw "$target" --overwrite --paused --no-wait
overwrite 3 2
assert_eq "$(cbw)" "cbw -> target: paused (somebody wanted it), 3.1 % of 4.0 MiB" "the status"
assert_eq "$(cbw status cbw --json | json '[j[0][k] for k in ("state", "reason", "done", "total", "cbw_chunks", "bytes", "view")]')" \
	"['paused', 'user', 2, 64, 2, 4194304, None]" "the status as JSON"
assert_eq "$(cbw stats cbw --json | json 'j[0]["held"], len(j[0]["hold_us"]), j[0]["cbw"]["chunks"]')" "(2, 32, 2)" "the figures"
cbw stats cbw | grep -qE '^  copy-before-write +2 chunks in 2 copies' || fail "the figures are: $(cbw stats cbw)"

# The view.
assert_eq "$(cbw snapshot create cbw)" /dev/mapper/cbw-pit "the view"
assert_same /dev/mapper/cbw-pit "$CBW_TMP/image"
wrong_use 1 "cbw has the view /dev/mapper/cbw-pit already" snapshot create cbw
exec 9< /dev/mapper/cbw-pit
wrong_use 1 "the view /dev/mapper/cbw-pit is in use" snapshot remove cbw
exec 9<&-
tool snapshot remove cbw
wrong_use 1 "cbw has no view" snapshot remove cbw

# Two who wait, and one who speeds it up.
tool speed cbw 1K
assert_eq "$(dmsetup table cbw | grep -o 'speed [0-9]*')" "speed 1" "the speed"
tool resume cbw
cbw wait cbw 2> "$CBW_TMP/said" &
tool speed cbw 0
wait $! || fail "it said: $(< "$CBW_TMP/said")"
volume_is_own "$table"
assert_same "$target" "$CBW_TMP/image"

# Who only watches learns how it ended, though all of it has gone between two looks.
watch_the_end() { # STATUS REGEX COMMAND...: that ends it
	local owner watcher status=0
	tool backup cbw "$target" --overwrite --speed 1K --quiet 2> /dev/null &
	owner=$!
	retry 30 has_job || fail "no job"
	cbw wait cbw --json > /dev/null 2> "$CBW_TMP/said" &
	watcher=$!
	retry 30 in_poll "$watcher" || fail "nobody watches"
	kill -STOP "$watcher"
	tool "${@:3}"
	retry 60 gone "$owner" || fail "the job does not end"
	kill -CONT "$watcher"
	wait "$watcher" || status=$?
	assert_eq "$status" "$1" "the exit status, after '$(< "$CBW_TMP/said")',"
	grep -qxE "$2" <<< "$(< "$CBW_TMP/said")" || fail "it said: $(< "$CBW_TMP/said")"
}

in_poll() { # PID
	[[ $(< "/proc/$1/syscall") == "271 "* ]]
}

watch_the_end 0 '' speed cbw 0
watch_the_end 1 'cbw: the backup of cbw was ended by whoever looks after it, and is not complete' cancel cbw
volume_is_own "$table"

# A command on the view; the volume is written to meanwhile.
dd if=/dev/mapper/cbw of="$CBW_TMP/image" bs=1M iflag=direct status=none
export -f overwrite
# shellcheck disable=SC2016 # for the command
tool backup cbw "$target" --overwrite --sync none --quiet --then \
	'dd if=/dev/zero of=/dev/mapper/cbw bs=1M count=3 oflag=direct status=none; cat "$CBW_VIEW" > "$CBW_TMP/read"'
cmp "$CBW_TMP/read" "$CBW_TMP/image" || fail "the command did not read the instant"
volume_is_own "$table"
wrong_use 1 "the command has failed with exit status 3.*" backup cbw "$target" --overwrite --sync none --then 'exit 3'
volume_is_own "$table"
wrong_use 1 "the view of cbw has not lasted: .*" backup cbw "$target" --overwrite --sync none --then 'cbw cancel cbw'
volume_is_own "$table"
assert_eq "$(cbw backup cbw "$target" --overwrite --sync none --then true --json | json 'j[0]["state"], j[0]["success"]')" \
	"('cancelled', True)" "the outcome"
tool backup cbw "$target" --overwrite --sync none --then true --dry-run > "$CBW_TMP/lines"
bash -e "$CBW_TMP/lines"
volume_is_own "$table"

# What goes while all are looked at is left out, whichever question it was that came too late.
is_stopped() { # PID
	[[ $(< "/proc/$1/stat") == *") T "* ]]
}

goes_beneath() { # COMMAND BEGIN...: the volume, by COMMAND, in the midst of status, at each question in turn
	local number=0 pid
	while :; do
		number=$((number + 1))
		tool "${@:2}"
		CBW_STEP=ask:$number LD_PRELOAD=$step_so cbw status --json > "$CBW_TMP/status" 2> "$CBW_TMP/said" &
		pid=$!
		retry 30 eval 'gone "$pid" || is_stopped "$pid"'
		! gone "$pid" || break
		eval "$1"
		kill -CONT "$pid"
		wait "$pid" || fail "question $number, exit status $?: $(< "$CBW_TMP/said")"
		[[ ! -s $CBW_TMP/said ]] || fail "question $number: $(< "$CBW_TMP/said")"
		json 'len(j) < 2' < "$CBW_TMP/status" | grep -q True
		dmsetup info cbw > /dev/null 2>&1 || mk_linear cbw "$origin" > /dev/null
	done
	wait "$pid"
	((number > 6)) || fail "only $((number - 1)) questions"
	has_job
}

goes_beneath 'dmsetup remove --retry cbw' backup cbw "$target" --overwrite --no-wait --paused
tool cancel cbw
volume_is_own "$table"
goes_beneath 'dmsetup load cbw --table "$table" && dmsetup resume cbw' attach cbw
tool detach cbw
volume_is_own "$table"
