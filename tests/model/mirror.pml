// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mirror: writes to the origin or to both devices against the copies of a map that follows, the change of the copy mode, and the
 * suspend that ends the job; the protocol that Documentation/design.rst gives under "Mirrors", small enough to try every interleaving.
 *
 * Modelled: three sectors with their content on both devices, the first two of which are one chunk, the last another; two writers,
 * with the look of .map at the mode, the section that decides, both halves of a write in either order, and its end, with the look
 * without the lock of is_dirty() in its two steps; held writes and the worker that looks again; the sweep with its sleep, claims
 * that drain, copies that read and then write; the flush; errors of either half and of copies, which are tried again; a pause; a
 * suspend with or without "complete" before it. One atomic block = one critical section of map->lock, or one look without it.
 *
 * Not modelled: memory ordering, a job that is broken (nothing is promised then), flushes of the users, requeueing, how long
 * something takes. The sweep's cursor is any pending chunk. A write and a copy do all their sectors at once on a device: each
 * sector is by itself as it would be.
 *
 * The rules are stated as in cbw.pml, by the process `rules`; the run ends with the rule's name, which begins with M for those that
 * only a mirror has. Whoever waits for ever is an invalid end state: the job gets ready in each run that ends, or, where writes come
 * without end, breaks a formula at the end of this file.
 *
 * Configuration (-D): WRITES per writer (0: for ever), WRITE_BLOCKING from the beginning, SWITCH to it at any moment, or MIXED
 * (otherwise background), SYNC_NONE: the devices are the same at first; CLAIMS, NR_WRITERS 1|2; and what may happen: FAILURES,
 * PAUSE, SUSPEND, COMPLETE.
 *
 * Known-wrong variants (-D): CLEAR_AFTER_READ AGAIN_IGNORED PARTIAL_WRITE_CLEARS RACES_IGNORED COPY_IN_THE_WAY_IGNORED
 * COPY_DOES_NOT_DRAIN NOT_COPIED_FIRST TARGET_ERROR_FORGOTTEN DIRTY_AFTER_END PENDING_LOOKED_AT_FIRST END_NOT_NOTED
 * SWITCH_WITHOUT_DRAINING ENDS_AT_MESSAGE ENDS_BEFORE_STOP FLUSHED_BEFORE REST_NOT_COPIED HELD_IS_WAITED_FOR WRITTEN_UNTOLD DRAINED_UNTOLD
 * DIRTY_UNTOLD RETRY_AT_ONCE. With CONTENT_ONLY the rules about who is under way are left out. Run by hand as cbw.pml is.
 */

#ifndef WRITES
#define WRITES		1
#endif
#ifndef CLAIMS
#define CLAIMS		1
#endif
#ifndef NR_WRITERS
#define NR_WRITERS	2
#endif

#define BIT(i)		(1 << (i))
#define NR_SECTORS	3
#define ALL_CHUNKS	3
#define CHUNKS_OF(m)	((((m) & 3) != 0) + (((m) & 4) >> 1))
#define SECTORS_OF(m)	(((m) & 1) * 3 + (((m) & 2) << 1))

mtype = { RUNNING, READY, COMPLETED };
mtype = { NO_BIO, HELD, GO };

/* Whose data a sector has: 0, what was there at first; w + 1, writer w's; on the target device also what nobody wrote. */
#define OTHER_DATA	7
byte origin[NR_SECTORS];
byte target[NR_SECTORS];
bool target_cached;

/* The map. Bit c of a mask is chunk c, or sector c, bit w is writer w. */
byte pending;
byte claimed, again;
bool mirror = true;
bool sweep_allowed = true;
bool flushed;
byte held, woken;

/* Whom a failed copy held: the sweep may not come before them. */
byte first_go;

typedef claim_slot {
	bool in_flight, drains, started;
	byte chunks, draining, waiters;
};
claim_slot claim[CLAIMS];

/* The writers: the sectors of their bios, and what the map says of them. */
byte range[2];
mtype verdict[2] = NO_BIO;
byte under_way, both;
byte writing_waiters[2];

