# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A program that stays in the kernel for as long as the test needs. After guest.sh:  . "${CBW_LIB%/*}/linger.sh"
#
# The processor that lingers does nothing else, which a slow kernel may notice: the test has another one, and
# announces lockups of workqueues.
#
# Device-mapper puts what it was handed back on a list, from which a worker may send it again, and only then accounts
# for it. The worker runs on the processor that needed it first, so that should be the other one, too.

lingering=/sys/module/linger/parameters

prepare_lingerer() { # PROGRAM FUNCTION,...: behind which it will stay
	(($(nproc --all) > 1)) || skip "it takes two processors"
	taskset --cpu-list --pid 1 $BASHPID > /dev/null
	load_test_module linger program=lingerer functions="$2"
	cp "$(type -P "$1")" "$CBW_TMP/lingerer"
}

begin_lingerer() { # ARGUMENT...: sets $lingerer
	say taskset --cpu-list 0 "$CBW_TMP/lingerer" "$@" &
	# shellcheck disable=SC2034 # for the test
	lingerer=$!
}

lingers_in() { # FUNCTION
	[[ $(< $lingering/where) == "$1" ]]
}

go_on() { # [to-the-end]
	echo $((1 + $#)) > $lingering/go
}
