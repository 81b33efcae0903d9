// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a job: table changes, messages, suspends, the destructor, orphans and the end of the module, small enough to try
 * every interleaving. The names are those of dm-cbw-job.c and dm-cbw-copying.c.
 *
 * Modelled: one mapped device and two jobs with the same target device. The first is live; it is replaced by the second at once, or
 * by a linear table and that by the second, unless its constructor refuses; then the device is removed and the module unloaded.
 * Before that a suspend may come and be undone, flushing or noflush. Each job has one chunk, its sweep thread, copies with the steps of
 * copied(), the work items let_go, expire and event, and its destructor, whose waits are those of the code, in its order;
 * cbw_job_end() in its two sections, the state first, then the map. A writer goes through whatever table is live.
 *
 * Not modelled, since cbw.pml has it: who claims what, several writes, the order of held writes, break-write, the flush and with it the
 * state completed. Failed constructors.
 *
 * The rules are stated as in cbw.pml, by the process `rules`; it ends the run with the rule's name; PIT stands for the section
 * "when tables change". Nobody may wait for ever: everything ends in the module's exit, so whoever hangs is an invalid end state.
 *
 * Configuration (-D): WRITES, and what may happen: FAILURES, MESSAGES n, TIMEOUTS (each bounded wait may run out), HANGS (copies of
 * the first job may end only when its table is gone), UNDO, EVENTS. Only the first job has events, a timer and hanging copies.
 *
 * Known-wrong variants (-D): FREED_IN_FLIGHT FREED_IN_CALLBACK SWEEP_NOT_STOPPED TIMER_NOT_CANCELLED LET_GO_NOT_FLUSHED
 * EVENT_NOT_FLUSHED DETACH_DOES_NOT_WAIT ORPHAN_WITHOUT_DEVICES ORPHAN_WITHOUT_MODULE ORPHANS_IGNORED PRERESUME_IGNORES_ORPHANS
 * JOBS_NOT_LOCKED DESTRUCTOR_WAITS SUSPEND_WAITS_FOR_EVER CLAIM_DROPPED_AT_TIMEOUT HELD_NOT_LET_GO MESSAGE_STARTS_JOB
 * PREDECESSOR_LIVES_ON PIT_AT_LOAD UNDO_FORGOTTEN SUSPEND_IGNORES_COPIES. Run by hand as cbw.pml is.
 */

#ifndef WRITES
#define WRITES		1
#endif
#ifndef MESSAGES
#define MESSAGES	0
#endif
#define LINEAR		2
#define NOTHING		3
#define NO_DATA		255

/* Final states are alike here. */
mtype = { NONE, NEW, RUNNING, PAUSED, ENDED };
mtype = { NO_BIO, HELD, GO, REQUEUE };

/* The devices: how many writes had passed. */
byte origin;
byte target = NO_DATA;

/* DM. */
byte live;
bool blocked, suspending, noflush;
byte in_map = NOTHING;
byte in_message = NOTHING;
byte module_refs = 1;
bool unloading;

/* The writer: DM counts its bio while it is given to a table. */
bool writer_busy, bio_given;
mtype verdict = NO_BIO;

bool jobs_lock;

typedef cbw_job {
	mtype state = NONE;
	byte pit;
	bool md, ti, listed;		/* the table's part, the event's, the list's */
	bool table_gone, refs, freed;

	/* The map. */
	bool pending, in_flight, by_sweep, broken, sweep_allowed, requeue;
	bool held;

	/* The copier: one copy is with it, its I/O runs. */
	bool started, copying;
	bool sweep_thread, sweep_should_stop;
	bool let_go_queued, let_go_running;
	bool expire_armed, expire_running;
	bool event_queued, event_running, event_uses_ti;
	bool orphan_running;
	bool suspended, in_callback, looked_at
};
cbw_job job[2];

/* ---- the job ---- */

#define IS_OPEN(j)	(job[j].state == RUNNING || job[j].state == PAUSED)

inline set_state(j, new)
{
	job[j].state = new;
#ifdef EVENTS
	job[j].event_queued = (j == 0)
#else
	skip
#endif
}

inline change_state(j, new)
{
	if
	:: IS_OPEN(j) && job[j].state != new -> set_state(j, new)
	:: else
	fi
}

inline break_map(j)
{
	job[j].broken = true;
#ifndef HELD_NOT_LET_GO
	job[j].let_go_queued = true
#else
	skip
#endif
}

