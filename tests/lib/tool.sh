# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Steps of the tests of the tool. After guest.sh:  . "${CBW_LIB%/*}/tool.sh"
# The volume is /dev/mapper/cbw, as in pit.sh.

[[ -x $CBW_ROOT/tools/cbw ]] || fail "the tool is not built"
step_so=$CBW_ROOT/tests/tool/step.so
need_module dm_cbw
export CBW_STATE=$CBW_TMP/state

# shellcheck disable=SC2034 # for the tests
make_volume() { # [MIB]: /dev/mapper/cbw, linear on $origin, with $table; $target is as large
	origin=$(mk_null origin "${1:-4}")
	target=$(mk_null target "${1:-4}")
	mk_linear cbw "$origin" > /dev/null
	table=$(dmsetup table cbw)
}

tool() { # ARGUMENT...: the tool, which must succeed
	printf '+ cbw %s\n' "$*" >&2
	cbw "$@"
}

# In the background of a shell like this one INT is ignored.
tool_begins() { # ARGUMENT...: sets $pid
	printf '+ cbw %s &\n' "$*" >&2
	LD_PRELOAD=$step_so env --default-signal=INT cbw "$@" 2> "$CBW_TMP/said" &
	pid=$!
}

tool_ends() { # STATUS REGEX: what was begun, and with what is said
	local status=0
	retry 30 gone "$pid" || fail "the tool does not end"
	wait "$pid" || status=$?
	assert_eq "$status" "$1" "the exit status"
	grep -qE "^$2\$" "$CBW_TMP/said" || fail "it said: $(< "$CBW_TMP/said")"
}

# Dies at a step: BEFORE or AFTER:NUMBER, as tests/tool/step.c has it.
tool_dies() { # STEP ARGUMENT...: true if it was killed there, false if it came to its end; anything else ends the test
	local status=0
	printf '+ CBW_STEP=%s cbw %s\n' "$1" "${*:2}" >&2
	CBW_STEP=$1 LD_PRELOAD=$step_so cbw "${@:2}" 2> "$CBW_TMP/said" || status=$?
	((status == 0 || status == 137)) || fail "exit status $status: $(< "$CBW_TMP/said")"
	((status == 137))
}

wrong_use() { # STATUS REGEX ARGUMENT...: exit status, and all that is said, which is one sentence
	local status=0 said
	said=$(cbw "${@:3}" 2>&1 > /dev/null) || status=$?
	[[ $status == "$1" && $said =~ ^cbw:\ ($2)$ ]] || fail "'cbw ${*:3}' ends with $status and says: $said"
}

json() { # EXPRESSION: of the document j on standard input, as Python has it
	python3 -c 'import json, sys; j = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}

has_job() { # [NAME]
	[[ $(dmsetup table "${1:-cbw}") == *" cbw "* ]]
}

is_suspended() { # NAME
	[[ $(dmsetup info -c --noheadings -o suspended "$1") == Suspended ]]
}

# The volume works, whatever has happened.
volume_works() { # [NAME]
	local name=${1:-cbw}
	! is_suspended "$name" || fail "$name is suspended"
	with_deadline 10 dd if=/dev/urandom of="/dev/mapper/$name" bs=64K seek=$((RANDOM % 60)) count=1 oflag=direct status=none
}

# Where there is no udev, they are the library's, and what the kernel takes away itself leaves one.
no_old_nodes() {
	! find /dev/mapper -type b | grep -E -- '-(cbw|pit)$' || fail "nodes are left behind"
}

# It is as it was before there was a job. Device nodes are udev's, or of the library, which may have been killed.
volume_is_own() { # TABLE [NAME]
	local name=${2:-cbw}
	assert_eq "$(dmsetup table --showkeys "$name")" "$1" "the table of $name"
	assert_eq "$(dmsetup info -c --noheadings -o tables_loaded,suspended "$name")" Live:Active "the state of $name"
	! dmsetup ls | grep -E "^$name-(cbw|pit)" || fail "left behind"
}

# A full backup and so many incremental ones after it, beneath the writers of pit.sh, each proven for its own point in time.
# shellcheck disable=SC2034,SC2154 # the names are those of pit.sh
prove_chain() { # NUMBER
	local i mode=(--overwrite)
	chunk=128
	start_writers
	for ((i = 0; i <= $1; i++)); do
		after=$(cbw-stamp now)
		tool backup cbw "$target" "${mode[@]}" --no-wait --paused
		before=$(cbw-stamp now)
		sleep 0.$((RANDOM % 4))
		tool resume cbw
		tool wait cbw --quiet
		check_pit
		mode=(--sync incremental)
		sleep 0.$((RANDOM % 4))
	done
	stop_writers
}
