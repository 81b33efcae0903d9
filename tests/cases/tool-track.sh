#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# what changes of a volume is tracked from attach to detach, through backups, and whatever kills the tool
# timeout: 300
# shellcheck disable=SC2154 # the names are those of tool.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/tool.sh"

RANDOM=$CBW_SEED
make_volume

# Its table is that of track, upon the hidden device, and nothing is suspended.
is_tracked() { # [CHUNK-SECTORS]
	local hidden
	hidden=$(dmsetup info -c --noheadings -o major,minor --separator : cbw-cbw)
	assert_eq "$(dmsetup table cbw)" "0 $(dev_sectors "$origin") cbw $hidden - ${1:-128} track 0" "the table"
	assert_eq "$(dmsetup table cbw-cbw)" "$table" "the table of the hidden device"
	! dmsetup info -c --noheadings -o suspended | grep Suspended || fail "suspended"
}

write() { # CHUNK
	dd if=/dev/urandom of=/dev/mapper/cbw bs=64K count=1 seek="$1" oflag=direct status=none
}

changed() {
	cbw status cbw --json | json '[j[0]["changes"]["generation"], j[0]["changes"]["chunks"]]'
}

tool attach cbw
is_tracked
write 3
assert_eq "$(tool status)" "cbw: changes are tracked; 64.0 KiB have changed since then, and there is no backup" "status"
assert_eq "$(changed)" "[None, 1]" "what has changed"
wrong_use 1 'the changes of cbw are tracked already' attach cbw
for verb in wait cancel pause resume stats "snapshot create"; do
	# shellcheck disable=SC2086 # words are wanted
	wrong_use 1 'cbw has no job: its changes are tracked' $verb cbw
done
wrong_use 1 'cbw has no job: its changes are tracked' speed cbw 0
says_nothing tool repair

# A backup begins it anew, and it goes on beneath it and afterwards.
tool backup cbw "$target" --overwrite --no-wait --paused
wrong_use 1 'cbw has a job: wait for its end, or cancel it' detach cbw
write 5
tool resume cbw
tool wait cbw --quiet
is_tracked
write 7
assert_eq "$(cbw status)" "cbw: changes are tracked; 128 KiB have changed since the last backup" "status"
was=$(changed)
[[ $was =~ ^\[\'[0-9a-f-]{36}\',\ 2\]$ ]] || fail "$was"
# One that comes to nothing changes nothing.
tool backup cbw "$target" --overwrite --no-wait --paused
tool cancel cbw
is_tracked
assert_eq "$(changed)" "$was" "what has changed"
tool backup cbw "$target" --overwrite --sync none --then true --quiet
is_tracked
assert_eq "$(changed)" "$was" "what has changed"

# As the dry run has it.
for arguments in "detach cbw" "attach cbw --chunk 4K" "backup cbw $target --overwrite"; do
	# shellcheck disable=SC2086 # words are wanted
	tool $arguments --dry-run > "$CBW_TMP/lines"
	bash -e "$CBW_TMP/lines"
done
is_tracked 8
# Which knows nothing of records.
tool backup cbw "$target" --overwrite --no-wait
tool wait cbw --dry-run > "$CBW_TMP/lines"
bash -e "$CBW_TMP/lines"
is_tracked 8
tool repair
assert_eq "$(changed | cut -d, -f2)" " 0]" "what has changed"
tool detach cbw
volume_is_own "$table"
wrong_use 1 'cbw has no job' detach cbw

# What is not for detach to put right, it leaves as it is.
tool attach cbw
tool_dies after:1 detach cbw
wrong_use 1 "a cbw that was killed has left a table loaded in cbw: try 'cbw repair'" detach cbw
tool repair
is_tracked
say dmsetup load cbw --table "0 4096 linear $origin 0"
wrong_use 1 'somebody else is changing the table of cbw: try again later' detach cbw
say dmsetup clear cbw
tool detach cbw
volume_is_own "$table"

# Killed at each step: nothing is suspended, the volume works, and repair leaves nothing that is half done.
all_steps() { # STEPS ARGUMENT...: as many as there are
	local steps=$1
	shift
	local number=1
	while tool_dies "after:$number" "$@"; do
		volume_works
		tool repair > /dev/null
		if has_job && [[ $(dmsetup table cbw) != *" track "* ]]; then
			tool wait cbw --quiet
			tool repair > /dev/null
		fi
		if has_job; then
			is_tracked
		else
			volume_is_own "$table"
		fi
		says_nothing tool repair
		[[ $1 != attach ]] || ! has_job || tool detach cbw
		[[ $1 != detach ]] || has_job || tool attach cbw
		number=$((number + 1))
	done
	assert_eq "$((number - 1))" "$steps" "the number of steps of $1"
}
all_steps 6 attach cbw
is_tracked
all_steps 8 backup cbw "$target" --overwrite --quiet
is_tracked
all_steps 2 detach cbw
volume_is_own "$table"

# Of a group, some may be tracked.
other=$(mk_null other 4)
spare=$(mk_null spare 4)
mk_linear v1 "$other" > /dev/null
tool attach cbw
tool backup cbw v1 "$target" "$spare" --overwrite --quiet
is_tracked
[[ $(dmsetup table v1) != *cbw* ]] || fail "v1 has no table of its own"
assert_eq "$(tool status | cut -d: -f1)" cbw "what status shows"
# Another table ends it, and leaves nothing.
dmsetup load cbw --table "$table"
dmsetup resume cbw
retry 10 eval '[[ ! $(dmsetup ls) =~ cbw-cbw ]]' || fail "the hidden device is left behind"
says_nothing tool status
