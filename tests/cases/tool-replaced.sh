#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# somebody else gives the volume another table beneath a job, as LVM does: the backup fails, loudly, and the table stays
# timeout: 180
# shellcheck disable=SC2154 # the names are those of tool.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/tool.sh"

RANDOM=$CBW_SEED
make_volume
replaced='the backup of cbw has failed: somebody else has given the volume another table'

start() { # OPTION...
	tool_begins backup cbw "$target" --overwrite "$@"
	retry 30 has_job
}

fails() { # REGEX
	tool_ends 1 "cbw: $1"
}

# Another table, which is shorter here.
start --speed 1K
say dmsetup load cbw --table "0 4096 linear $origin 0"
say dmsetup resume cbw
fails "$replaced"
volume_is_own "0 4096 linear ${table#* * * }"
dmsetup load cbw --table "$table"
dmsetup resume cbw

# The same job again has another point in time.
start --speed 64K
dd if=/dev/urandom of=/dev/mapper/cbw bs=64K count=50 oflag=direct status=none
sleep 2
dmsetup table cbw | dmsetup load cbw
say dmsetup resume cbw
fails "$replaced"
volume_is_own "$table"

# A table that waits to become live is not overwritten.
start --speed 64K
dmsetup load cbw --table "0 4096 linear $origin 0"
tool speed cbw 0
fails 'somebody else is changing the table of cbw: .*'
dmsetup clear cbw
tool repair
volume_is_own "$table"

# So it is if nobody looks after the job, and of that nothing is left.
tool backup cbw "$target" --overwrite --no-wait --paused
say dmsetup load cbw --table "$table"
say dmsetup resume cbw
tool repair
volume_is_own "$table"
no_old_nodes

# What reads the view keeps the hidden device, and nothing else.
start --speed 64K
tool snapshot create cbw
exec 9< /dev/mapper/cbw-pit
tool cancel cbw
fails 'warning: cbw-cbw is in use: it goes when nobody has it open'
assert_eq "$(dmsetup table cbw)" "$table" "the table"
exec 9<&-
tool repair
volume_is_own "$table"

# It is the same volume, whatever it is called: without a UUID the record has nothing but the name.
is_kept() { # STATE: of the backup
	tool repair
	assert_eq "$(cbw list --json | json '[(r["origin"], r["complete"], r["there"]) for r in j if r["target"][-6:] == "/image"]')" "[('cbw', $1, True)]" "the backup"
	[[ -s $image ]] || fail "the image is gone"
}

image=$CBW_TMP/image
for by in backup wait; do
	if [[ $by == backup ]]; then
		tool_begins backup cbw --to "$image" --overwrite --speed 64K --quiet
		retry 30 has_job
	else
		tool backup cbw --to "$image" --overwrite --speed 64K --no-wait
	fi
	say dmsetup rename cbw renamed
	assert_eq "$(cbw status --json | json '[(v["volume"], v["hidden"]) for v in j]')" "[('renamed', 'cbw-cbw')]" "the status"
	is_kept False
	tool speed renamed 0
	if [[ $by == backup ]]; then
		wait "$pid" || fail "it said: $(< "$CBW_TMP/said")"
	else
		tool wait renamed --quiet
	fi
	volume_is_own "$table" renamed
	is_kept True
	assert_same /dev/mapper/renamed "$image" 4194304
	say dmsetup rename renamed cbw
done
tool backup cbw --to "$image" --overwrite --no-wait --paused
say dmsetup rename cbw renamed
tool cancel renamed
volume_is_own "$table" renamed
[[ ! -e $image ]] || fail "what is not complete is left behind"
no_old_nodes
