#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# two volumes have one instant; a tool that dies or hangs between their suspends leaves none suspended, and no job
# timeout: 240
# shellcheck disable=SC2154 # the names are those of tool.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/tool.sh"

RANDOM=$CBW_SEED
for i in 0 1; do
	mk_null "o$i" 4 > /dev/null
	mk_null "t$i" 4 > /dev/null
	mk_linear "v$i" "/dev/o$i" > /dev/null
done
tables=("$(dmsetup table v0)" "$(dmsetup table v1)")
group=(v0 v1 /dev/t0 /dev/t1)

# A counter, to both in turn.
python3 - <<-'END' &
	import mmap, os
	block = mmap.mmap(-1, 4096)
	fds = [os.open("/dev/mapper/v%d" % i, os.O_WRONLY | os.O_DIRECT) for i in (0, 1)]
	count = 0
	while not os.path.exists(os.environ["CBW_TMP"] + "/stop"):
	    count += 1
	    block[0:8] = count.to_bytes(8, "little")
	    for fd in fds:
	        os.pwrite(fd, block, 8192)
END
writer=$!

count() { # DEVICE
	blockdev --flushbufs "$1"
	od -An -td8 -j8192 -N8 "$1" | tr -d ' '
}

all_own() {
	volume_is_own "${tables[0]}" v0
	volume_is_own "${tables[1]}" v1
}

none_suspended() {
	! is_suspended v0 && ! is_suspended v1
}

one_instant() { # sets $first
	local second
	first=$(count /dev/t0) second=$(count /dev/t1)
	((first == second || first == second + 1)) || fail "the counters are $first and $second"
}

retry 30 eval '(($(count /dev/o1) > 100))'
tool backup "${group[@]}" --overwrite --quiet
all_own
one_instant
retry 30 eval '(($(count /dev/o1) > first))'

# Five steps for each volume, two suspends, two resumes. Dead after the first suspend: all goes back.
tool_dies after:11 backup "${group[@]}" --overwrite --quiet
retry 30 none_suspended || fail "the watchdog did not step in"
tool repair
all_own
# Dead after the first resume: both volumes have their job, of one instant.
tool_dies after:13 backup "${group[@]}" --overwrite --quiet
retry 30 none_suspended || fail "the watchdog did not step in"
tool wait v0 v1 --quiet
all_own
one_instant

# It does not die, and does nothing: after some seconds the watchdog steps in.
CBW_STEP=stop:12 LD_PRELOAD=$step_so cbw backup "${group[@]}" --overwrite --quiet 2> "$CBW_TMP/said" &
pid=$!
retry 30 is_suspended v0
retry 60 none_suspended || fail "the watchdog did not step in"
kill -CONT "$pid"
! wait "$pid" || fail "success, although the watchdog has stepped in"
none_suspended
all_own

# One that cannot be attached: none is.
expect_fail 'too small' cbw backup v0 v1 /dev/t0 "$(mk_null small 2)"
all_own
# A volume that stands on the other one is suspended first, whatever the order is.
mk_linear upper /dev/mapper/v0 0 4096 > /dev/null
tool backup v0 upper /dev/t0 /dev/t1 --overwrite --dry-run | grep suspend > "$CBW_TMP/order"
assert_eq "$(xargs < "$CBW_TMP/order")" "dmsetup suspend upper dmsetup suspend v0" "the order"
tool backup v0 upper /dev/t0 /dev/t1 --overwrite --quiet
volume_is_own "${tables[0]}" v0
touch "$CBW_TMP/stop"
wait "$writer"

# One is complete, and gone before the other one is: its backup stays.
dmsetup remove --retry upper
mkdir "$CBW_TMP/images"
printf '+ cbw backup v0 v1 --to %s --speed 64K &\n' "$CBW_TMP/images/" >&2
cbw backup v0 v1 --to "$CBW_TMP/images/" --speed 64K --quiet 2> "$CBW_TMP/said" &
pid=$!
retry 60 has_job v1 || fail "no job: $(< "$CBW_TMP/said")"
tool speed v0 0
cbw_wait v0 completed
sleep 2
dmsetup remove --retry v0
tool speed v1 0
wait "$pid" || fail "the backup of both: $(< "$CBW_TMP/said")"
assert_eq "$(cbw list --json | json '[(r["complete"], r["there"]) for r in j if "images" in r["target"]]')" \
	"[(True, True), (True, True)]" "what list says of them"