/* Two critical sections: whoever comes second finds a final state, and does not wait for the first to break the map. */
inline job_end(j)
{
	if
	:: d_step { IS_OPEN(j) -> set_state(j, ENDED) };
		d_step { break_map(j) }
	:: d_step { !IS_OPEN(j) -> skip }
	fi
}

/* Nobody waits for the copies any more. */
inline give_up(j)
{
	job_end(j);
#ifdef CLAIM_DROPPED_AT_TIMEOUT
	d_step { job[j].in_flight = false }
#endif
}

/* ---- copies and held writes ---- */

inline let_go(j, result)
{
	job[j].held = false;
	verdict = result
}

/* The one critical section that decides over a write; claims when there is something to copy. */
inline resolve(j)
{
	if
	:: job[j].broken || !job[j].pending -> let_go(j, GO)
	:: else ->
		job[j].held = true;
		verdict = HELD;
		if
		:: !job[j].in_flight -> job[j].in_flight = true; job[j].by_sweep = false; claimed = true
		:: else
		fi
	fi
}

inline start_copies(j)
{
	if
	:: claimed -> d_step { job[j].started = true; claimed = false }
	:: else
	fi
}

inline let_all_go(j)
{
	d_step {
		if
		:: job[j].held -> resolve(j)
		:: else
		fi
	};
	start_copies(j)
}

/* kcopyd and copied(): in_callback, until the tail of the callback has returned. */
proctype copy(byte j)
{
	byte buf;
	bool ok, hangs, claimed;

end:	do
	:: atomic { job[j].started -> job[j].started = false; job[j].copying = true; buf = origin; ok = true;
#ifdef HANGS
			if
			:: j == 0 -> hangs = true
			:: skip
			fi
#endif
		};
		atomic { (!hangs || job[j].table_gone) -> hangs = false;
			if
			:: target = buf
#ifdef FAILURES
			:: ok = false
#endif
			fi;
			buf = 0; job[j].copying = false; job[j].in_callback = true
		};
		if
		:: !ok -> job_end(j)
		:: else
		fi;
		d_step {
			if
			:: ok && !job[j].broken -> job[j].pending = false
			:: else
			fi;
			job[j].in_flight = false
		};
		let_all_go(j);
		/* The tail: it wakes the sweep and whoever waits for idle, then returns to kcopyd. */
		atomic { job[j].in_callback = false; ok = false }
	od
}

#define MAY_SWEEP(j)	(job[j].state == RUNNING && job[j].sweep_allowed && !job[j].broken && job[j].pending && !job[j].in_flight)

proctype sweep(byte j)
{
	bool claimed;

end:	job[j].sweep_thread;
	do
	:: d_step { MAY_SWEEP(j) -> job[j].in_flight = true; job[j].by_sweep = true; claimed = true };
		start_copies(j)
	:: atomic { job[j].sweep_should_stop -> job[j].sweep_thread = false; break }
	od
}

/* ---- work items ---- */

proctype let_go_work(byte j)
{
	bool claimed;

end:	do
	:: d_step { job[j].let_go_queued -> job[j].let_go_queued = false; job[j].let_go_running = true };
		let_all_go(j);
		job[j].let_go_running = false
	od
}

proctype expire_work(byte j)
{
end:	do
	:: d_step { job[j].expire_armed -> job[j].expire_armed = false; job[j].expire_running = true };
		if
		:: job[j].held -> give_up(j)
		:: !job[j].held
		fi;
		job[j].expire_running = false
	od
}

proctype raise_event(byte j)
{
end:	do
	:: d_step { job[j].event_queued ->
			job[j].event_queued = false;
			job[j].event_running = true;
			job[j].event_uses_ti = job[j].ti
		};
		d_step { job[j].event_uses_ti = false; job[j].event_running = false }
	od
}

/* ---- writes and messages ---- */

inline map_bio()
{
	if
	:: live == LINEAR -> verdict = GO
	:: live != LINEAR && noflush && job[live].requeue -> verdict = REQUEUE
	:: else -> resolve(live)
	fi
}

#ifdef TIMEOUTS
#define ARM_TIMEOUT(j)	job[j].expire_armed = (j == 0)
#else
#define ARM_TIMEOUT(j)	skip
#endif

