// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copy-before-write as the chunk map, the copy engine and the sweep do it, small enough to try every interleaving.
 *
 * Modelled: NR_CHUNKS chunks with their content on both devices; two writers whose bios cover one to three chunks; claims in
 * WRITE_CAP + SWEEP_CAP slots; copies that read, then write, and may fail at either step (a failed write may have written);
 * held bios with woken and starved lists and the worker that looks again; the sweep thread with its sleep; the flush; timeouts;
 * cancel; one suspend (flushing or noflush, completed or undone) and resume. One atomic block = one critical section of map->lock.
 *
 * Not modelled: memory ordering (an acquire that is missing shows nothing here), the tracking map, discards, the short last chunk,
 * pause and stop. Reads of the snapshot view are in view.pml; table changes, messages, teardown and orphans in life.pml.
 * Abstractions, each allowing more than the code does: the sweep's cursor is any pending chunk; any held bio may time out, not the
 * oldest only. Content is the PIT's or newer: the later generations of a chunk behave like the first.
 * The test without the lock and the one under it are one step: pending is only ever cleared, so a test that fails adds nothing.
 * The model writes only in bits: bit c of a mask is chunk c, bit w is writer w, and a claim's run is the mask `chunks`.
 *
 * How the rules are stated: the process `rules` looks at every state between two critical sections. A rule that does not hold
 * ends the run with "assertion violated <rule>", the rule's name starting with its number in the design's list. "No lost
 * wake-up" is also the absence of invalid end states (only idle copies and the idle worker may be left at the end) and, under
 * weak fairness, the formulas at the end of this file. R12: slots are arrays, so the caps are checked as the counter's truth.
 *
 * Configuration (-D): NR_CHUNKS 2|3, WRITE_CAP, MAX_COPY chunks, WRITES per writer (0: for ever), BREAK_WRITE (otherwise
 * break-snapshot), SAFE (release safe: writes go on when what they overwrite is in the buffer of its copy), and what may happen:
 * FAILURES, SWEEP_IGNORE (sweep errors are retried), TIMEOUTS n, CANCEL, SUSPEND.
 * What may happen once does happen in the end, so a hang is looked for with and without each: a wait must end by its copy.
 *
 * Known-wrong variants (-D), each of which must be caught: RECHECK_FIRST_CHUNK_ONLY LET_GO_WITHOUT_RECHECK CLEAR_BEFORE_WRITE
 * FAILED_COPY_CLEARS LET_GO_BEFORE_CLEAR CLAIM_CHECK_SPLIT COPY_COVERS_SAVED CLAIM_DROPPED_AT_TIMEOUT LATE_COPY_CLEARS
 * SUSPEND_IGNORES_SWEEP LOST_WAKEUP STARVED_NOT_SERVED SWEEP_NOT_WOKEN COMPLETE_WITHOUT_LATCH ERROR_FORGOTTEN
 * RETRY_AT_ONCE HELD_NOT_REQUEUED HANDED_BACK_PASSES; with SAFE: SAFE_BEFORE_READ SAFE_COPIED_AGAIN SAFE_STAYS_PENDING
 * SAFE_NOT_WOKEN CLAIM_ENDS_AT_SAFE LOST_BREAKS_NOTHING LOST_STAYS_BUFFERED LOST_TAKEN_FOR_SAVED FLUSH_IGNORES_SAFE
 * SUSPEND_IGNORES_SAFE. With CONTENT_ONLY the rules about the claims themselves are left out, so that a wrong claim shows in the
 * saved data.
 *
 * By hand, for instance:
 *	spin -a -DFAILURES -DLATE_COPY_CLEARS cbw.pml && gcc -O2 -DSAFETY -o pan pan.c && ./pan -m100000
 *	spin -k cbw.pml.trail -p -g -DFAILURES -DLATE_COPY_CLEARS cbw.pml	(replays it: same -D options, step by step)
 * ./pan -i instead of ./pan looks for the shortest trail. A formula: spin with -DLIVENESS,
 * gcc with -DNFAIR=3 and without -DSAFETY, then ./pan -a -f -N sweep_ends.
 */

