/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The chunk map: which chunks still have to be saved, which of them are being
 * copied, which of them snapshot views read, and which writes wait for that.
 *
 * It knows nothing of device-mapper, kcopyd or threads, so that it can also be
 * compiled and tested in user space. It never sleeps and never allocates after
 * its creation. Unless a function says otherwise it takes the map's lock
 * itself and may be called from any context.
 *
 * A chunk is
 *   pending   its point-in-time content must still be saved,
 *   claimed   it is pending and a copy of it is in flight,
 *   safe      it is claimed, but pending no more: the copy has its content in memory, writes pass,
 *   saved     neither: writes pass.
 * Only cbw_map_finish() makes a chunk saved, and only after a good copy. Any may also be
 *   released  nobody wants its content any more: if it was pending and unclaimed, it is
 *             neither from then on, as if it were saved, and reads of views fail;
 *   excluded  it was never to be saved: neither, and zeroes for views.
 *
 * Views read pending chunks from the origin, where a write must not come between.
 *
 * A map may follow the writes instead: then nothing is held for what is pending, a chunk
 * that is written to is pending again, and saved means that both devices have the same.
 * Writes that are done on both devices, and copies, wait for each other, chunk by chunk: a
 * write is held while one of its chunks is claimed, or another write to the same sectors is
 * under way; the copy of a claim starts when none of the writes to its chunks is that were
 * under way when it was taken.
 */
#ifndef DM_CBW_MAP_H
#define DM_CBW_MAP_H

#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/types.h>

/* The caps of copies in flight. */
#define CBW_MAX_WRITE_COPIES	32U
#define CBW_MAX_SWEEP_COPIES	64U

/* The cap of those of writes where chunks may become safe. */
#define CBW_MAX_SAFE_COPIES	1024U

/* Chunks that are released at a time. */
#define CBW_MAX_RELEASE		512UL

struct bio;
struct cbw_map;

enum cbw_kind {
	CBW_WRITE,		/* copy-before-write */
	CBW_SWEEP,		/* background */
	CBW_NR_KINDS
};

/*
 * The right to copy one contiguous run of pending chunks. It is taken in the
 * critical section that saw them pending and unclaimed, and ends only when the
 * copy has ended: a timeout ends the wait of a write, never the claim.
 */
struct cbw_claim {
	unsigned long first;
	unsigned long nr;	/* 0: the flush that completes the job */
	enum cbw_kind kind;
	unsigned int slot;	/* in the pool of its kind: the lowest free one was taken */
	void *owner;		/* as given to cbw_map_create() */
	void *copier;		/* whoever copies it */
	bool buffered;		/* what it covers has been read: it may become safe */
	bool safe;
	unsigned int draining;	/* writes that its copy waits for */
	bool drains;		/* there were any: cbw_map_take_drained() gives it to its copier */
	struct list_head start;	/* for whoever took it, until the copy starts */
	struct list_head waiters;
};

/* A write that is under way, in a map that follows. Its owner sets the first two. */
struct cbw_writing {
	u64 start;		/* sectors */
	u64 last;
	bool under_way;		/* false: nobody waits for it. The map's own, as all that follow */
	bool both;		/* it is to be done on both devices */
	struct rb_node node;
	u64 subtree_last;
	struct list_head waiters;
};

/* A write that is held, or about to be. Its owner sets first and last. */
struct cbw_waiter {
	unsigned long first;
	unsigned long last;
	struct cbw_writing *writing;	/* of a map that follows; its owner's, too */
	u64 since;		/* when it was held, ns */
	bool first_go;		/* the sweep's copy that it waited for has failed */
	bool behind_write;	/* it waits for no copy, but for another write */
	struct list_head held;	/* all that are held, oldest first */
	struct list_head wait;	/* one of: waiters of a claim or a reader, woken, failed, starved */
};

/* A snapshot view, of which there may be several. All zeroes at first. */
struct cbw_viewer {
	bool suspended;		/* the map's own */
};

/*
 * A view's read: of chunks that are pending, from the origin, or of some that are safe, from
 * the target device. Its owner sets the first six.
 */
struct cbw_reader {
	unsigned long first;
	unsigned long last;
	struct cbw_viewer *viewer;
	struct bio *bio;	/* for whoever gets it from the map */
	bool may_hold;
	bool must_hold;		/* though its view is suspended */
	bool under_way;		/* false; then the map's own */
	struct list_head list;	/* of those under way, held, or waiting for what is safe */
	struct list_head start;	/* for whoever starts what was held */
	struct list_head waiters;
};

