// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads of the snapshot view against writes, copies and table changes: the protocol that Documentation/design.rst gives under
 * "Reads of the snapshot view", small enough to try every interleaving.
 *
 * Modelled: two chunks with their content on both devices; two writers, each with the lock-free look of .map in its two steps;
 * two view reads, which go from run to run, register while they read the origin, and may overlap; copies that read, write and may
 * fail, one at a time; held writes, the worker that looks again, the timeout; one suspend that ends in a resume of the same table,
 * in another table (linear, or cbw with the same target device) or in a removal. One atomic block = one critical section of
 * map->lock, or one lock-free look.
 *
 * Not modelled, since cbw.pml has it: who claims what, the order of held writes, requeueing, what an error makes of a write. A write
 * that finds the one claim in use waits for that to end. A read takes its data at one moment between its start and its end; any
 * moment is tried, so a read that takes them piece by piece adds nothing. References to devices are in life.pml. Nor is a view's own
 * suspend, nor a timeout after the job has completed; and a failed copy of a released chunk fails the job here, in the code it does not.
 *
 * The rules are stated as in cbw.pml, by the process `rules` or where a read ends; the run ends with the rule's name. Whoever waits for
 * ever is an invalid end state, or, where reads and writes come without end, breaks a formula at the end of this file.
 *
 * Configuration (-D): WRITES per writer, READS per reader (0: for ever), BREAK_WRITE (otherwise break-snapshot), and what may
 * happen: FAILURES, TIMEOUTS n, TABLE_CHANGE, RELEASES n, CANCEL; NR_WRITERS, NR_READERS 1|2; SYNC_NONE: no sweep; LIST: the job is
 * held, with any of the chunks not listed, and starts at any moment; SAFE (not with BREAK_WRITE): writes go on when what they
 * overwrite is in the buffer of its copy, and reads of that await the end of the copy.
 *
 * Known-wrong variants (-D): READ_WITHOUT_HOLD READ_REGISTERED_LATE READERS_LOOKED_AT_FIRST FAST_PATH_IGNORES_READERS
 * LET_GO_IGNORES_READERS EXPIRED_IGNORES_READERS ONE_READER_FOR_ALL READER_ENDS_SILENTLY READERS_AWAITED_FIRST CLEAR_BEFORE_WRITE
 * BREAK_NOT_RECHECKED LATCH_AFTER_LET_GO SUSPEND_IGNORES_READS READS_WHILE_SUSPENDED HELD_READS_FORGOTTEN
 * VIEW_CLOSED_BY_DESTRUCTOR TARGET_READ_NOT_RECHECKED RELEASE_NOT_RECHECKED RELEASED_AFTER_PENDING SUSPEND_IGNORES_RELEASES
 * SAVED_EXCLUDED; with SAFE: SAFE_BEFORE_READ SAFE_READ_FROM_TARGET SAFE_READ_NOT_RECHECKED SAVED_NOT_TOLD UNSAVED_NOT_TOLD
 * LOST_BREAKS_NOTHING LOST_LEFT_TO_CANCEL.
 * Run by hand as cbw.pml is.
 */

#ifndef WRITES
#define WRITES		1
#endif
#ifndef READS
#define READS		1
#endif
#ifndef TIMEOUTS
#define TIMEOUTS	0
#endif
#ifndef RELEASES
#define RELEASES	0
#endif
#ifndef NR_WRITERS
#define NR_WRITERS	2
#endif
#ifndef NR_READERS
#define NR_READERS	2
#endif

#define BIT(i)		(1 << (i))
#define ALL_CHUNKS	3

mtype = { NO_BIO, NEW, NOT_PENDING, HELD, GO, EXPIRED, NOT_PENDING_EXPIRED, EIO };

/* Bit c set = chunk c holds something newer than the PIT, or another PIT's; target_has: the target device holds anything at all. */
byte origin_new, target_new, target_has;

/* The map. The one claim: its chunks, and the writes that wait for its end. */
byte pending = ALL_CHUNKS;
byte claimed;
byte claim_waiters;
byte held, woken;
bool broken;

/* What the claim covers is in the buffer of its copy; it is safe: not pending any more. */
bool buffered, safe;

/* A read of what is safe awaits the end of its claims. The state is final, though the map may not be broken yet. */
byte awaiting[2];
bool ended;