/* The job. */
mtype state = RUNNING;
bool write_blocking, wanted, ends;

bool work_queued;
bool sweep_woken = true;
bool blocked, suspended;

/* What the rules remember: chunks that were saved when writes went to both devices from the beginning. */
byte saved;

/* Scratch of one critical section. */
hidden byte c, s, chunks;

/* ---- devices ---- */

#define PUT(device, i, mask, value)	device[i] = (((mask) & BIT(i)) -> (value) : device[i])

inline write_origin(w)
{
	PUT(origin, 0, range[w], w + 1);
	PUT(origin, 1, range[w], w + 1);
	PUT(origin, 2, range[w], w + 1)
}

inline write_target(w, data)
{
	PUT(target, 0, range[w], data);
	PUT(target, 1, range[w], data);
	PUT(target, 2, range[w], data);
	target_cached = true
}

/* ---- the map ---- */

#define MINE(w)		CHUNKS_OF(range[w])
#define OTHER(w)	(1 - (w))
#define UNCLAIMED	(pending & ~claimed)

#ifdef RACES_IGNORED
#define RACES(w)	false
#else
#define RACES(w)	((under_way & BIT(OTHER(w))) && (range[w] & range[OTHER(w)]))
#endif

#ifdef COPY_IN_THE_WAY_IGNORED
#define COPY_IN_THE_WAY(w)	false
#else
#define COPY_IN_THE_WAY(w)	(claimed & MINE(w))
#endif

inline find_claim_of(mask)
{
	s = 0;
	do
	:: s < CLAIMS - 1 && !(claim[s].chunks & (mask)) -> s++
	:: else -> break
	od
}

/* A claim waits for the writes that are registered: not for those that wait for it. */
#ifdef HELD_IS_WAITED_FOR
#define REGISTER_HELD(w)	under_way = under_way | BIT(w)
#else
#define REGISTER_HELD(w)	skip
#endif

inline hold(w)
{
	REGISTER_HELD(w);
	first_go = first_go & ~BIT(w);
	held = held | BIT(w);
	verdict[w] = HELD
}

inline release(w)
{
	first_go = first_go & ~BIT(w);
	held = held & ~BIT(w);
	verdict[w] = GO
}

/* The one critical section that decides over a write. */
inline resolve(w)
{
	if
	:: !mirror -> release(w)
	:: mirror && COPY_IN_THE_WAY(w) ->
		find_claim_of(MINE(w));
		claim[s].waiters = claim[s].waiters | BIT(w);
		hold(w)
	:: mirror && !COPY_IN_THE_WAY(w) && RACES(w) ->
		writing_waiters[OTHER(w)] = writing_waiters[OTHER(w)] | BIT(w);
		hold(w)
	:: else ->
		under_way = under_way | BIT(w);
		both = (MINE(w) & ~pending -> both | BIT(w) : both);
		release(w)
	fi
}

#define WAKE(mask)	woken = woken | (mask)

/* As many as `touches` it; no other can have come since. */
inline drain(w)
{
	s = 0;
	do
	:: s < CLAIMS ->
		if
		:: claim[s].draining && (claim[s].chunks & MINE(w)) ->
			claim[s].draining--;
#ifndef DRAINED_UNTOLD
			sweep_woken = sweep_woken || !claim[s].draining
#endif
		:: else
		fi;
		s++
	:: else -> break
	od
}

/* A registered write has ended. */
inline written(w)
{
	under_way = under_way & ~BIT(w);
	both = both & ~BIT(w);
	WAKE(writing_waiters[w]);
#ifndef WRITTEN_UNTOLD
	work_queued = work_queued || writing_waiters[w];
#endif
	writing_waiters[w] = 0;
	drain(w);
#ifdef PARTIAL_WRITE_CLEARS
	pending = pending & ~(MINE(w) & ~claimed)
#endif
}

inline dirty_locked(w)
{
	again = again | (MINE(w) & claimed);
#ifndef DIRTY_UNTOLD
	sweep_woken = sweep_woken || !pending;
#endif
	pending = pending | MINE(w)
}

