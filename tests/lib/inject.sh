# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Allocations and bios that fail, in kernels that can be told so. After guest.sh:  . "${CBW_LIB%/*}/inject.sh"

fault_knobs=/sys/kernel/debug

need_failing_allocations() {
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
fail_allocations() { # N
	local kind
	for kind in failslab fail_page_alloc; do
		echo Y > $fault_knobs/$kind/ignore-gfp-wait
		echo "$1" > $fault_knobs/$kind/interval
		echo 1000000 > $fault_knobs/$kind/times
		echo 100 > $fault_knobs/$kind/probability
	done
}

fail_no_allocation() { # the end of the test if none has failed so far
	local kind failed=0
	for kind in failslab fail_page_alloc; do
		echo 0 > $fault_knobs/$kind/probability
		failed=$((failed + 1000000 - $(< $fault_knobs/$kind/times)))
	done
	echo "$failed allocations have failed"
	((failed)) || fail "no allocation has failed"
}

# --- bios that fail --------------------------------------------------------------------------------------------

need_failing_bios() {
	[[ -d $fault_knobs/fail_make_request ]] || skip "this kernel does not fail bios on demand"
	echo 0 > $fault_knobs/fail_make_request/verbose
}

fail_bios() { # N NULL-DEVICE...: every Nth bio that one of them is given
	local null knob=$fault_knobs/fail_make_request
	for null in "${@:2}"; do
		echo 1 > "/sys/block/$null/make-it-fail"
	done
	echo "of the bios to ${*:2} one of $1 fails"
	echo "$1" > $knob/interval
	echo -1 > $knob/times
	echo 100 > $knob/probability
}

fail_no_bio() { # NULL-DEVICE...
	local null
	echo 0 > $fault_knobs/fail_make_request/probability
	for null; do
		echo 0 > "/sys/block/$null/make-it-fail"
	done
}

# --- each allocation of a constructor ------------------------------------------------------------------------------

unseen() { # THING...: prints what no failure was for want of
	local thing
	for thing; do
		grep -q "Cannot [a-z]* $thing\( (\|$\)" "$CBW_TMP/messages" || echo "$thing"
	done
}

# A kernel with checks allocates for itself now and then, and one of ours is passed over.
fail_each() { # DEVICE TABLE THING...: each allocation fails once, and for want of each of these things there is a failure
	local kind
	kind=$(cut -d' ' -f3 <<< "$2")
	klog_anew
	for _ in {1..8}; do
		echo "$(python3 "${CBW_LIB%/*}/load-failing.py" "$1" "$2") allocations failed"
		klog | grep ": $kind: " | sort | uniq -c > "$CBW_TMP/messages"
		[[ -n $(unseen "${@:3}") ]] || break
	done
	cat "$CBW_TMP/messages"
	[[ -z $(unseen "${@:3}") ]] || fail "no failure for want of $(unseen "${@:3}")"
	# Device-mapper takes the line to pieces before the constructor sees it.
	if grep -vE ": $kind: (Cannot|couldn't split) " "$CBW_TMP/messages"; then
		fail "a failure has no clear message"
	fi
}