/* .map runs inside DM's read section of the live table, also after the write that it held has gone. */
inline give()
{
	d_step { !blocked && live != NOTHING -> bio_given = true; in_map = live; map_bio() };
	if
	:: in_map != LINEAR ->
		start_copies(in_map);
		if
		:: verdict == HELD -> ARM_TIMEOUT(in_map)
		:: else
		fi
	:: else
	fi;
	in_map = NOTHING
}

proctype writer()
{
	byte n;
	bool claimed;

end:	do
	:: atomic { n < WRITES && !blocked && live != NOTHING -> n++; writer_busy = true };
again:		give();
		if
		:: d_step { verdict == GO -> origin++; verdict = NO_BIO; bio_given = false }
		:: d_step { verdict == REQUEUE -> verdict = NO_BIO; bio_given = false };
			goto again
		fi;
		writer_busy = false
	od
}

proctype message()
{
	byte n, j;

end:	do
	:: d_step { n < MESSAGES && live < LINEAR -> n++; j = live; in_message = j };
		if
		:: d_step { change_state(j, PAUSED) }
#ifdef MESSAGE_STARTS_JOB
		:: d_step { if :: job[j].state == NEW -> set_state(j, RUNNING) :: else -> change_state(j, RUNNING) fi }
#else
		:: d_step { change_state(j, RUNNING) }
#endif
		:: job_end(j)
		fi;
		in_message = NOTHING; j = 0
	od
}

/* ---- suspend ---- */

#if defined(TIMEOUTS) && !defined(SUSPEND_WAITS_FOR_EVER)
#define OR_GIVE_UP(j, cond)	:: atomic { j == 0 && !(cond) -> skip }; give_up(j)
#else
#define OR_GIVE_UP(j, cond)
#endif

inline wait_for(j, cond)
{
	if
	:: cond -> skip
	OR_GIVE_UP(j, cond)
	fi
}

inline hand_back(j)
{
	job[j].requeue = true;
	if
	:: job[j].held -> let_go(j, REQUEUE)
	:: else
	fi
}

inline presuspend(j)
{
	job[j].sweep_allowed = false;
	wait_for(j, !(job[j].in_flight && job[j].by_sweep));
	if
	:: noflush -> d_step { hand_back(j) }
	:: else
	fi
}

inline go_on(j)
{
	job[j].requeue = false;
#ifdef UNDO_FORGOTTEN
	job[j].sweep_allowed = job[j].sweep_allowed || !noflush
#else
	job[j].sweep_allowed = true
#endif
}

inline block_bios()
{
	blocked = true;
	in_map == NOTHING
}

inline postsuspend(j)
{
#ifndef SUSPEND_IGNORES_COPIES
	wait_for(j, !job[j].in_flight);
#endif
	job[j].suspended = true
}

/* The drain ends, or is interrupted: then all goes on, and somebody tries again. */
inline suspend(j)
{
	suspending = true;
	if
	:: noflush = true
	:: noflush = false
	fi;
	presuspend(j);
	block_bios();
	do
	:: !bio_given -> break
#ifdef UNDO
	:: d_step { bio_given -> go_on(j); blocked = false };
		suspending = false;
		d_step { suspending = true; noflush = false };
		presuspend(j);
		block_bios()
#endif
	od;
	noflush = false;
	postsuspend(j)
}

inline resume(j)
{
	d_step { job[j].suspended = false; go_on(j) };
	d_step { blocked = false; suspending = false }
}

/* ---- creation and destruction ---- */

inline lock_jobs()
{
	atomic { !jobs_lock -> jobs_lock = true }
}

inline unlock_jobs()
{
	jobs_lock = false
}

#define ORPHAN_WRITES(j)	(job[j].listed && job[j].state == ENDED && job[j].in_flight)

#ifdef ORPHANS_IGNORED
#define CONFLICT	false
#else
#define CONFLICT	(!job[0].md && ORPHAN_WRITES(0))
#endif

/* The table of a new job; `refused` if it finds an orphan. */
inline construct(j)
{
	lock_jobs();
	d_step {
		if
		:: CONFLICT -> refused = true
		:: else ->
			job[j].state = NEW; job[j].listed = true; job[j].md = true; job[j].ti = true; job[j].refs = true;
			job[j].pending = true; job[j].sweep_thread = true; job[j].pit = origin;
			module_refs++
		fi
	};
	unlock_jobs()
}