#ifndef NR_CHUNKS
#define NR_CHUNKS	3
#endif
#ifndef WRITE_CAP
#define WRITE_CAP	1
#endif
#ifndef MAX_COPY
#define MAX_COPY	2
#endif
#ifndef WRITES
#define WRITES		1
#endif
#ifndef TIMEOUTS
#define TIMEOUTS	0
#endif
#define NR_WRITERS	2
#define SWEEP_CAP	1
#define NR_CLAIMS	(WRITE_CAP + SWEEP_CAP)
#define NONE		255

#define BIT(i)		(1 << (i))
#define ALL_CHUNKS	(BIT(NR_CHUNKS) - 1)
#define WEIGHT(m)	(((m) & 1) + (((m) >> 1) & 1) + (((m) >> 2) & 1))
#define IS_WRITE(s)	((s) < WRITE_CAP)

mtype = { RUNNING, COMPLETED, FAILED, CANCELLED };
mtype = { NO_BIO, HELD, GO, EIO, REQUEUE };

/* The devices: bit c set = chunk c holds something newer than the PIT; target_has: the target device holds anything at all. */
byte origin_new, target_new, target_has;
bool target_cached;

/* The map. */
byte pending = ALL_CHUNKS;
byte claimed;
byte held;
byte woken, woken_first;
byte error;
chan starved = [NR_WRITERS] of { byte };
bool broken, sweep_stopped, requeue;
mtype state = RUNNING;
byte done;

typedef claim_slot {
	bool in_flight;
	byte chunks;
	byte waiters;
#ifdef SAFE
	bool buffered, safe;
#endif
};
claim_slot claim[NR_CLAIMS];
byte nr_write, nr_sweep;

byte range[NR_WRITERS];
mtype verdict[NR_WRITERS] = NO_BIO;

/* Whoever sleeps, and whether it was told to look again. */
bool work_queued;
bool sweep_woken = true;

/* Whom a failed copy of the sweep held: the sweep may not come before them. */
byte first_go;

/* DM: no new bio passes; nothing of ours may be in flight. */
bool blocked, suspended, drain_gave_up;

/* What DM may still look at though it has been sent again, until no new bio passes: bit w is writer w. */
byte handed_back;

/* What the rules remember. */
byte pending_at_break;
byte cbw_failed;

/* Scratch of one critical section. */
hidden byte c, s, chunks, first_claim, slot;
hidden byte needs_slot, may_take;

/* The chunks of claims that are safe: not pending, and not saved. */
#ifdef SAFE
#define IN_BUFFER(i)	(claim[i].buffered)
#define SAFE_IN(i)	(claim[i].safe -> claim[i].chunks : 0)
#if NR_CLAIMS == 2
#define SAFE_CHUNKS	(SAFE_IN(0) | SAFE_IN(1))
#define NR_SAFE		(claim[0].safe + claim[1].safe)
#else
#define SAFE_CHUNKS	(SAFE_IN(0) | SAFE_IN(1) | SAFE_IN(2))
#define NR_SAFE		(claim[0].safe + claim[1].safe + claim[2].safe)
#endif
#else
#define IN_BUFFER(i)	false
#define SAFE_IN(i)	0
#define SAFE_CHUNKS	0
#define NR_SAFE		0
#endif

#define NR_GIVEN	((verdict[0] != NO_BIO && verdict[0] != REQUEUE) + (verdict[1] != NO_BIO && verdict[1] != REQUEUE))

/* ---- claims ---- */

#define UNCLAIMED	(pending & ~claimed)

#ifdef COPY_COVERS_SAVED
#define JOINS(i)	true
#else
#define JOINS(i)	(UNCLAIMED & BIT(i))
#endif

/* The run that starts at chunk c, within `limit`. */
inline find_run(limit)
{
	chunks = BIT(c);
	do
	:: WEIGHT(chunks) < MAX_COPY && c + 1 < NR_CHUNKS && (limit & BIT(c + 1)) && JOINS(c + 1) ->
		c++; chunks = chunks | BIT(c)
	:: else -> break
	od
}

inline take_slot(i, mask)
{
	claim[i].in_flight = true;
	claim[i].chunks = mask;
	claimed = claimed | mask;
	if
	:: IS_WRITE(i) -> nr_write++
	:: else -> nr_sweep++
	fi
}