#ifdef PENDING_LOOKED_AT_FIRST
#define FIRST_LOOK(w)	(!(MINE(w) & ~pending))
#define SECOND_LOOK(w)	(!(MINE(w) & claimed))
#else
#define FIRST_LOOK(w)	(!(MINE(w) & claimed))
#define SECOND_LOOK(w)	(!(MINE(w) & ~pending))
#endif

/* A write has ended that was not done on both devices. */
inline dirty(w)
{
	if
	:: FIRST_LOOK(w) ->
		if
		:: SECOND_LOOK(w)
		:: atomic { !SECOND_LOOK(w) -> d_step { dirty_locked(w) } }
		fi
	:: atomic { !FIRST_LOOK(w) -> d_step { dirty_locked(w) } }
	fi
}

#ifdef CLEAR_AFTER_READ
#define CLEAR_BEFORE_READ(mask)	skip
#define AFTER_READ(i)		d_step { again = again & ~claim[i].chunks }
#else
#define CLEAR_BEFORE_READ(mask)	again = again & ~(mask)
#define AFTER_READ(i)		skip
#endif

#ifdef COPY_DOES_NOT_DRAIN
#define DRAINS(w)	false
#else
#define DRAINS(w)	((under_way & BIT(w)) && (chunks & MINE(w)))
#endif

/* The run that was chosen. The writes under way that its copy has to wait for are counted. */
inline take_claim(i)
{
	claim[i].in_flight = true;
	claim[i].chunks = chunks;
	claimed = claimed | chunks;
	CLEAR_BEFORE_READ(chunks);
	claim[i].draining = DRAINS(0) + DRAINS(1);
	claim[i].drains = (claim[i].draining > 0);
	claim[i].started = !claim[i].drains
}

inline end_claim(i)
{
	claimed = claimed & ~claim[i].chunks;
	WAKE(claim[i].waiters);
	work_queued = work_queued || woken;
	claim[i].waiters = 0;
	claim[i].chunks = 0;
	claim[i].in_flight = false;
	claim[i].started = false;
	sweep_woken = true
}

#ifdef AGAIN_IGNORED
#define FOLLOWED(i)	claim[i].chunks
#else
#define FOLLOWED(i)	(claim[i].chunks & ~again)
#endif

inline finish(i, ok)
{
	if
	:: ok ->
#if defined(WRITE_BLOCKING) && !defined(FAILURES) && !defined(PAUSE)
		saved = saved | claim[i].chunks;
#endif
		pending = pending & ~FOLLOWED(i)
#ifndef RETRY_AT_ONCE
	:: !ok -> first_go = first_go | claim[i].waiters
#endif
	:: else
	fi;
	end_claim(i)
}

/* all_copied(): the end, or ready, which is latched. */
inline finish_flush(i)
{
	if
	:: ends -> state = COMPLETED
	:: !ends && state == RUNNING -> state = READY
	:: else
	fi;
	flushed = true;
	end_claim(i)
}

/* ---- copies ---- */

#ifdef FAILURES
#define OR_FAIL(stmt)	:: stmt
#else
#define OR_FAIL(stmt)
#endif

#define READ(i, to, at)		to = ((claim[i].chunks & CHUNKS_OF(BIT(at))) -> origin[at] : 0)
#define COPY(i, from, at)	target[at] = ((claim[i].chunks & CHUNKS_OF(BIT(at))) -> from : target[at])

inline write_copy(i)
{
	COPY(i, buf0, 0);
	COPY(i, buf1, 1);
	COPY(i, buf2, 2);
	target_cached = true
}

proctype copy(byte i)
{
	byte buf0, buf1, buf2;
	bool ok;

end:	do
	:: d_step { claim[i].started && claim[i].chunks -> READ(i, buf0, 0); READ(i, buf1, 1); READ(i, buf2, 2) };
		AFTER_READ(i);
		atomic {
			if
			:: d_step { write_copy(i); ok = true }
			OR_FAIL(d_step { write_copy(i); ok = false })
			OR_FAIL(ok = false)
			fi;
			buf0 = 0; buf1 = 0; buf2 = 0
		};
		d_step { finish(i, ok); ok = false }
	:: d_step { claim[i].started && !claim[i].chunks -> target_cached = false };
		d_step { finish_flush(i) }
	od
}

