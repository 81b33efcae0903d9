#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# cbw-stamp on plain files: a copy taken while the writers pause is right, and
# every way to spoil it is found. SEED=… repeats a run.

set -u
here=$(cd "$(dirname "$0")" && pwd)
stamp=$here/cbw-stamp
seed=${SEED:-$RANDOM}
size=$((16 << 20))
dir=$(mktemp -d) || exit 1
run_pid=
trap '[ -z "$run_pid" ] || kill -KILL "$run_pid"; rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0

fail() { echo "FAIL: $*"; failed=1; }
right() { "$stamp" check "$@" --log log >out || { fail "should be right: $*"; cat out; }; }
wrong() { "$stamp" check "$@" --log log >out && { fail "should be wrong: $*"; cat out; }; }
wait_for() {
	for _ in {1..500}; do "$@" && return; sleep 0.02; done
	echo "FAIL: waited too long for: $*"; exit 1
}
patch_block() { # FILE FROM-FILE BLOCK
	dd if="$2" of="$1" bs=512 skip="$3" seek="$3" count=1 conv=notrunc status=none
}
# The n-th block in which two files differ.
differing() { # FILE FILE N
	cmp -l "$1" "$2" | awk -v n="$3" '
		{ b = int(($1 - 1) / 512); if (b != last || !k) { last = b; if (++k == n) { print b; exit } } }'
}

start() { # OPTIONS…
	rm -f log origin
	truncate -s "$size" origin
	"$stamp" fill origin --seed "$seed" || fail "fill"
	cp origin filled
	"$stamp" run origin --log log --seed "$seed" "$@" >summary &
	run_pid=$!
	wait_for test -s log
}

pause() { kill -USR1 "$run_pid"; wait_for test -e log.paused; cat log.paused; }
resume() { kill -USR2 "$run_pid"; wait_for test ! -e log.paused; }
finish() {
	kill -TERM "$run_pid"
	wait "$run_pid" || fail "run: $(cat summary)"
	run_pid=
}

echo "seed $seed"

start --max 256K --threads 8 --read 10 --zero 5 --discard 5 --flush 2 --hot
sleep 0.5
early=$("$stamp" now)
sleep 0.1
pit=$(pause)
after=$("$stamp" now)
cp origin backup
before=$("$stamp" now)
resume
sleep 0.3
late=$("$stamp" now)
# Front and back half of two instants; the writers write on.
cp backup blurred
dd if=origin of=blurred bs=1M skip=8 seek=8 conv=notrunc status=none
finish

right backup
right backup --pit "$pit"
right backup --after "$after" --before "$before" --chunk 64K
grep -q 'in-flight=0 after=[1-9]' out || fail "a pause with writes in flight, or none after it: $(cat out)"
wrong backup --pit $((pit + 200))
wrong backup --pit $((pit - 200))
wrong backup --after "$late"
wrong backup --before "$early"
wrong backup --final
right origin --final
wrong blurred --allow-torn

spoil() { cp backup spoilt; }
spoil; patch_block spoilt filled "$(differing backup filled 1000)"
wrong spoilt --pit "$pit"
wrong spoilt --after "$after" --before "$before" --allow-torn
[ "$(grep -c ^block out)" = 1 ] || fail "one old block is described as: $(cat out)"
spoil; patch_block spoilt origin "$(differing backup origin 100)"
wrong spoilt --after "$after" --before "$before" --allow-torn
grep -qE 'holds (newer|zeroes)' out || fail "a newer block is described as: $(cat out)"
spoil; dd if=backup of=spoilt bs=512 skip=100 seek=101 count=1 conv=notrunc status=none
cmp -s backup spoilt || wrong spoilt
spoil; truncate -s -512 spoilt; wrong spoilt
spoil; "$stamp" fill foreign --seed 1 2>/dev/null && fail "filled a file that does not exist"
truncate -s "$size" foreign; "$stamp" fill foreign --seed $((seed + 1))
patch_block spoilt foreign $((size / 512 - 1)); wrong spoilt

# A view: what holds foreign stamps only comes from the origin, but by whole chunks.
cp foreign view; dd if=backup of=view bs=64K count=100 conv=notrunc status=none
cp foreign pending; dd if=backup of=pending bs=64K skip=100 seek=100 conv=notrunc status=none
wrong view --pit "$pit"
right view --pit "$pit" --chunk 64K --pending-from pending
wrong view --pit "$pit" --chunk 64K --pending-from origin
patch_block view backup 20000; wrong view --pit "$pit" --chunk 64K --pending-from pending
: >zeroed; truncate -s "$size" zeroed; wrong zeroed

# A second run goes on with the log, and reads what the first one left.
timeout 60 "$stamp" run origin --log log --seed "$seed" --ops 500 --read 50 >summary || fail "second run"
right origin --final
right backup --pit "$pit"
"$stamp" run origin --log log --seed $((seed + 1)) --ops 1 2>/dev/null && fail "a log of another seed was taken"

for mode in "--mode sequential --max 64K" "--mode boundary --chunk 128s --max 128K" \
	    "--block 4096 --max 1M" "--buffered --max 64K --threads 2"; do
	rm -f log origin; truncate -s "$size" origin
	block=${mode#--block }; [ "$block" = "$mode" ] && block=512
	"$stamp" fill origin --seed "$seed" --block "${block%% *}"
	# shellcheck disable=SC2086 # the words of a mode are options
	timeout 60 "$stamp" run origin --log log --seed "$seed" $mode --ops 400 --read 20 --zero 5 --discard 5 >summary ||
		fail "run $mode: $(cat summary)"
	right origin --final
done

# Killed writers: what was in flight may be there or not, nothing else is lost.
start --threads 8 --max 1M
sleep 0.3
kill -KILL "$run_pid"; wait "$run_pid" 2>/dev/null; run_pid=
right origin --final

rm -f log origin; truncate -s "$size" origin
"$stamp" fill origin --seed "$seed"
cp origin filled
for mode in random sequential "boundary --chunk 64K" "random --buffered" "random --hot"; do
	# shellcheck disable=SC2086 # the words of a mode are options
	"$stamp" run origin --log log --seed "$seed" --within 5M --mode $mode --ops 200 >summary || fail "--within, $mode"
done
cmp -s -n 5M origin filled && fail "--within 5M: nothing written"
cmp -s -i 5M origin filled || fail "--within 5M: written behind it"
right origin --final
"$stamp" run origin --log log --seed "$seed" --within 17M --ops 1 2>/dev/null && fail "--within more than there is"

touch stop
start --until-file stop; wait "$run_pid" || fail "--until-file"; run_pid=

[ "$failed" = 0 ] && echo "self-test passed, seed $seed"
exit "$failed"