inline find_free_write_slot()
{
	slot = 0;
	do
	:: slot < WRITE_CAP && claim[slot].in_flight -> slot++
	:: slot < WRITE_CAP && !claim[slot].in_flight -> break
	:: else -> slot = NONE; break
	od
}

/* Writes pass from now on; `claimed` stays until the copy has ended. */
inline make_safe(i)
{
#ifdef SAFE
	claim[i].safe = true;
#ifdef CLAIM_ENDS_AT_SAFE
	claimed = claimed & ~claim[i].chunks;
#endif
#ifndef SAFE_STAYS_PENDING
	pending = pending & ~claim[i].chunks
#else
	skip
#endif
#else
	skip
#endif
}

inline remember_claim_of_chunk()
{
	s = 0;
	do
	:: s < NR_CLAIMS && !(claim[s].chunks & BIT(c)) -> s++
	:: else -> break
	od;
	if
	:: s < NR_CLAIMS && IN_BUFFER(s) -> make_safe(s)
	:: first_claim == NONE && s < NR_CLAIMS && !IN_BUFFER(s) -> first_claim = s
	:: else
	fi
}

/* ---- held bios ---- */

inline let_go(w, result)
{
	held = held & ~BIT(w);
	error = error & ~BIT(w);
	first_go = first_go & ~BIT(w);
	verdict[w] = result
}

/* `woken` is first in, first out; with two writers, one index is the whole order. */
inline wake(mask)
{
	if
	:: !woken && (mask) -> woken_first = ((mask) & 1 -> 0 : 1)
	:: else
	fi;
	woken = woken | (mask)
}

inline leave_woken(w)
{
	woken = woken & ~BIT(w);
	woken_first = woken >> 1
}

inline leave_lists(w)
{
	leave_woken(w);
	s = 0;
	do
	:: s < NR_CLAIMS -> claim[s].waiters = claim[s].waiters & ~BIT(w); s++
	:: else -> break
	od;
	if
	:: starved??[eval(w)] -> starved??eval(w)
	:: else
	fi
}

/* Claims what can be claimed of w's range. Then first_claim is what to wait for, or needs_slot, or neither: nothing is pending. */
inline claim_range(w)
{
	first_claim = NONE;
	needs_slot = false;
	c = 0;
	do
	:: c >= NR_CHUNKS || needs_slot -> break
	:: else ->
		if
		:: !(range[w] & pending & BIT(c)) -> c++
		:: (range[w] & pending & claimed & BIT(c)) -> remember_claim_of_chunk(); c++
		:: else ->
			find_free_write_slot();
			if
			:: slot == NONE || !may_take -> needs_slot = true
			:: else ->
				find_run(range[w]);
				take_slot(slot, chunks);
				if
				:: first_claim == NONE -> first_claim = slot
				:: else
				fi;
				c++
			fi
		fi
	od
}

/* One critical section: the whole range is looked at, every time. `queued`: w is the first of `starved`. */
inline resolve(w, queued)
{
	first_claim = NONE;
	needs_slot = false;
	may_take = (queued || len(starved) == 0);
	if
	:: broken
	:: else -> claim_range(w)
	fi;
	if
	:: first_claim == NONE && !needs_slot -> let_go(w, GO)
	:: first_claim != NONE ->
		first_go = first_go & ~BIT(w);
		claim[first_claim].waiters = claim[first_claim].waiters | BIT(w);
		held = held | BIT(w);
		verdict[w] = HELD
	:: else ->
		if
		:: queued
		:: else -> starved!w
		fi;
		held = held | BIT(w);
		verdict[w] = HELD
	fi;
	if
	:: queued && !(first_claim == NONE && needs_slot) -> starved??eval(w)
	:: else
	fi
}

#if defined(RECHECK_FIRST_CHUNK_ONLY)
#define FIRST(m)	((m) & -(m))
#define TAKEN_FOR_SAVED(w)	(!(pending & FIRST(range[w])))
#elif defined(LET_GO_WITHOUT_RECHECK)
#define TAKEN_FOR_SAVED(w)	true
#else
#define TAKEN_FOR_SAVED(w)	false
#endif