#define FREE_SLOT	(!claim[0].in_flight -> 0 : CLAIMS - 1)
#define MAY_SWEEP	(sweep_allowed && !first_go && mirror && state != COMPLETED && !claim[FREE_SLOT].in_flight)
#define MAY_COPY	(MAY_SWEEP && UNCLAIMED)
#define IDLE		(!claim[0].in_flight && !claim[CLAIMS - 1].in_flight)
#define MAY_FLUSH	(MAY_SWEEP && !pending && !flushed && IDLE)
#define HAS_DRAINED(i)	(claim[i].drains && !claim[i].draining)

inline pick_run()
{
	if
	:: chunks = UNCLAIMED
	:: (UNCLAIMED & 1) -> chunks = 1
	:: (UNCLAIMED & 2) -> chunks = 2
	fi
}

/* Sleeps only when it found nothing to do in the very section that decides to sleep, as wait_event() does. */
proctype sweep()
{
	byte slot;

end:	do
	:: d_step { sweep_woken && HAS_DRAINED(0) -> claim[0].drains = false; claim[0].started = true }
#if CLAIMS > 1
	:: d_step { sweep_woken && HAS_DRAINED(1) -> claim[1].drains = false; claim[1].started = true }
#endif
	:: atomic { sweep_woken && MAY_COPY -> pick_run(); d_step { slot = FREE_SLOT; take_claim(slot); slot = 0 } }
	:: d_step { sweep_woken && MAY_FLUSH -> chunks = 0; take_claim(0) }
	:: d_step { sweep_woken && !MAY_COPY && !MAY_FLUSH && !HAS_DRAINED(0) && !HAS_DRAINED(CLAIMS - 1) -> sweep_woken = false }
	od
}

/* ---- writes ---- */

/* It wakes the sweep, which may have waited for a write's first go. */
inline look_again(w)
{
	woken = woken & ~BIT(w);
	resolve(w);
	sweep_woken = true;
	work_queued = (woken != 0)
}

proctype worker()
{
end:	do
	:: d_step { work_queued && (woken & 1) -> look_again(0) }
	:: d_step { work_queued && (woken & 2) -> look_again(1) }
	:: d_step { work_queued && !woken -> work_queued = false }
	od
}

inline pick_range()
{
	if
	:: range[w] = 1
	:: range[w] = 2
	:: range[w] = 3
	:: range[w] = 4
	:: range[w] = 6
	:: w == 0 -> range[w] = 7
	fi
}

/* What the user does to his buffer meanwhile reaches neither half. */
#ifdef NOT_COPIED_FIRST
#define OR_CHANGED_DATA	:: write_target(w, OTHER_DATA)
#else
#define OR_CHANGED_DATA
#endif

#ifdef TARGET_ERROR_FORGOTTEN
#define FAILED_ON_TARGET	skip
#else
#define FAILED_ON_TARGET	failed = true
#endif

inline write_both(w)
{
	origin_left = true;
	target_left = true;
	do
	:: atomic { origin_left -> origin_left = false;
			if
			:: d_step { write_origin(w) }
			OR_FAIL(failed = true)
			OR_FAIL(d_step { write_origin(w); failed = true })
			fi
		}
	:: atomic { target_left -> target_left = false;
			if
			:: d_step { write_target(w, w + 1) }
			OR_CHANGED_DATA
			OR_FAIL(FAILED_ON_TARGET)
			OR_FAIL(d_step { write_target(w, w + 1); FAILED_ON_TARGET })
			fi
		}
	:: atomic { !origin_left && !target_left -> break }
	od
}

#ifdef DIRTY_AFTER_END
#define DIRTY_BEFORE_END(w)	skip
#define DIRTY_AT_LAST(w)	if :: failed -> dirty(w) :: else fi
#else
#define DIRTY_BEFORE_END(w)	if :: failed -> dirty(w) :: else fi
#define DIRTY_AT_LAST(w)	skip
#endif

