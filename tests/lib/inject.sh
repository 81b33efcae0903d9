# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Allocations that fail, in kernels that can be told so. After guest.sh:  . "${CBW_LIB%/*}/failslab.sh"

fault_knobs=/sys/kernel/debug

need_failslab() {
	local kind
	[[ -d $fault_knobs/failslab && -d $fault_knobs/fail_page_alloc && -e /proc/self/fail-nth ]] ||
		skip "this kernel does not fail allocations on demand"
	for kind in failslab fail_page_alloc; do
		echo 0 > $fault_knobs/$kind/verbose
		echo N > $fault_knobs/$kind/ignore-gfp-wait
	done
	echo 0 > $fault_knobs/fail_page_alloc/min-order
}

# Of those that may not sleep, every Nth: the others are the whole machine's, and the tests' own programs need them.
fail_each() { # N
	local kind
	for kind in failslab fail_page_alloc; do
		echo Y > $fault_knobs/$kind/ignore-gfp-wait
		echo "$1" > $fault_knobs/$kind/interval
		echo 1000000 > $fault_knobs/$kind/times
		echo 100 > $fault_knobs/$kind/probability
	done
}

fail_none() { # the end of the test if none has failed so far
	local kind failed=0
	for kind in failslab fail_page_alloc; do
		echo 0 > $fault_knobs/$kind/probability
		failed=$((failed + 1000000 - $(< $fault_knobs/$kind/times)))
	done
	echo "$failed allocations have failed"
	((failed)) || fail "no allocation has failed"
}