inline look_again(w)
{
	if
#ifdef ERROR_FORGOTTEN
	:: false
#else
	:: (error & BIT(w)) -> let_go(w, EIO)
#endif
	:: !(error & BIT(w)) && TAKEN_FOR_SAVED(w) -> let_go(w, GO)
	:: else -> resolve(w, false)
	fi
}

/* ---- the job ---- */

/* No rule speaks of a broken job's content: one state instead of many. */
inline forget_content()
{
	origin_new = 0;
	target_new = 0;
	target_has = 0
}

/* What is safe will not be saved: it is pending again, for those who ask what was not. */
inline lose_safe()
{
#ifdef SAFE
#ifndef LOST_TAKEN_FOR_SAVED
	pending = pending | SAFE_CHUNKS;
#endif
	s = 0;
	do
	:: s < NR_CLAIMS -> claim[s].safe = false; s++
	:: else -> break
	od
#else
	skip
#endif
}

/* A final state stays: what comes second changes nothing. */
inline break_job(final)
{
	if
	:: state == RUNNING ->
		state = final;
		broken = true;
		pending_at_break = pending | SAFE_CHUNKS;
		lose_safe();
		forget_content();
		wake(held);
		s = 0;
		do
		:: s < NR_CLAIMS -> claim[s].waiters = 0; s++
		:: else -> break
		od;
		do
		:: len(starved) > 0 -> starved?slot
		:: else -> break
		od;
		work_queued = work_queued || woken;
		sweep_woken = true
	:: else
	fi
}

inline end_claim(i)
{
	wake(claim[i].waiters);
	claimed = claimed & ~claim[i].chunks;
	claim[i].waiters = 0;
	claim[i].chunks = 0;
	claim[i].in_flight = false;
#ifdef SAFE
	claim[i].buffered = false;
	claim[i].safe = false;
#endif
	if
	:: IS_WRITE(i) -> nr_write--
	:: else -> nr_sweep--
	fi;
#ifdef SWEEP_NOT_WOKEN
	sweep_woken = sweep_woken || !IS_WRITE(i);
#else
	sweep_woken = true;
#endif
#ifdef LOST_WAKEUP
	work_queued = work_queued || woken
#else
	work_queued = work_queued || woken || len(starved) > 0
#endif
}

#if defined(FAILED_COPY_CLEARS)
#define CLEARS(saved)	(!broken)
#elif defined(LATE_COPY_CLEARS)
#define CLEARS(saved)	(saved)
#elif defined(CLEAR_BEFORE_WRITE)
#define CLEARS(saved)	false
#else
#define CLEARS(saved)	((saved) && !broken)
#endif

inline clear_pending(i)
{
	pending = pending & ~claim[i].chunks;
	done = done + WEIGHT(claim[i].chunks)
}

/* What the copy has read is in its buffer. It becomes safe if a write waits for it. */
inline get_buffered(i)
{
#ifdef SAFE
	claim[i].buffered = true;
	if
	:: claim[i].waiters && !broken ->
		make_safe(i);
#ifndef SAFE_NOT_WOKEN
		wake(claim[i].waiters);
		work_queued = true;
#endif
		claim[i].waiters = 0
	:: else
	fi
#else
	skip
#endif
}

inline finish(i, saved)
{
#if defined(SWEEP_IGNORE) && !defined(RETRY_AT_ONCE)
	if
	:: !IS_WRITE(i) && !saved && !broken -> first_go = first_go | claim[i].waiters
	:: else
	fi;
#endif
	if
	:: CLEARS(saved) -> clear_pending(i)
	:: else
	fi;
#ifdef BREAK_WRITE
	if
	:: IS_WRITE(i) && !saved ->
		error = error | claim[i].waiters;
		cbw_failed = cbw_failed | claim[i].waiters
	:: else
	fi;
#endif
	end_claim(i)
}

inline finish_flush(i, flushed)
{
	if
	:: !flushed -> break_job(FAILED)
#ifdef COMPLETE_WITHOUT_LATCH
	:: else -> state = COMPLETED; sweep_woken = true
#else
	:: flushed && !broken -> state = COMPLETED; sweep_woken = true
	:: else
#endif
	fi;
	end_claim(i)
}

/* ---- processes ---- */

#ifdef FAILURES
#define MAY_FAIL	:: ok = false
#else
#define MAY_FAIL
#endif

