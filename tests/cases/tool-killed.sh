#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the tool is killed at every step: nothing stays suspended, the volume works, and repair puts all right
# timeout: 300
# shellcheck disable=SC2154 # the names are those of tool.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/tool.sh"

RANDOM=$CBW_SEED
make_volume

# The job goes on without the tool, and the next one finishes it.
finish() {
	local said
	said=$(tool repair)
	if [[ $said == *"its job goes on"* ]]; then
		tool wait cbw --quiet
		said=$(tool repair)
		[[ -z $said ]] || fail "after the end of the job: $said"
	fi
	no_old_nodes
}

# After one step is before the next one: the kernel's state is all that is left of the tool.
tool_dies before:1 backup cbw "$target" --overwrite --quiet
volume_is_own "$table"
number=1
while tool_dies "after:$number" backup cbw "$target" --overwrite --quiet; do
	volume_works
	finish
	volume_is_own "$table"
	number=$((number + 1))
done
volume_is_own "$table"
# Those of attach.h, and the questions for the figures of the job, and twice whether changes are tracked.
assert_eq "$((number - 1))" 11 "the number of steps"

# The one that repairs can be killed, too, at each of its steps: in the middle of the attach, and of the detach.
for at in 4 10; do
	for number in 1 2; do
		tool_dies after:$at backup cbw "$target" --overwrite --quiet
		tool_dies "after:$number" repair
		volume_works
		tool repair
		volume_is_own "$table"
	done
done

# With nobody to finish it, the job that has ended is taken away.
tool backup cbw "$target" --overwrite --no-wait
tool cancel cbw
volume_is_own "$table"
tool backup cbw "$target" --overwrite --no-wait
cbw_wait cbw completed
volume_works
tool repair
volume_is_own "$table"
says_nothing tool repair