/* A write that was let go in one mode ends in that, whatever the mode is by then. */
#if defined(SWITCH_WITHOUT_DRAINING)
#define FOLLOWS_LATER(w)	(!(under_way & BIT(w)) && !write_blocking)
#elif defined(END_NOT_NOTED)
#define FOLLOWS_LATER(w)	false
#else
#define FOLLOWS_LATER(w)	(!(under_way & BIT(w)))
#endif

#if WRITES > 0
#define COUNT_WRITE	n++
#define MAY_WRITE	(n < WRITES)
#else
#define COUNT_WRITE	skip
#define MAY_WRITE	true
#endif

/* In background mode what has no data is done on both, and the rest is not. */
inline choose_devices()
{
#ifdef MIXED
	if
	:: asks = mirror
	:: asks = false
	fi
#else
	asks = write_blocking && mirror
#endif
}

proctype writer(byte w)
{
	byte n;
	bool asks, failed, origin_left, target_left;

end:	do
	:: atomic { MAY_WRITE && !blocked -> COUNT_WRITE; pick_range(); choose_devices() };
		d_step {
			if
			:: asks -> resolve(w)
			:: else -> verdict[w] = GO
			fi;
			asks = false
		};
		verdict[w] == GO;
		if
		:: (both & BIT(w)) -> write_both(w); DIRTY_BEFORE_END(w)
		:: else -> d_step { write_origin(w) }
		fi;
		if
		:: FOLLOWS_LATER(w) -> dirty(w)
		:: else ->
			d_step {
				if
				:: (under_way & BIT(w)) -> written(w)
				:: else
				fi;
#ifdef DIRTY_AFTER_END
				verdict[w] = NO_BIO
#endif
			};
			DIRTY_AT_LAST(w)
		fi;
		d_step { verdict[w] = NO_BIO; range[w] = 0; failed = false }
	od
}

/* ---- steering ---- */

/* From background to write-blocking, at any moment; writes that are under way go on as they began. */
proctype switcher()
{
	write_blocking = true;
end:	false
}

/* While it is paused the sweep stands still, and writes that come go to the origin only. */
proctype pauser()
{
	mirror = false;
	d_step { mirror = true; sweep_woken = true };
end:	false
}

#define NR_GIVEN	((range[0] != 0) + (range[1] != 0))

inline stop_sweep()
{
	sweep_allowed = false;
	IDLE
}

inline copy_rest()
{
#if defined(REST_NOT_COPIED)
	state = COMPLETED
#else
	d_step {
		ends = true;
#ifndef FLUSHED_BEFORE
		flushed = false;
#endif
		sweep_allowed = true;
		sweep_woken = true
	};
	state == COMPLETED;
	stop_sweep()
#endif
}

#ifdef ENDS_AT_MESSAGE
#define WANT	wanted = true; ends = true; flushed = false
#else
#define WANT	wanted = true
#endif

/*
 * DM's order: presuspend, freeze (writers still write), block and drain, postsuspend; then the volume is on the target device, or
 * goes on. A suspend before this one may have begun to copy the rest, and been told to stop.
 */
proctype suspender()
{
#ifdef COMPLETE
	atomic { state == READY ->
		if
		:: flushed = false
		:: skip
		fi;
		d_step { WANT; sweep_woken = true }
	};
#else
	stop_sweep();
#endif
	blocked = true;
	NR_GIVEN == 0;
	if
	:: wanted ->
#ifndef ENDS_BEFORE_STOP
		stop_sweep();
#endif
		copy_rest()
	:: else -> IDLE
	fi;
	suspended = true;
#ifndef COMPLETE
	d_step { suspended = false; blocked = false; sweep_allowed = true; sweep_woken = true };
#endif
end:	false
}

/* ---- the rules ---- */