/* Under these policies a failed copy fails the job before it ends. */
inline apply_policy(i)
{
	if
#ifndef BREAK_WRITE
	:: IS_WRITE(i) -> d_step { break_job(FAILED) }
#endif
#ifndef SWEEP_IGNORE
	:: !IS_WRITE(i) -> d_step { break_job(FAILED) }
#endif
	:: else
	fi
}

#ifdef LOST_BREAKS_NOTHING
#define IS_LOST(i)	false
#elif defined(SAFE)
#define IS_LOST(i)	(claim[i].safe)
#endif

/* A copy that has failed cannot become safe any more. If it is, nothing has what it covered, and no policy applies. */
inline fail_copy(i)
{
#ifdef SAFE
	d_step {
#ifndef LOST_STAYS_BUFFERED
		claim[i].buffered = false;
#endif
		lost = IS_LOST(i)
	};
	if
	:: lost -> d_step { break_job(FAILED); lost = false }
	:: else -> apply_policy(i)
	fi
#else
	apply_policy(i)
#endif
}


#ifdef LET_GO_BEFORE_CLEAR
#define LET_GO_EARLY(i)						\
	d_step {							\
		c = 0;							\
		do							\
		:: c < NR_WRITERS && (claim[i].waiters & BIT(c)) ->	\
			leave_lists(c); let_go(c, GO); c++		\
		:: c < NR_WRITERS && !(claim[i].waiters & BIT(c)) -> c++ \
		:: else -> break					\
		od;							\
		c = 0							\
	}
#else
#define LET_GO_EARLY(i)	skip
#endif

inline write_target(i)
{
	if
	:: !broken ->
		target_new = (target_new & ~claim[i].chunks) | buf;
		target_has = target_has | claim[i].chunks;
		target_cached = true
	:: else
	fi
}

/* kcopyd for one slot: read, write, callback. A copy has no end of its own choosing; it may only be late. */
proctype copy(byte i)
{
	byte buf;
	bool ok;
#ifdef SAFE
	bool lost;
#endif

end:	do
	:: atomic { claim[i].in_flight && claim[i].chunks != 0 ->
#ifdef SAFE_BEFORE_READ
			d_step { get_buffered(i) }
		};
		atomic {
#endif
			if
			:: buf = origin_new & claim[i].chunks; ok = true
			MAY_FAIL
			fi
		};
#if defined(SAFE) && !defined(SAFE_BEFORE_READ)
		d_step { if :: ok -> get_buffered(i) :: else fi };
#endif
#ifdef CLEAR_BEFORE_WRITE
		d_step { if :: ok && !broken -> clear_pending(i) :: else fi };
#endif
		if
		:: ok ->
			atomic {
				if
				:: d_step { write_target(i) }
#ifdef FAILURES
				:: d_step { write_target(i); ok = false }
				:: ok = false
#endif
				fi;
				buf = 0
			}
		:: else
		fi;
#ifdef SAFE_COPIED_AGAIN
		d_step {
			if
			:: !ok && claim[i].safe -> buf = origin_new & claim[i].chunks; write_target(i); buf = 0; ok = true
			:: else
			fi
		};
#endif
		if
		:: !ok -> fail_copy(i)
		:: else -> LET_GO_EARLY(i)
		fi;
		d_step { finish(i, ok); ok = false }
	:: atomic { claim[i].in_flight && claim[i].chunks == 0 -> ok = true; target_cached = false;
			if
			:: skip
			MAY_FAIL
			fi
		};
		d_step { finish_flush(i, ok); ok = false }
	od
}

#define MAY_SWEEP	(!broken && state == RUNNING && !first_go && nr_sweep < SWEEP_CAP SWEEP_LISTENS)
#ifdef SUSPEND_IGNORES_SWEEP
#define SWEEP_LISTENS
#else
#define SWEEP_LISTENS	&& !sweep_stopped
#endif
#define MAY_COPY	(MAY_SWEEP && UNCLAIMED)
#ifdef FLUSH_IGNORES_SAFE
#define MAY_FLUSH	(MAY_SWEEP && !pending)
#else
#define MAY_FLUSH	(MAY_SWEEP && !pending && nr_write == 0)
#endif