#if defined(ORPHANS_IGNORED) || defined(PRERESUME_IGNORES_ORPHANS)
#define CLEAN(j)	true
#else
#define CLEAN(j)	(!ORPHAN_WRITES(j))
#endif

/* At the first resume. The predecessor ends, whether by this or before. */
inline preresume(j, old)
{
	lock_jobs();
	if
	:: job[j].state == NEW && job[old].listed ->
		job[old].looked_at = true;
#ifndef PREDECESSOR_LIVES_ON
		if
		:: job[old].md -> job_end(old)
		:: else
		fi;
#endif
		clean = CLEAN(old);
		job[old].looked_at = false
	:: else -> clean = true
	fi;
	unlock_jobs();
	d_step {
		if
		:: job[j].state == NEW -> set_state(j, RUNNING);
#ifndef PIT_AT_LOAD
			job[j].pit = origin
#endif
		:: else
		fi
	};
	if
	:: !clean -> job_end(j)
	:: else
	fi
}

/* What runs in the job's own workqueue, copier and thread ends first; then nobody finds it; then it is freed. */
inline free_copying(j)
{
#ifndef SWEEP_NOT_STOPPED
	job[j].sweep_should_stop = true;
	!job[j].sweep_thread;
#endif
#if !defined(FREED_IN_FLIGHT) && !defined(FREED_IN_CALLBACK)
	!job[j].started && !job[j].copying && !job[j].in_callback;
#endif
#ifndef TIMER_NOT_CANCELLED
	job[j].expire_armed = false;
	!job[j].expire_running;
#endif
#ifndef LET_GO_NOT_FLUSHED
	!job[j].let_go_queued && !job[j].let_go_running;
#endif
#ifndef JOBS_NOT_LOCKED
	lock_jobs();
#endif
	d_step { job[j].listed = false };
#ifndef JOBS_NOT_LOCKED
	unlock_jobs();
#endif
#ifndef EVENT_NOT_FLUSHED
	!job[j].event_queued && !job[j].event_running;
#endif
	d_step {
		job[j].freed = true; job[j].refs = false;
		job[j].state = ENDED; job[j].broken = true; job[j].pending = false; job[j].requeue = false; job[j].by_sweep = false;
		job[j].pit = 0; job[j].suspended = false; job[j].sweep_should_stop = false
	}
}

proctype orphan_work(byte j)
{
	!job[j].in_flight;
	free_copying(j);
#ifndef ORPHAN_WITHOUT_MODULE
	module_refs--;
#endif
	job[j].orphan_running = false
}

inline make_orphan(j)
{
	d_step {
#ifndef ORPHAN_WITHOUT_MODULE
		module_refs++;
#endif
#ifdef ORPHAN_WITHOUT_DEVICES
		job[j].refs = false;
#endif
		job[j].orphan_running = true
	};
	run orphan_work(j)
}

#if defined(DESTRUCTOR_WAITS) || defined(FREED_IN_FLIGHT)
#define MUST_BE_ORPHAN(j)	false
#else
#define MUST_BE_ORPHAN(j)	job[j].in_flight
#endif

/*
 * After the last reader of the table has left it. Whatever comes late to end the job, finds it ended; what it then queues, free_copying()
 * waits for.
 */
inline destroy(j)
{
	in_map != j && in_message != j;
	job_end(j);
#ifndef LET_GO_NOT_FLUSHED
	!job[j].let_go_queued && !job[j].let_go_running;
#endif
#ifndef TIMER_NOT_CANCELLED
	job[j].expire_armed = false;
	!job[j].expire_running;
#endif
	lock_jobs();
	job[j].md = false;
	unlock_jobs();
	job[j].ti = false;
#if !defined(EVENT_NOT_FLUSHED) && !defined(DETACH_DOES_NOT_WAIT)
	!job[j].event_queued && !job[j].event_running;
#endif
	if
	:: MUST_BE_ORPHAN(j) -> make_orphan(j)
	:: else -> free_copying(j)
	fi;
	d_step { job[j].table_gone = true; module_refs-- }
}

inline unload()
{
	d_step { module_refs == 0 -> unloading = true };
	!job[0].orphan_running && !job[1].orphan_running
}

/* ---- what DM does with the device ---- */