hidden byte M_devices_differ_only_where_it_is_known;
hidden byte M_no_copy_where_a_write_is_under_way;
hidden byte M_writes_to_one_sector_wait_for_each_other;
hidden byte M_completed_is_the_same_and_flushed;
hidden byte M_nothing_is_copied_twice;
hidden byte R3_claims_cover_pending_chunks_once;
hidden byte R10_nothing_in_flight_when_suspended;
hidden byte R13_whoever_can_go_on_is_looked_at;

#define WRITES_TO(w, i)		(verdict[w] == GO && (range[w] & BIT(i)))
#define KNOWN(i)		(((pending | claimed) & CHUNKS_OF(BIT(i))) || WRITES_TO(0, i) || WRITES_TO(1, i))
#define DIFFERS(i)		(origin[i] != target[i])
#define FOR_ANY_SECTOR(cond)	(cond(0) || cond(1) || cond(2))
#define UNKNOWN(i)		(DIFFERS(i) && !KNOWN(i))
#define COPIED_BENEATH(i, w)	(claim[i].started && (claim[i].chunks & MINE(w)) && (under_way & BIT(w)) && verdict[w] == GO)
#define FOR_ANY_CLAIM(w)	(COPIED_BENEATH(0, w) || COPIED_BENEATH(CLAIMS - 1, w))
#define BOTH_GO			(verdict[0] == GO && verdict[1] == GO && under_way == 3 && (range[0] & range[1]))
#if CLAIMS > 1
#define CLAIMS_UNION		(claim[0].chunks | claim[1].chunks)
#define CLAIMS_OVERLAP		(claim[0].chunks & claim[1].chunks)
#else
#define CLAIMS_UNION		claim[0].chunks
#define CLAIMS_OVERLAP		false
#endif

/* Never runs while every rule holds, so it costs no states. */
proctype rules()
{
end:	do
	:: FOR_ANY_SECTOR(UNKNOWN) -> assert(M_devices_differ_only_where_it_is_known)
#ifndef CONTENT_ONLY
	:: FOR_ANY_CLAIM(0) || FOR_ANY_CLAIM(1) -> assert(M_no_copy_where_a_write_is_under_way)
	:: BOTH_GO -> assert(M_writes_to_one_sector_wait_for_each_other)
#endif
	:: state == COMPLETED && (FOR_ANY_SECTOR(DIFFERS) || target_cached) -> assert(M_completed_is_the_same_and_flushed)
	:: (saved & pending) -> assert(M_nothing_is_copied_twice)
	:: CLAIMS_UNION != claimed || CLAIMS_OVERLAP || (claimed & ~pending) -> assert(R3_claims_cover_pending_chunks_once)
	:: suspended && (!IDLE || NR_GIVEN > 0 || held) -> assert(R10_nothing_in_flight_when_suspended)
	:: !work_queued && woken -> assert(R13_whoever_can_go_on_is_looked_at)
	:: !sweep_woken && IDLE && (MAY_COPY || MAY_FLUSH) -> assert(R13_whoever_can_go_on_is_looked_at)
	od
}

init {
	atomic {
		byte i;

#ifndef SYNC_NONE
		pending = ALL_CHUNKS;
		for (i : 0 .. NR_SECTORS - 1) {
			target[i] = OTHER_DATA
		}
#endif
#ifdef WRITE_BLOCKING
		write_blocking = true;
#endif
		for (i : 0 .. NR_WRITERS - 1) {
			run writer(i)
		}
		for (i : 0 .. CLAIMS - 1) {
			run copy(i)
		}
		run worker();
		run sweep();
#ifdef SWITCH
		run switcher();
#endif
#ifdef PAUSE
		run pauser();
#endif
#if defined(SUSPEND) || defined(COMPLETE)
		run suspender();
#endif
#ifndef LIVENESS
		run rules();
#endif
		i = 0
	}
}

/*
 * Beneath a writer that never stops, to be checked under weak fairness. Of two that write to the same sector without end one may
 * always be faster than the worker; so that the other comes to its turn is left to chance.
 */
#ifdef LIVENESS
ltl gets_ready { <> (state == READY) }
ltl held_released { [] (held -> <> !held) }
#endif