inline pick_pending()
{
	if
	:: (UNCLAIMED & BIT(0)) -> cursor = 0
	:: (UNCLAIMED & BIT(1)) -> cursor = 1
#if NR_CHUNKS > 2
	:: (UNCLAIMED & BIT(2)) -> cursor = 2
#endif
	fi
}

inline claim_at_cursor()
{
	c = cursor;
	find_run(ALL_CHUNKS);
	take_slot(WRITE_CAP, chunks);
	cursor = 0
}

/* Sleeps only when it found nothing to do in the very section that decides to sleep, as wait_event() does. */
proctype sweep()
{
	byte cursor;

	do
#ifdef CLAIM_CHECK_SPLIT
	:: atomic { sweep_woken && MAY_COPY -> pick_pending() };
		d_step { claim_at_cursor() }
#else
	:: atomic { sweep_woken && MAY_COPY -> pick_pending(); d_step { claim_at_cursor() } }
#endif
	:: d_step { sweep_woken && MAY_FLUSH -> take_slot(WRITE_CAP, 0) }
	:: d_step { sweep_woken && state == RUNNING && !MAY_COPY && !MAY_FLUSH -> sweep_woken = false }
	:: atomic { state != RUNNING -> break }
	od;
end:	false
}

#ifdef STARVED_NOT_SERVED
#define SERVE_STARVED	false
#else
#define SERVE_STARVED	(!woken && len(starved) > 0 && nr_write < WRITE_CAP)
#endif

/* Whoever lets a write go wakes the sweep afterwards: it may have waited for a writer's first go. */
#ifdef SWEEP_NOT_WOKEN
#define AFTER_LET_GO	skip
#else
#define AFTER_LET_GO	sweep_woken = true
#endif

/* The one work item. It ends in the section that finds nothing woken, and nobody starved or no slot; queued meanwhile, it runs again. */
proctype worker()
{
	byte w;

end:	do
	:: d_step { work_queued && woken ->
			w = woken_first;
			leave_woken(w);
			look_again(w);
			w = 0;
			AFTER_LET_GO;
			work_queued = (woken || len(starved) > 0)
		}
	:: d_step { work_queued && SERVE_STARVED ->
			starved?<w>;
			resolve(w, true);
			w = 0;
			AFTER_LET_GO;
			work_queued = (len(starved) > 0 && !(first_claim == NONE && needs_slot))
		}
	:: d_step { work_queued && !woken && !SERVE_STARVED -> work_queued = false }
	od
}

inline pick_range()
{
	if
	:: range[w] = 1
	:: range[w] = 2
	:: range[w] = 3
#if NR_CHUNKS > 2
	:: range[w] = 4
	:: range[w] = 6
	:: w == 0 -> range[w] = 7
#endif
	fi
}

#if WRITES > 0
#define COUNT_WRITE	n++
#define MAY_WRITE	(n < WRITES)
#else
#define COUNT_WRITE	skip
#define MAY_WRITE	true
#endif

inline hand_back(w)
{
	let_go(w, REQUEUE);
	handed_back = handed_back | BIT(w)
}

#ifdef HANDED_BACK_PASSES
#define HANDS_BACK(w)	(requeue && !broken && (pending & range[w]))
#else
#define HANDS_BACK(w)	requeue
#endif

inline map_bio(w)
{
	if
	:: HANDS_BACK(w) -> hand_back(w)
	:: else -> resolve(w, false)
	fi
}

inline complete(w)
{
	cbw_failed = cbw_failed & ~BIT(w);
	verdict[w] = NO_BIO;
	range[w] = 0
}

/* DM sends again at once what it was handed back, as long as it lets bios pass. */
proctype writer(byte w)
{
	byte n;

end:	do
	:: atomic { MAY_WRITE && !blocked -> COUNT_WRITE; pick_range(); d_step { map_bio(w) } };
again:		if
		:: d_step { verdict[w] == GO -> origin_new = (broken -> 0 : origin_new | range[w]); complete(w) }
		:: d_step { verdict[w] == EIO -> complete(w) }
		:: atomic { verdict[w] == REQUEUE && !blocked -> d_step { map_bio(w) }; goto again }
		fi
	od
}