/* A read of the origin is registered with its chunks and the writes that wait for its end. */
byte reading[2];
byte read_waiters[2];
bool read_held[2];
byte held_run[2];

/* Nobody wants these any more; these are being discarded on the target device. */
byte released, releasing;

/* Excluded, or pending and not listed; the job is not held any more; what was ever claimed. */
byte excluded;
bool started;
byte ever_claimed;

/* Reads that need the origin are held; no read succeeds any more. */
bool reads_stopped, closed;

byte range[2];
mtype verdict[2] = NO_BIO;

/* DM: no new bio passes; the table is another's. */
bool blocked, suspended, replaced;

#define NR_READING	((reading[0] != 0) + (reading[1] != 0))
#define READ_BY(r, m)	(reading[r] & (m))
#define READ_BY_ANY(m)	(READ_BY(0, m) || READ_BY(1, m))
#define INVALID		(broken || closed)

/* The rules. */
hidden byte R1_pending_chunk_unchanged_on_origin;
hidden byte R7_write_waits_for_reads_under_way;
hidden byte R7_view_reads_the_point_in_time;
hidden byte R10_no_read_of_origin_while_suspended;
hidden byte R10_no_discard_while_suspended;

/* ---- held writes ---- */

inline let_go(w, result)
{
	held = held & ~BIT(w);
	verdict[w] = result
}

inline hold(w)
{
	held = held | BIT(w);
	verdict[w] = HELD
}

/* What is copied is not excluded. */
#ifdef LIST
#ifdef SAVED_EXCLUDED
#define UNLISTED	excluded
#else
#define UNLISTED	(excluded & ~claimed)
#endif
#define NOTE_CLAIM	ever_claimed = ever_claimed | claimed; excluded = UNLISTED
#define MAY_SWEEP	started
#else
#define NOTE_CLAIM	skip
#define MAY_SWEEP	true
#endif

inline hold_on_claim(w)
{
	hold(w);
	claimed = (claimed -> claimed : pending & range[w]);
	NOTE_CLAIM;
	claim_waiters = claim_waiters | BIT(w)
}

inline hold_on_reader(w)
{
	hold(w);
	if
	:: READ_BY(0, range[w]) -> read_waiters[0] = read_waiters[0] | BIT(w)
	:: else -> read_waiters[1] = read_waiters[1] | BIT(w)
	fi
}

/* Writes pass from now on. */
inline make_safe()
{
	safe = true;
	pending = pending & ~claimed
}

/* A write has come to what is in the buffer. */
inline use_buffer(w)
{
#ifdef SAFE
	if
	:: !broken && buffered && (claimed & pending & range[w]) -> make_safe()
	:: else
	fi
#else
	skip
#endif
}

/* `readers`: whether reads of the origin count; the pending chunks come first, so that reads cannot keep a copy from starting. */
inline resolve(w, readers)
{
	use_buffer(w);
	if
	:: broken -> let_go(w, GO)
#ifdef READERS_AWAITED_FIRST
	:: !broken && READ_BY_ANY(range[w]) -> hold_on_reader(w)
	:: !broken && !READ_BY_ANY(range[w]) && (pending & range[w]) -> hold_on_claim(w)
#else
	:: !broken && (pending & range[w]) -> hold_on_claim(w)
	:: !broken && !(pending & range[w]) && (readers) && READ_BY_ANY(range[w]) -> hold_on_reader(w)
#endif
	:: else -> let_go(w, GO)
	fi
}

inline leave_lists(w)
{
	woken = woken & ~BIT(w);
	claim_waiters = claim_waiters & ~BIT(w);
	read_waiters[0] = read_waiters[0] & ~BIT(w);
	read_waiters[1] = read_waiters[1] & ~BIT(w)
}

/* Where no read can succeed, no rule speaks of the content: one state instead of many. */
#if defined(BREAK_NOT_RECHECKED) || defined(TARGET_READ_NOT_RECHECKED)
#define FORGOTTEN	false
#else
#define FORGOTTEN	INVALID
#endif

inline forget_content()
{
	origin_new = (FORGOTTEN -> 0 : origin_new);
	target_new = (FORGOTTEN -> 0 : target_new);
	target_has = (FORGOTTEN -> 0 : target_has)
}

/* What is safe will not be saved: it is pending again, for those who ask what was not. */
inline lose_safe()
{
	pending = (safe -> pending | claimed : pending);
	safe = false
}