/* What has become of a chunk, in one word. Claimed, if it is pending, says more than that. */
enum cbw_fate {
	CBW_SAVED,
	CBW_PENDING,
	CBW_CLAIMED,
	CBW_RELEASED,
	CBW_EXCLUDED,
	CBW_NR_FATES
};

enum cbw_verdict {
	CBW_IDLE,		/* nothing to decide now */
	CBW_AGAIN,		/* its chunks have changed: look at them again */
	CBW_HOLD,		/* stays held */
	CBW_GO,			/* may be submitted to the origin */
	CBW_FAIL,		/* end it with an error */
	CBW_REQUEUE,		/* hand it back to whom it came from */
};

/*
 * @owner is stored in each claim; no copy is longer than @max_run chunks.
 * Every chunk is @pending, or none. The sweep is off until cbw_map_allow_sweep().
 * May sleep. Returns NULL when memory is short.
 */
struct cbw_map *cbw_map_create(unsigned long nr_chunks, unsigned long max_run,
			       bool pending, void *owner);

/* The chunks [first, last] are pending. Before anything else happens; takes no lock. */
void cbw_map_want(struct cbw_map *map, unsigned long first, unsigned long last);

/* Nothing may be held or in flight. NULL is fine. May sleep. */
void cbw_map_destroy(struct cbw_map *map);

/*
 * Is a chunk of [first, last] pending? Takes no lock. When the answer is no,
 * what the caller does next is ordered after the copies that saved the chunks.
 */
bool cbw_map_pending(const struct cbw_map *map, unsigned long first,
		     unsigned long last);

/*
 * May a write of [first, last] pass: is none of it pending, and none being read
 * from the origin by a view? Takes no lock; ordered as cbw_map_pending(). No may
 * be wrong: cbw_map_hold() tells.
 */
bool cbw_map_passes(const struct cbw_map *map, unsigned long first,
		    unsigned long last);

/* Has a write of [first, last] to wait? Of one moment, and exact but for what could be safe. */
bool cbw_map_waits(struct cbw_map *map, unsigned long first, unsigned long last);

/*
 * The first chunk of [first, last], which may be empty, that is pending, or is not; last + 1
 * if there is none. Takes no lock: the end of a run is to be looked for behind its first
 * chunk, which may not belong to it any more.
 */
unsigned long cbw_map_find(const struct cbw_map *map, unsigned long first,
			   unsigned long last, bool pending);

/* Has the map been broken? Takes no lock; acquires. */
bool cbw_map_broken(const struct cbw_map *map);

/*
 * Decide over a new write: CBW_GO, CBW_HOLD or, if it @may_requeue, CBW_REQUEUE.
 * Claims that were taken for it are added to @claims (by cbw_claim.start), and
 * the caller starts their copies.
 */
enum cbw_verdict cbw_map_hold(struct cbw_map *map, struct cbw_waiter *waiter,
			      u64 now, bool may_requeue,
			      struct list_head *claims);

/*
 * Take the next held write that can be decided over, and look at its whole
 * range again. CBW_GO, CBW_FAIL: *@waiter is no longer held and belongs to the
 * caller. CBW_HOLD: it goes on waiting. CBW_IDLE: there was none. *@more: call
 * again. Claims as in cbw_map_hold().
 */
enum cbw_verdict cbw_map_next(struct cbw_map *map, struct cbw_waiter **waiter,
			      struct list_head *claims, bool *more);

/*
 * The next run of pending, unclaimed chunks at or after *@cursor for the
 * sweep, @max_run at most, or NULL. *@cursor moves behind it, or to the end of the map when
 * there is none left. When a copy of the sweep was not saved, there is none
 * until the writes that were held on it have gone on, or wait for another copy.
 * If it drains, its copy must not start yet.
 */
struct cbw_claim *cbw_map_claim_sweep(struct cbw_map *map, unsigned long *cursor,
				      unsigned long max_run);

/* Is nothing left for a sweep at @cursor but to begin again? Takes no lock. */
bool cbw_map_at_end(const struct cbw_map *map, unsigned long cursor);

/* Is any chunk pending that nobody copies? Of one moment; takes no lock. */
bool cbw_map_unclaimed(const struct cbw_map *map);

/* The claim for the last flush: all is saved, nothing is in flight; or NULL. */
struct cbw_claim *cbw_map_claim_flush(struct cbw_map *map);