#ifdef CLAIM_DROPPED_AT_TIMEOUT
#define DROP_CLAIM(w)							\
	s = 0;								\
	do								\
	:: s < NR_CLAIMS && (claim[s].waiters & BIT(w)) ->		\
		claimed = claimed & ~claim[s].chunks; s++		\
	:: s < NR_CLAIMS && !(claim[s].waiters & BIT(w)) -> s++		\
	:: else -> break						\
	od
#else
#define DROP_CLAIM(w)	skip
#endif

/* Ends the wait, never the claim. */
inline time_out(w)
{
#ifdef BREAK_WRITE
	DROP_CLAIM(w);
	leave_lists(w);
	let_go(w, EIO)
#else
	break_job(FAILED)
#endif
}

proctype timer()
{
	byte n;

end:	do
	:: d_step { n < TIMEOUTS && (held & BIT(0)) -> n++; time_out(0) }
	:: d_step { n < TIMEOUTS && (held & BIT(1)) -> n++; time_out(1) }
	od
}

proctype canceller()
{
	d_step { break_job(CANCELLED) };
end:	false
}

/* The bound of a drain is cbw_timeout: past it the job is broken and its copies are left alone. */
#if TIMEOUTS > 0
#define OR_GIVE_UP	:: d_step { nr_sweep + nr_write > 0 -> drain_gave_up = true; break_job(FAILED) }
#else
#define OR_GIVE_UP
#endif

inline go_on()
{
	suspended = false;
	drain_gave_up = false;
	sweep_stopped = false;
	requeue = false;
	sweep_woken = true
}

inline hand_back_held()
{
	c = 0;
	do
#ifdef HELD_NOT_REQUEUED
	:: break
#endif
	:: c < NR_WRITERS && (held & BIT(c)) ->
		leave_lists(c); hand_back(c); cbw_failed = cbw_failed & ~BIT(c); c++
	:: c < NR_WRITERS && !(held & BIT(c)) -> c++
	:: else -> break
	od;
	requeue = true
}

#ifdef SUSPEND_IGNORES_SAFE
#define NOT_DRAINED	(nr_sweep + nr_write - NR_SAFE)
#else
#define NOT_DRAINED	(nr_sweep + nr_write)
#endif

/* DM's order: presuspend, freeze (writers still write), block and drain, postsuspend, resume; or the drain is interrupted. */
proctype suspender()
{
	sweep_stopped = true;
	if
	:: nr_sweep == 0
	OR_GIVE_UP
	fi;
	if
	:: d_step { hand_back_held() }
	:: skip
	fi;
	d_step { blocked = true; handed_back = 0 };
	if
	:: NR_GIVEN == 0
	:: skip -> goto resume
	fi;
	if
	:: d_step { NOT_DRAINED == 0 -> suspended = true }
	OR_GIVE_UP
	fi;
resume:
	atomic { go_on() };
	blocked = false;
end:	false
}

/* ---- the rules ---- */

hidden byte R1_pending_chunk_unchanged_on_origin;
hidden byte R4_R5_saved_chunk_holds_pit_content;
hidden byte R6_submitted_write_finds_nothing_pending;
hidden byte R3_no_two_claims_cover_one_chunk;
hidden byte R3_progress_is_what_was_saved;
hidden byte R4_claim_covers_pending_chunks_only;
hidden byte R14_claimed_as_long_as_its_copy_runs;
hidden byte R14_broken_job_clears_nothing;
hidden byte R5_write_held_on_failed_copy_fails;
hidden byte R5_break_snapshot_never_fails_a_write;
hidden byte R9_completed_is_saved_and_flushed_and_latched;
hidden byte R10_nothing_in_flight_when_suspended;
hidden byte R10_noflush_suspend_holds_nothing;
hidden byte R10_handed_back_write_waits_for_the_block;
hidden byte R12_in_flight_is_counted_and_capped;
hidden byte R13_whoever_can_go_on_is_looked_at;