inline wake_all_held()
{
	woken = held;
	claim_waiters = 0;
	read_waiters[0] = 0;
	read_waiters[1] = 0
}

#ifdef LATCH_AFTER_LET_GO
inline break_job()
{
	d_step {
		if :: held & 1 -> let_go(0, GO) :: else fi;
		if :: held & 2 -> let_go(1, GO) :: else fi;
		wake_all_held()
	};
	d_step { broken = true; lose_safe(); forget_content(); wake_all_held() }
}
#else
inline break_job()
{
	d_step { broken = true; lose_safe(); forget_content(); wake_all_held() }
}
#endif

/* ---- processes ---- */

#ifdef FAILURES
#define MAY_FAIL	:: ok = false
#else
#define MAY_FAIL
#endif

inline clear_pending()
{
	pending = pending & ~claimed
}

inline get_buffered()
{
	buffered = true;
	if
	:: claim_waiters && !broken -> make_safe(); woken = woken | claim_waiters; claim_waiters = 0
	:: else
	fi
}

inline end_claim(saved)
{
#ifndef CLEAR_BEFORE_WRITE
	if
	:: saved && !broken -> clear_pending()
	:: else
	fi;
#endif
	buffered = false;
	safe = false;
	if
	:: (saved) ->
		woken = woken | claim_waiters
	:: else ->
#ifdef BREAK_WRITE
		if :: claim_waiters & 1 -> let_go(0, EIO) :: else fi;
		if :: claim_waiters & 2 -> let_go(1, EIO) :: else fi
#else
		woken = woken | claim_waiters
#endif
	fi;
	claim_waiters = 0;
	claimed = 0
}

#if defined(LOST_BREAKS_NOTHING)
#define LOST_BREAKS	false
#elif defined(LOST_LEFT_TO_CANCEL)
#define LOST_BREAKS	(!ended)
#else
#define LOST_BREAKS	true
#endif

/* A copy that has failed cannot become safe any more. If it is, the map is broken before the claim ends, by whomever. */
inline fail_copy()
{
	d_step { buffered = false };
	if
	:: safe && LOST_BREAKS -> break_job()
	:: safe && !LOST_BREAKS -> skip
#ifndef BREAK_WRITE
	:: !safe && !ended -> ended = true; break_job()
	:: !safe && ended -> skip
#else
	:: !safe -> skip
#endif
	fi
}

/* Those of which nothing is claimed any more go on, if the map is not broken: its reads are the worker's. */
inline tell_saved(r)
{
#ifndef SAVED_NOT_TOLD
	awaiting[r] = (!broken && !(claimed & awaiting[r]) -> 0 : awaiting[r])
#else
	skip
#endif
}

/* The sweep and the copy engine: whatever is pending is copied at some time, for a write or not. */
proctype copy()
{
	byte buf;
	bool ok;

end:	do
#ifndef SYNC_NONE
	:: atomic { !claimed && pending && !INVALID && !suspended && !blocked && MAY_SWEEP ->
			if
			:: (pending & 1) -> claimed = 1
			:: (pending & 2) -> claimed = 2
			:: pending == 3 -> claimed = 3
			fi;
			NOTE_CLAIM
		}
#endif
	:: atomic { claimed ->
#ifdef SAFE_BEFORE_READ
			d_step { get_buffered() }
		};
		atomic {
#endif
			if
			:: buf = origin_new & claimed; ok = true
			MAY_FAIL
			fi
		};
#if defined(SAFE) && !defined(SAFE_BEFORE_READ)
		d_step { if :: ok -> get_buffered() :: else fi };
#endif
#ifdef CLEAR_BEFORE_WRITE
		d_step { if :: ok && !broken -> clear_pending() :: else fi };
#endif
		atomic {
			if
			:: ok && !broken -> target_new = (target_new & ~claimed) | buf; target_has = target_has | claimed
#if defined(SAFE) && defined(FAILURES)
			:: ok -> ok = false
#endif
			:: else
			fi;
			buf = 0
		};
#ifdef SAFE
		if
		:: !ok -> fail_copy()
		:: else
		fi;
		d_step { end_claim(ok); ok = false };
		d_step { tell_saved(0); tell_saved(1) }
#else
#ifndef BREAK_WRITE
		if
		:: !ok -> break_job()
		:: else
		fi;
#endif
		d_step { end_claim(ok); ok = false }
#endif
	od
}

