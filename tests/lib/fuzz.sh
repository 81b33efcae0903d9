# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The devices that cbw-fuzz needs; tests/fuzz/fuzz.h tells what they are. After guest.sh:  . "${CBW_LIB%/*}/fuzz.sh"

need_module dm_cbw dm_delay dm_flakey

fuzz_devices() {
	local i role
	for i in 0 1 2; do
		mk_null "origin${i}0" $((6 + i)) discard=1 > /dev/null
		mk_null "target${i}0" $((8 + i)) discard=1 > /dev/null
		mk_null "metadata$i" 1 > /dev/null
		for role in origin target; do
			mk_linear "$role$i" "/dev/$role${i}0" > /dev/null
		done
	done
	# 16 TiB each.
	mk_null huge0 16777216 memory_backed=0 discard=1 > /dev/null
	mk_null huge1 16777216 memory_backed=0 > /dev/null
	mk_null zoned 16 zoned=1 zone_size=4 > /dev/null
	mk_null small 1 > /dev/null
	mk_null spare0 16 > /dev/null
	mk_null spare1 16 blocksize=4096 > /dev/null
}

# What is refused is refused thousands of times, and the console is slow.
fuzz() { # OPTION...
	dmesg -n 3
	say "$CBW_ROOT/tests/fuzz/cbw-fuzz" --seed "$CBW_SEED" --patience $((90 * ${CBW_PATIENCE:-1})) "$@"
	dmesg -n 6
}