#if NR_CLAIMS == 2
#define CLAIMS_UNION	(claim[0].chunks | claim[1].chunks)
#define CLAIMS_WEIGHT	(WEIGHT(claim[0].chunks) + WEIGHT(claim[1].chunks))
#define WRITES_RUNNING	(claim[0].in_flight)
#else
#define CLAIMS_UNION	(claim[0].chunks | claim[1].chunks | claim[2].chunks)
#define CLAIMS_WEIGHT	(WEIGHT(claim[0].chunks) + WEIGHT(claim[1].chunks) + WEIGHT(claim[2].chunks))
#define WRITES_RUNNING	(claim[0].in_flight + claim[1].in_flight)
#endif
#define FOR_ANY_WRITER(cond)	((cond(0)) || (cond(1)))
#define SUBMITTED_TOO_EARLY(w)	(verdict[w] == GO && (pending & range[w]))
#define SUBMITTED_IN_SPITE(w)	(verdict[w] == GO && (cbw_failed & BIT(w)))
#define PASSED_TOO_EARLY(w)	(verdict[w] == GO && (handed_back & BIT(w)))
#define REFUSED(w)		(verdict[w] == EIO)
#ifdef BREAK_WRITE
#define MAY_REFUSE		true
#else
#define MAY_REFUSE		false
#endif
#define UNSAFE			(~target_has | target_new)

/* Never runs while every rule holds, so it costs no states. */
proctype rules()
{
end:	do
	:: !broken && (pending & origin_new) -> assert(R1_pending_chunk_unchanged_on_origin)
	:: !broken && (ALL_CHUNKS & ~pending & ~SAFE_CHUNKS & UNSAFE) -> assert(R4_R5_saved_chunk_holds_pit_content)
	:: !broken && FOR_ANY_WRITER(SUBMITTED_TOO_EARLY) -> assert(R6_submitted_write_finds_nothing_pending)
#ifndef CONTENT_ONLY
	:: CLAIMS_WEIGHT != WEIGHT(CLAIMS_UNION) -> assert(R3_no_two_claims_cover_one_chunk)
	:: done + WEIGHT(pending | SAFE_CHUNKS) != NR_CHUNKS -> assert(R3_progress_is_what_was_saved)
	:: !broken && (CLAIMS_UNION & ~pending & ~SAFE_CHUNKS) -> assert(R4_claim_covers_pending_chunks_only)
	:: CLAIMS_UNION != claimed -> assert(R14_claimed_as_long_as_its_copy_runs)
	:: broken && pending != pending_at_break -> assert(R14_broken_job_clears_nothing)
#endif
	:: FOR_ANY_WRITER(SUBMITTED_IN_SPITE) -> assert(R5_write_held_on_failed_copy_fails)
	:: !MAY_REFUSE && FOR_ANY_WRITER(REFUSED) -> assert(R5_break_snapshot_never_fails_a_write)
	:: state == COMPLETED && (broken || pending || claimed || target_cached) ->
		assert(R9_completed_is_saved_and_flushed_and_latched)
	:: suspended && (nr_sweep + nr_write > 0 || held || NR_GIVEN > 0) -> assert(R10_nothing_in_flight_when_suspended)
	:: requeue && held -> assert(R10_noflush_suspend_holds_nothing)
	:: FOR_ANY_WRITER(PASSED_TOO_EARLY) -> assert(R10_handed_back_write_waits_for_the_block)
	:: nr_write != WRITES_RUNNING || nr_sweep != claim[WRITE_CAP].in_flight -> assert(R12_in_flight_is_counted_and_capped)
	:: !work_queued && (woken || (len(starved) > 0 && nr_write < WRITE_CAP)) ->
		assert(R13_whoever_can_go_on_is_looked_at)
	od
}

init {
	atomic {
		byte i;

		run writer(0);
		run writer(1);
		for (i : 0 .. NR_CLAIMS - 1) {
			run copy(i)
		}
		run worker();
		run sweep();
#if TIMEOUTS > 0
		run timer();
#endif
#ifdef CANCEL
		run canceller();
#endif
#ifdef SUSPEND
		run suspender();
#endif
#ifndef LIVENESS
		run rules();
#endif
		i = 0
	}
}

/* R13, no lost wake-up: to be checked under weak fairness. */
#ifdef LIVENESS
ltl held_0_let_go { [] ((held & 1) -> <> !(held & 1)) }
ltl held_1_let_go { [] ((held & 2) -> <> !(held & 2)) }
ltl sweep_ends { <> (state == COMPLETED) }
#endif