#ifdef LET_GO_IGNORES_READERS
#define LOOKS_AT_READERS	false
#else
#define LOOKS_AT_READERS	true
#endif

proctype worker()
{
end:	do
	:: d_step { (woken & 1) -> woken = woken & ~1; resolve(0, LOOKS_AT_READERS) }
	:: d_step { (woken & 2) -> woken = woken & ~2; resolve(1, LOOKS_AT_READERS) }
#if defined(SAFE) && !defined(UNSAVED_NOT_TOLD)
	:: d_step { broken && (awaiting[0] || awaiting[1]) -> awaiting[0] = 0; awaiting[1] = 0 }
#endif
	od
}

#if WRITES > 0
#define COUNT_WRITE	n++
#define MAY_WRITE	(n < WRITES)
#else
#define COUNT_WRITE	skip
#define MAY_WRITE	true
#endif

inline complete(w)
{
	verdict[w] = NO_BIO;
	range[w] = 0
}

#ifdef EXPIRED_IGNORES_READERS
#define EXPIRED_WAITS	false
#else
#define EXPIRED_WAITS	READ_BY_ANY(range[w])
#endif

/* .map looks at pending, then at the number of readers, without the lock; so does the timer with a write that has expired. */
proctype writer(byte w)
{
	byte n;

end:	do
	:: atomic { MAY_WRITE && !blocked && !replaced -> COUNT_WRITE;
			if
			:: range[w] = 1
			:: range[w] = 2
			:: range[w] = 3
			fi;
			verdict[w] = NEW
		};
		do
#if defined(READERS_LOOKED_AT_FIRST)
		:: d_step { verdict[w] == NEW && NR_READING -> resolve(w, true) }
		:: d_step { verdict[w] == NEW && !NR_READING -> verdict[w] = NOT_PENDING }
		:: d_step { verdict[w] == NOT_PENDING && (pending & range[w]) -> resolve(w, true) }
		:: d_step { verdict[w] == NOT_PENDING && !(pending & range[w]) -> verdict[w] = GO }
#elif defined(FAST_PATH_IGNORES_READERS)
		:: d_step { verdict[w] == NEW && (pending & range[w]) -> resolve(w, true) }
		:: d_step { verdict[w] == NEW && !(pending & range[w]) -> verdict[w] = GO }
#else
		:: d_step { verdict[w] == NEW && (pending & range[w]) -> resolve(w, true) }
		:: d_step { verdict[w] == NEW && !(pending & range[w]) -> verdict[w] = NOT_PENDING }
		:: d_step { verdict[w] == NOT_PENDING && NR_READING -> resolve(w, true) }
		:: d_step { verdict[w] == NOT_PENDING && !NR_READING -> verdict[w] = GO }
#endif
		:: d_step { verdict[w] == EXPIRED && !broken && (pending & range[w]) -> verdict[w] = EIO }
		:: d_step { verdict[w] == EXPIRED && (broken || !(pending & range[w])) -> verdict[w] = NOT_PENDING_EXPIRED }
		:: d_step { verdict[w] == NOT_PENDING_EXPIRED -> verdict[w] = (!broken && EXPIRED_WAITS -> EIO : GO) }
		:: d_step { verdict[w] == GO -> origin_new = (FORGOTTEN -> 0 : origin_new | range[w]); complete(w) }; break
		:: d_step { verdict[w] == EIO -> complete(w) }; break
		od
	od
}

inline time_out(w)
{
#ifdef BREAK_WRITE
	d_step { (held & BIT(w)) -> leave_lists(w); let_go(w, EXPIRED) }
#else
	atomic { (held & BIT(w)) -> skip };
	break_job()
#endif
}

proctype timer()
{
	byte n;

end:	do
	:: n < TIMEOUTS && held -> n++;
		if
		:: time_out(0)
		:: time_out(1)
		:: !held
		fi
	od
}

#if READS > 0
#define COUNT_READ	n++
#define MAY_READ	(n < READS)
#else
#define COUNT_READ	skip
#define MAY_READ	true
#endif

#define FIRST(m)	((m) & -(m))

/* Of what is not pending; what is claimed still is safe. Without the lock. */
#if defined(SAFE) && !defined(SAFE_READ_FROM_TARGET)
#define FIND_SAFE							\
	is_safe = (!from_origin && !zeroes && (claimed & FIRST(chunks)));	\
	chunks = (from_origin || zeroes -> chunks : chunks & (is_safe -> claimed : ~claimed))