/*
 * The copy of @claim has ended. Its chunks are saved if @saved, unless the map
 * is broken; else they stay pending. Its waiters are decided over anew, or
 * fail if @fail_waiters. True: cbw_map_next() has work.
 */
bool cbw_map_finish(struct cbw_map *map, struct cbw_claim *claim, bool saved,
		    bool fail_waiters);

/*
 * Writes need not wait until a chunk is saved: it may be safe before that. Of those copies
 * that writes cause @nr may be in flight, 1 to CBW_MAX_SAFE_COPIES. Not of a map that follows.
 * Before anything else happens. May sleep. 0 or -ENOMEM.
 */
int cbw_map_may_be_safe(struct cbw_map *map, unsigned int nr);

/*
 * What @claim covers has been read, and will be written to the target device. It becomes safe
 * if a write waits for it, or comes. True: cbw_map_next() has work.
 */
bool cbw_map_buffered(struct cbw_map *map, struct cbw_claim *claim);

/*
 * The copy of @claim has failed, so it cannot become safe any more. True: it is, and the map is
 * to be broken before cbw_map_finish(), as what it covered may be nowhere any more.
 */
bool cbw_map_lost(struct cbw_map *map, struct cbw_claim *claim);

/*
 * The first chunk of [first, last], none of which is pending, that is @safe, or is not; last
 * + 1 if there is none. Takes no lock; to be asked after cbw_map_find(). It may be saved by now.
 */
unsigned long cbw_map_find_safe(const struct cbw_map *map, unsigned long first,
				unsigned long last, bool safe);

/*
 * A read of chunks of which some are safe. CBW_HOLD: until cbw_map_take_saved_read() or
 * cbw_map_take_unsaved_read() return it. CBW_AGAIN: all are saved. CBW_FAIL: the map is broken.
 */
enum cbw_verdict cbw_map_await_saved(struct cbw_map *map, struct cbw_reader *reader);

/* One of which all is saved, and one of any, when the map is broken; NULL if there is none. */
struct cbw_reader *cbw_map_take_saved_read(struct cbw_map *map);
struct cbw_reader *cbw_map_take_unsaved_read(struct cbw_map *map);

/*
 * For good: nothing becomes saved any more, every write passes; those that are
 * held do with the next cbw_map_next().
 */
void cbw_map_break(struct cbw_map *map);

/* While it is off no sweep claim is given out. */
void cbw_map_allow_sweep(struct cbw_map *map, bool allow);

/* Is it on? Of one moment; takes no lock. */
bool cbw_map_sweep_allowed(const struct cbw_map *map);

/* While it is on, new writes that may get CBW_REQUEUE, whatever else is true. */
void cbw_map_requeue(struct cbw_map *map, bool requeue);

/* Is it on? Of one moment; takes no lock. */
bool cbw_map_requeues(const struct cbw_map *map);

/*
 * Begin a read of the origin. CBW_GO: until cbw_map_read_done() no write passes to
 * its chunks. CBW_HOLD: reads are stopped. CBW_REQUEUE: they are stopped, and it may
 * not be held, or its view is suspended. CBW_AGAIN: not all of it is pending any more.
 * CBW_FAIL: the map is broken.
 */
enum cbw_verdict cbw_map_read(struct cbw_map *map, struct cbw_reader *reader);

/* A read that has begun has ended. True: cbw_map_next() has work. */
bool cbw_map_read_done(struct cbw_map *map, struct cbw_reader *reader);

/* No read begins any more, those under way go on. Then no copy may be in flight. */
void cbw_map_stop_reads(struct cbw_map *map);

/*
 * Reads begin again; no copy was started since they were stopped. Those that were
 * held have begun, and are added to @readers (by cbw_reader.start).
 */
void cbw_map_resume_reads(struct cbw_map *map, struct list_head *readers);

/* While a view is suspended none of its reads is held that need not be. */
void cbw_map_suspend_viewer(struct cbw_map *map, struct cbw_viewer *viewer,
			    bool suspend);

/* A read that is held, of @viewer if it is not NULL, is no longer; NULL if there is none. */
struct cbw_reader *cbw_map_take_held_read(struct cbw_map *map,
					  const struct cbw_viewer *viewer);

/* Before the first cbw_map_release(). May sleep. 0 or -ENOMEM. */
int cbw_map_may_release(struct cbw_map *map);

/*
 * Nobody wants the content of [first, *@last] any more, or of its first chunks, up to
 * *@last, which is set. True: until cbw_map_release_done(), their space on the target
 * device may be given back. False: a copy will still write there, or reads are stopped.
 */