proctype dm()
{
	bool refused, clean;

#ifdef UNDO
	suspend(0);
	resume(0);
#endif
	if
	:: construct(1);
		suspend(0);
		live = 1
	:: suspend(0);
		live = LINEAR;
		d_step { blocked = false; suspending = false };
		destroy(0);
		construct(1);
		if
		:: refused
		:: else -> block_bios(); !bio_given; live = 1
		fi
	fi;
	if
	:: !refused ->
		preresume(1, 0);
		resume(1);
		if
		:: !job[0].table_gone -> destroy(0)
		:: else
		fi;
		/* The removal: nobody has it open. */
		d_step { !writer_busy -> blocked = true; suspending = true };
		presuspend(1);
		postsuspend(1);
		live = NOTHING;
		destroy(1)
	:: else -> d_step { !writer_busy -> live = NOTHING }
	fi;
	unload()
}

/* ---- the rules ---- */

hidden byte R1_pending_chunk_unchanged_on_origin;
hidden byte R4_R5_saved_chunk_holds_pit_content;
hidden byte R10_nothing_in_flight_when_suspended;
hidden byte R10_sweep_may_go_on_after_resume_or_undo;
hidden byte R11_nothing_runs_on_freed_memory;
hidden byte R14_copies_have_their_devices;
hidden byte R14_module_stays_while_copies_run;
hidden byte R15_event_of_a_table_that_is_there;
hidden byte PIT_ends_the_predecessor;

#define GOOD(j)			(live == j && IS_OPEN(j))
#define ANY(rule)		(rule(0) || rule(1))
#define CHANGED(j)		(GOOD(j) && job[j].pending && origin != job[j].pit)
#define SAVED_WRONG(j)		(GOOD(j) && !job[j].pending && target != job[j].pit)
#define LEFT_IN_FLIGHT(j)	(job[j].suspended && job[j].in_flight && IS_OPEN(j))
#define LEFT_OFF(j)		(live == j && !suspending && !blocked && !job[j].sweep_allowed)
#define USED_BY_WORK(j)		(job[j].let_go_queued || job[j].let_go_running || job[j].expire_armed || \
				 job[j].expire_running || job[j].event_queued || job[j].event_running)
#define USED(j)			(USED_BY_WORK(j) || job[j].started || job[j].copying || job[j].in_callback || job[j].in_flight || \
				 job[j].held || job[j].looked_at || job[j].sweep_thread || job[j].listed || in_map == j || in_message == j)
#define USED_AFTER_FREE(j)	(job[j].freed && USED(j))
#define WITHOUT_DEVICES(j)	(job[j].copying && !job[j].refs && job[j].table_gone)
#define WITHOUT_MODULE(j)	(unloading && job[j].in_flight)
#define WITHOUT_TABLE(j)	(job[j].event_uses_ti && job[j].table_gone)

proctype rules()
{
end:	do
	:: ANY(CHANGED) -> assert(R1_pending_chunk_unchanged_on_origin)
	:: ANY(SAVED_WRONG) -> assert(R4_R5_saved_chunk_holds_pit_content)
	:: ANY(LEFT_IN_FLIGHT) -> assert(R10_nothing_in_flight_when_suspended)
	:: ANY(LEFT_OFF) -> assert(R10_sweep_may_go_on_after_resume_or_undo)
	:: ANY(USED_AFTER_FREE) -> assert(R11_nothing_runs_on_freed_memory)
	:: ANY(WITHOUT_DEVICES) -> assert(R14_copies_have_their_devices)
	:: ANY(WITHOUT_MODULE) -> assert(R14_module_stays_while_copies_run)
	:: ANY(WITHOUT_TABLE) -> assert(R15_event_of_a_table_that_is_there)
	:: live == 1 && IS_OPEN(1) && IS_OPEN(0) -> assert(PIT_ends_the_predecessor)
	od
}

init {
	atomic {
		byte j;

		job[0].state = RUNNING; job[0].listed = true; job[0].md = true; job[0].ti = true; job[0].refs = true;
		job[0].pending = true; job[0].sweep_thread = true; job[0].sweep_allowed = true;
		for (j : 0 .. 1) {
			run copy(j);
			run sweep(j);
			run let_go_work(j)
		}
#ifdef TIMEOUTS
		run expire_work(0);
#endif
#ifdef EVENTS
		run raise_event(0);
#endif
		run writer();
#if MESSAGES > 0
		run message();
#endif
		run dm();
		run rules();
		j = 0
	}
}