#else
#define FIND_SAFE	skip
#endif

inline find_run()
{
	from_origin = ((pending & FIRST(left)) != 0);
	zeroes = (!from_origin && (excluded & FIRST(left)));
	chunks = (from_origin -> left & pending : left & ~pending & (zeroes -> excluded : ~excluded));
	FIND_SAFE
}

/* One critical section. */
inline await_saved(r)
{
	left = (INVALID -> 0 : left);
	chunks = (INVALID -> 0 : chunks);
#ifdef SAFE_READ_NOT_RECHECKED
	awaiting[r] = chunks;
#else
	awaiting[r] = (claimed & chunks -> chunks : 0);
#endif
	is_safe = false
}

inline register_run(r)
{
#ifndef READ_WITHOUT_HOLD
	reading[r] = chunks
#else
	skip
#endif
}

/* One critical section: the chunks of the run are pending, and the read is registered before they can become saved. */
inline begin_read(r)
{
	if
	:: INVALID -> left = 0
	:: else ->
		find_run();
		if
		:: from_origin && reads_stopped -> read_held[r] = true; held_run[r] = chunks
		:: from_origin && !reads_stopped -> register_run(r)
		:: else
		fi
	fi
}

inline take_data()
{
	bad = (from_origin -> origin_new & chunks : (zeroes -> ever_claimed & chunks : (~target_has | target_new) & chunks));
	bad = (FORGOTTEN -> 0 : bad)
}

inline deregister(r)
{
#ifdef ONE_READER_FOR_ALL
	reading[0] = 0;
	reading[1] = 0;
	woken = woken | read_waiters[0] | read_waiters[1];
	read_waiters[0] = 0;
	read_waiters[1] = 0
#else
	reading[r] = 0;
#ifndef READER_ENDS_SILENTLY
	woken = woken | read_waiters[r];
#endif
	read_waiters[r] = 0
#endif
}

#if defined(BREAK_NOT_RECHECKED)
#define STILL_VALID	(!closed)
#elif defined(TARGET_READ_NOT_RECHECKED)
#define STILL_VALID	(!from_origin || !INVALID)
#else
#define STILL_VALID	(!INVALID)
#endif

#ifdef RELEASE_NOT_RECHECKED
#define RELEASED	false
#else
#define RELEASED	(released & chunks)
#endif

proctype reader(byte r)
{
	byte n, left, chunks, bad;
	bool from_origin, zeroes;
#ifdef SAFE
	bool is_safe;
#endif

end:	do
	:: atomic { MAY_READ -> COUNT_READ;
			if
			:: left = 1
			:: left = 2
			:: left = 3
			fi
		};
		do
		:: left && !read_held[r] && !chunks ->
#ifdef READ_REGISTERED_LATE
			d_step {
				if
				:: INVALID || reads_stopped -> begin_read(r)
				:: else -> find_run()
				fi
			};
			d_step {
				if
				:: chunks && from_origin -> reading[r] = chunks
				:: else
				fi
			}
#else
			d_step { begin_read(r) }
#endif
#ifdef SAFE
		:: left && chunks && is_safe -> d_step { await_saved(r) }
		:: left && chunks && !read_held[r] && !is_safe && !awaiting[r] ->
#else
		:: left && chunks && !read_held[r] ->
#endif
			d_step { take_data() };
			atomic {
				d_step { if :: from_origin -> deregister(r) :: else fi };
				if
				:: STILL_VALID && !RELEASED && bad -> assert(R7_view_reads_the_point_in_time)
				:: STILL_VALID && !RELEASED && !bad -> left = left & ~chunks
				:: else -> left = 0
				fi;
				chunks = 0; bad = 0; from_origin = false; zeroes = false
			}
		:: !left -> break
		od
	od
}

/* The message that ends the list: a chunk at a time is excluded, each in a critical section. */
proctype starter()
{
	d_step { pending = pending & ~(excluded & 1) };
	d_step { pending = pending & ~(excluded & 2) };
	started = true;
end:	false
}

#define MAY_DISCARD	(!(claimed & m) && !reads_stopped && !INVALID)