bool cbw_map_release(struct cbw_map *map, unsigned long first, unsigned long *last);
void cbw_map_release_done(struct cbw_map *map);

/* Is any chunk of @claim, which has some, not released? Takes no lock. */
bool cbw_map_wanted(const struct cbw_map *map, const struct cbw_claim *claim);

/* Is any of [first, last] released? Takes no lock; to be asked after what it is to tell of. */
bool cbw_map_released(const struct cbw_map *map, unsigned long first,
		      unsigned long last);

/*
 * What is not listed will be excluded: at first, everything. Before anything else happens.
 * May sleep. 0 or -ENOMEM.
 */
int cbw_map_may_exclude(struct cbw_map *map);

/*
 * Before cbw_map_exclude(): [first, last] are listed or, if not @add, are not, but for those
 * that are saved or claimed. What is claimed is listed, whatever becomes of it. May sleep.
 */
void cbw_map_list(struct cbw_map *map, unsigned long first, unsigned long last, bool add);

/*
 * What is not listed is excluded from now on; chunk by chunk, not all at once. True:
 * cbw_map_next() has work. Once; may sleep.
 */
bool cbw_map_exclude(struct cbw_map *map);

/*
 * The first chunk of [first, last], none of which is pending, that is @excluded, or is
 * saved; last + 1 if there is none. Takes no lock; to be asked after cbw_map_find().
 */
unsigned long cbw_map_find_excluded(const struct cbw_map *map, unsigned long first,
				    unsigned long last, bool excluded);

/*
 * The map follows. A chunk has 1 << @chunk_shift sectors. Before anything else happens. May
 * sleep. 0 or -ENOMEM.
 */
int cbw_map_may_follow(struct cbw_map *map, unsigned int chunk_shift);

/*
 * Of a map that follows: a write to [first, last] has ended that was not done on both
 * devices. True: something is pending where nothing was.
 */
bool cbw_map_dirty(struct cbw_map *map, unsigned long first, unsigned long last);

/* While it is on, cbw_map_hold() lets writes be done on both devices. At first it is off. */
void cbw_map_mirror(struct cbw_map *map, bool mirror);

/* Is it on? Of one moment; takes no lock. */
bool cbw_map_mirrors(const struct cbw_map *map);

/* What cbw_map_written() has made possible. */
#define CBW_LOOK_AGAIN	1U	/* cbw_map_next() has work */
#define CBW_DRAINED	2U	/* so has cbw_map_take_drained() */

/* A write for which cbw_map_hold() or cbw_map_next() has said CBW_GO has ended. */
unsigned int cbw_map_written(struct cbw_map *map, struct cbw_writing *writing);

/* A claim of the sweep that has drained, for its copy to start; NULL if there is none. */
struct cbw_claim *cbw_map_take_drained(struct cbw_map *map);

/* What was flushed is so no more: cbw_map_claim_flush() may give out another claim. */
void cbw_map_flush_again(struct cbw_map *map);

/* At most @nr sweep copies in flight from now on, 1 to CBW_MAX_SWEEP_COPIES. */
void cbw_map_set_sweep_copies(struct cbw_map *map, unsigned int nr);

/*
 * End the wait of the oldest held write, if it was held at @before or earlier;
 * NULL if there is none. The copy that it waited for goes on.
 */
struct cbw_waiter *cbw_map_take_oldest(struct cbw_map *map, u64 before);

/*
 * Since when the oldest held write waits of those that wait for a copy; *@since stays if none
 * does. False when none is held.
 */
bool cbw_map_oldest(struct cbw_map *map, u64 *since);

/*
 * Add to @nr how many chunks of [first, last] have which fate, each as it is when it is looked
 * at. Takes no lock, and looks at every word.
 */
void cbw_map_count(const struct cbw_map *map, unsigned long first, unsigned long last,
		   unsigned long nr[CBW_NR_FATES]);

/* Figures of one moment. Take no lock. */
unsigned long cbw_map_nr_pending(const struct cbw_map *map);
unsigned long cbw_map_nr_excluded(const struct cbw_map *map);
unsigned long cbw_map_nr_saved(const struct cbw_map *map, enum cbw_kind kind);
unsigned int cbw_map_in_flight(const struct cbw_map *map, enum cbw_kind kind);
unsigned int cbw_map_nr_held(const struct cbw_map *map);
unsigned int cbw_map_nr_reading(const struct cbw_map *map);
unsigned int cbw_map_nr_releasing(const struct cbw_map *map);

#endif