/* A discard of the view, of one chunk. What is claimed a copy will still write. */
proctype releaser()
{
	byte n, m;

end:	do
	:: atomic { n < RELEASES && !INVALID -> n++;
			if
			:: m = 1
			:: m = 2
			fi
		};
#ifdef RELEASED_AFTER_PENDING
		d_step { pending = (claimed & m -> pending : pending & ~m); releasing = (MAY_DISCARD -> m : 0) };
		d_step { released = released | m };
#else
		d_step {
			released = released | m;
			pending = (claimed & m -> pending : pending & ~m);
			releasing = (MAY_DISCARD -> m : 0)
		};
#endif
		d_step {
			target_new = (FORGOTTEN -> 0 : target_new | releasing);
			releasing = 0;
			m = 0
		}
	od
}

/* The state first, then the map. */
proctype canceller()
{
	ended = true;
	break_job();
end:	false
}

#if TIMEOUTS > 0
#define OR_GIVE_UP(cond)	:: atomic { !(cond) -> skip }; break_job()
#else
#define OR_GIVE_UP(cond)
#endif

/* It has begun then, in the same critical section, and does not look at its chunks again. */
inline let_held_read_go(r, begin)
{
#ifndef HELD_READS_FORGOTTEN
	reading[r] = (read_held[r] && begin -> held_run[r] : reading[r]);
	held_run[r] = 0;
	read_held[r] = false
#else
	skip
#endif
}

inline close_view()
{
	closed = true;
	let_held_read_go(0, false);
	let_held_read_go(1, false)
}

/*
 * postsuspend stops and drains the reads of the origin; resume of the same table lets them go on. A successor of this kind closes
 * the view in preresume, before it copies or lets a write pass; any other table's writes pass before the destructor closes it.
 */
proctype table_change()
{
	blocked = true;
	verdict[0] == NO_BIO && verdict[1] == NO_BIO;
	if
	:: !claimed -> skip
	OR_GIVE_UP(!claimed)
	fi;
#ifndef READS_WHILE_SUSPENDED
	d_step { reads_stopped = true };
#endif
#ifndef SUSPEND_IGNORES_READS
	if
	:: !NR_READING -> skip
	OR_GIVE_UP(!NR_READING)
	fi;
#endif
#ifndef SUSPEND_IGNORES_RELEASES
	if
	:: !releasing -> skip
	OR_GIVE_UP(!releasing)
	fi;
#endif
	suspended = true;
	if
	:: d_step { suspended = false; reads_stopped = false; let_held_read_go(0, true); let_held_read_go(1, true) };
		blocked = false
	:: d_step { suspended = false; replaced = true };
		origin_new = ALL_CHUNKS;
		d_step { close_view() }
	:: d_step { suspended = false; replaced = true };
#ifndef VIEW_CLOSED_BY_DESTRUCTOR
		d_step { close_view() };
#endif
		d_step { target_new = ALL_CHUNKS; target_has = ALL_CHUNKS };
		origin_new = ALL_CHUNKS;
		d_step { close_view() }
	fi;
end:	false
}

/* ---- the rules ---- */

#define WRITES_INTO_A_READ(w)	(verdict[w] == GO && READ_BY_ANY(range[w]))

proctype rules()
{
end:	do
	:: !broken && !replaced && (pending & origin_new) -> assert(R1_pending_chunk_unchanged_on_origin)
	:: !broken && (WRITES_INTO_A_READ(0) || WRITES_INTO_A_READ(1)) -> assert(R7_write_waits_for_reads_under_way)
	:: !broken && suspended && NR_READING -> assert(R10_no_read_of_origin_while_suspended)
	:: !broken && suspended && releasing -> assert(R10_no_discard_while_suspended)
	od
}

init {
	atomic {
		run writer(0);
#if NR_WRITERS > 1
		run writer(1);
#endif
		run reader(0);
#if NR_READERS > 1
		run reader(1);
#endif
		run copy();
		run worker();
#if RELEASES > 0
		run releaser();
#endif
#ifdef LIST
		if
		:: excluded = 1
		:: excluded = 2
		:: excluded = 3
		fi;
		run starter();
#endif
#if TIMEOUTS > 0
		run timer();
#endif
#ifdef CANCEL
		run canceller();
#endif
#ifdef TABLE_CHANGE
		run table_change();
#endif
#ifndef LIVENESS
		run rules();
#endif
	}
}

#ifdef LIVENESS
ltl held_0_let_go { [] ((held & 1) -> <> !(held & 1)) }
#endif
