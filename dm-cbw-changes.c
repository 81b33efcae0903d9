// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracking map of a mapped device; see dm-cbw-changes.h for the contract.
 */
#include <linux/atomic.h>
#include <linux/device-mapper.h>
#include <linux/err.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "dm-cbw.h"
#include "dm-cbw-bio.h"
#include "dm-cbw-bits.h"
#include "dm-cbw-changes.h"
#include "dm-cbw-commit.h"
#include "dm-cbw-compat.h"
#include "dm-cbw-late.h"

/* Guards the list, and of each map all but its bits. */
static DEFINE_MUTEX(changes_lock);
static LIST_HEAD(all_changes);

struct cbw_changes {
	struct list_head list;
	struct mapped_device *md;
	struct block_device *origin;
	struct block_device *metadata;	/* NULL: none */
	sector_t len;
	unsigned int chunk_shift;
	unsigned long nr_chunks;

	unsigned int refs;		/* tables */
	struct dm_target *live;		/* of the table that was resumed last; NULL: it is gone */
	bool begun;
	bool lost;			/* writes may have passed unseen */
	bool ended;
	uuid_t generation;

	/*
	 * Set by whoever writes, without a lock. Only while no bio is in flight are any
	 * cleared, or the pointer changed, and then under the lock below.
	 */
	unsigned long *bits;

	/*
	 * What a job took, and owns; NULL: nothing that matters any more. Until it is settled,
	 * and that is durable, it is on the metadata device as well, with the generation of before.
	 */
	const unsigned long *taken;
	bool dropped;
	uuid_t base;			/* of what is on the metadata device */
	spinlock_t pointers;		/* guards the two, taken inside of the mutex */

	struct cbw_commit *commit;	/* NULL: in memory only */
	cbw_bdev_ref origin_ref;
	cbw_bdev_ref metadata_ref;
	struct cbw_late late;		/* from its end on: others do not get the device */
	struct work_struct orphan;
};

struct cbw_taken {
	struct cbw_changes *changes;
	bool took;			/* and that is not settled */
	uuid_t generation;		/* of what was taken */
	uuid_t next;			/* of the map since then */
	unsigned long *bits;		/* before it takes: the next map's, empty */
};

/*----------------------------------------------------------------
 * Bits that several set at a time
 *----------------------------------------------------------------
 */

static void set_bits(unsigned long *bits, unsigned long i, unsigned long mask)
{
	/* Most writes find what they need, and share the cache line then. */
	if ((READ_ONCE(bits[i]) & mask) != mask)
		atomic_long_or(mask, (atomic_long_t *)&bits[i]);
}

bool cbw_changes_note(struct cbw_changes *changes, const struct bio *bio)
{
	unsigned long *bits = READ_ONCE(changes->bits);
	unsigned long first, last, i;

	cbw_chunks_of(bio, changes->chunk_shift, &first, &last);
	for (i = first / BITS_PER_LONG; i <= last / BITS_PER_LONG; i++)
		set_bits(bits, i, cbw_bits_mask(i, first, last));
	return !changes->commit || cbw_commit_passes(changes->commit, bio, first, last);
}

void cbw_changes_submit(struct cbw_changes *changes, struct bio *bio)
{
	unsigned long first, last;

	cbw_chunks_of(bio, changes->chunk_shift, &first, &last);
	if (!changes->commit || cbw_commit_passes(changes->commit, bio, first, last))
		submit_bio_noacct(bio);
	else
		cbw_commit_hold(changes->commit, bio);
}

void cbw_changes_ended(struct cbw_changes *changes, const struct bio *bio)
{
	if (changes->commit)
		cbw_commit_ended(changes->commit, bio);
}

static bool next_changed(const struct cbw_changes *changes, const unsigned long *bits,
			 sector_t *from, sector_t *end)
{
	unsigned long last = changes->nr_chunks - 1;
	unsigned long first;

	if (*from >= changes->len)
		return false;
	first = cbw_bits_find(bits, *from >> changes->chunk_shift, last, true);
	if (first > last)
		return false;
	*from = max(*from, (sector_t)first << changes->chunk_shift);
	first = cbw_bits_find(bits, first, last, false);
	*end = min((sector_t)first << changes->chunk_shift, changes->len);
	return true;
}

bool cbw_changes_next(struct cbw_changes *changes, sector_t *from, sector_t *end)
{
	return next_changed(changes, READ_ONCE(changes->bits), from, end);
}

u64 cbw_changes_count(struct cbw_changes *changes, sector_t start, sector_t end)
{
	const unsigned long *bits = READ_ONCE(changes->bits);
	struct cbw_stretch stretch;
	u64 sectors = 0;

	while (start < end) {
		start = cbw_bits_stretch(start, end, changes->chunk_shift, &stretch);
		sectors += stretch.each * cbw_bits_weight(bits, stretch.first, stretch.last);
	}
	return sectors;
}

unsigned int cbw_changes_chunk(const struct cbw_changes *changes)
{
	return 1U << changes->chunk_shift;
}

struct block_device *cbw_changes_metadata(const struct cbw_changes *changes)
{
	return changes ? changes->metadata : NULL;
}

bool cbw_changes_based(struct cbw_changes *changes)
{
	bool based;

	mutex_lock(&changes_lock);
	based = !uuid_is_null(&changes->generation);
	mutex_unlock(&changes_lock);
	return based;
}

void cbw_changes_info(struct cbw_changes *changes, struct cbw_changes_info *info)
{
	const unsigned long *bits;
	unsigned long i;

	info->kept = !changes->commit ? "memory" :
		     cbw_commit_broken(changes->commit) ? "failed" : "durable";
	mutex_lock(&changes_lock);
	info->generation = changes->generation;
	bits = changes->bits;
	mutex_unlock(&changes_lock);

	info->chunk = 1U << changes->chunk_shift;
	info->nr_changed = 0;
	for (i = 0; i < BITS_TO_LONGS(changes->nr_chunks); i++) {
		info->nr_changed += hweight_long(READ_ONCE(bits[i]));
		cond_resched();
	}
}

/*----------------------------------------------------------------
 * What is kept on the metadata device
 *----------------------------------------------------------------
 */

static void begun(void *owner, const unsigned long *bits, const uuid_t *generation)
{
	struct cbw_changes *changes = owner;
	unsigned long i;

	/* A job takes both or none of them: it may be at its point in time when this comes late. */
	mutex_lock(&changes_lock);
	for (i = 0; i < BITS_TO_LONGS(changes->nr_chunks); i++) {
		set_bits(changes->bits, i, bits[i]);
		cond_resched();
	}
	/* Or broken() comes after this. One that has ended may have begun again, in memory. */
	if (!changes->ended && !cbw_commit_broken(changes->commit)) {
		changes->generation = *generation;
		changes->base = *generation;
	}
	mutex_unlock(&changes_lock);
}

static void bits_to_keep(void *owner, unsigned long first, unsigned long nr,
			 unsigned long *longs)
{
	struct cbw_changes *changes = owner;
	unsigned long i;

	spin_lock(&changes->pointers);
	for (i = 0; i < nr; i++)
		longs[i] = READ_ONCE(changes->bits[first + i]) |
			   (changes->taken ? changes->taken[first + i] : 0);
	spin_unlock(&changes->pointers);
}

/* What was taken and is not settled would be lost with the next generation. */
static void generation_to_keep(void *owner, uuid_t *generation)
{
	struct cbw_changes *changes = owner;

	mutex_lock(&changes_lock);
	*generation = changes->taken && !changes->dropped ? changes->base : changes->generation;
	mutex_unlock(&changes_lock);
}

static void __forget_taken(struct cbw_changes *changes)
{
	lockdep_assert_held(&changes_lock);

	spin_lock(&changes->pointers);
	changes->taken = NULL;
	spin_unlock(&changes->pointers);
	changes->dropped = false;
}

static bool committed(void *owner, const uuid_t *generation)
{
	struct cbw_changes *changes = owner;
	bool fewer;

	mutex_lock(&changes_lock);
	changes->base = *generation;
	fewer = changes->dropped && uuid_equal(generation, &changes->generation);
	if (fewer)
		__forget_taken(changes);
	mutex_unlock(&changes_lock);
	return fewer;
}

static void broken(void *owner)
{
	struct cbw_changes *changes = owner;

	mutex_lock(&changes_lock);
	changes->generation = uuid_null;
	if (changes->dropped)
		__forget_taken(changes);
	mutex_unlock(&changes_lock);
}

static const struct cbw_commit_ops commit_ops = {
	.begun		= begun,
	.bits		= bits_to_keep,
	.generation	= generation_to_keep,
	.committed	= committed,
	.broken		= broken,
};

/*----------------------------------------------------------------
 * Tables come and go
 *----------------------------------------------------------------
 */

static void put_refs(struct cbw_changes *changes)
{
	if (!IS_ERR_OR_NULL(changes->origin_ref))
		cbw_bdev_ref_put(changes->origin_ref);
	if (!IS_ERR_OR_NULL(changes->metadata_ref))
		cbw_bdev_ref_put(changes->metadata_ref);
}

static void free_changes(struct cbw_changes *changes)
{
	cbw_commit_destroy(changes->commit);
	cbw_late_remove(&changes->late);
	put_refs(changes);
	kvfree(changes->bits);
	kfree(changes);
}

/* For when it outlives its table: opening a device that hangs may hang, too. */
static int get_refs(struct cbw_changes *changes, char **error)
{
	*error = "Cannot open the origin device once more";
	changes->origin_ref = cbw_bdev_ref_get(changes->origin->bd_dev);
	if (IS_ERR(changes->origin_ref))
		return PTR_ERR(changes->origin_ref);
	*error = "Cannot open the metadata device once more";
	changes->metadata_ref = cbw_bdev_ref_get(changes->metadata->bd_dev);
	return PTR_ERR_OR_ZERO(changes->metadata_ref);
}

static int create_commit(struct cbw_changes *changes, const struct cbw_changes_config *config,
			 char **error)
{
	struct cbw_commit_config commit = {
		.metadata	= config->metadata,
		.origin		= config->origin,
		.disk		= dm_disk(changes->md),
		.len		= changes->len,
		.chunk_shift	= changes->chunk_shift,
		.name		= dm_device_name(changes->md),
	};
	int r;

	if (!config->metadata)
		return 0;
	/* Before it is read, which a device that hangs does not end. */
	*error = cbw_late_writes(config->metadata);
	if (*error)
		return -EBUSY;
	r = get_refs(changes, error);
	if (r)
		return r;
	changes->commit = cbw_commit_create(&commit, &commit_ops, changes, error);
	r = PTR_ERR_OR_ZERO(changes->commit);
	if (r)
		changes->commit = NULL;
	return r;
}

static struct cbw_changes *create(struct dm_target *ti, const struct cbw_changes_config *config,
				  char **error)
{
	struct cbw_changes *changes = kzalloc(sizeof(*changes), GFP_KERNEL);
	int r = -ENOMEM;

	*error = "Cannot allocate the tracking map";
	if (!changes)
		return ERR_PTR(r);
	changes->md = dm_table_get_md(ti->table);
	changes->origin = config->origin;
	changes->metadata = config->metadata;
	changes->len = ti->len;
	changes->chunk_shift = config->chunk_shift;
	changes->nr_chunks = ((ti->len - 1) >> config->chunk_shift) + 1;
	spin_lock_init(&changes->pointers);
	cbw_late_init(&changes->late);
	changes->bits = kvzalloc(cbw_bits_size(changes->nr_chunks), GFP_KERNEL);
	if (changes->bits)
		r = create_commit(changes, config, error);
	if (!r)
		return changes;

	free_changes(changes);
	return ERR_PTR(r);
}

/* That of the live table: a table that only waits to become live may have another. */
static struct cbw_changes *__find_live(struct mapped_device *md)
{
	struct cbw_changes *changes;

	lockdep_assert_held(&changes_lock);

	list_for_each_entry(changes, &all_changes, list)
		if (changes->md == md && changes->live)
			return changes;
	return NULL;
}

static bool fits(const struct cbw_changes *changes, const struct dm_target *ti,
		 const struct cbw_changes_config *config)
{
	return changes->len == ti->len && changes->origin == config->origin &&
	       changes->metadata == config->metadata &&
	       (changes->chunk_shift == config->chunk_shift || !config->create);
}

/* One that has a metadata device is not lost by mistake. */
static int share(struct dm_target *ti, const struct cbw_changes_config *config,
		 struct cbw_changes **shared, char **error)
{
	struct cbw_changes *changes;
	int r = 0;

	*shared = NULL;
	mutex_lock(&changes_lock);
	changes = __find_live(dm_table_get_md(ti->table));
	if (changes && fits(changes, ti, config)) {
		changes->refs++;
		*shared = changes;
	} else if (changes && changes->metadata && !config->metadata) {
		*error = "Its tracking map has a metadata device: the table must name it";
		r = -EINVAL;
	}
	mutex_unlock(&changes_lock);
	return r;
}

/* No memory is taken under the lock, which is needed while devices are suspended. */
struct cbw_changes *cbw_changes_get(struct dm_target *ti,
				    const struct cbw_changes_config *config, char **error)
{
	struct cbw_changes *changes;
	int r = share(ti, config, &changes, error);

	if (r)
		return ERR_PTR(r);
	if (changes || !config->create)
		return changes;

	changes = create(ti, config, error);
	if (IS_ERR(changes))
		return changes;
	mutex_lock(&changes_lock);
	changes->refs = 1;
	list_add(&changes->list, &all_changes);
	mutex_unlock(&changes_lock);
	return changes;
}

/* Once; not if it never began. Waits for I/O, so outside of the lock. */
static void end(struct cbw_changes *changes)
{
	bool first;

	mutex_lock(&changes_lock);
	first = changes->begun && !changes->ended;
	changes->ended = true;
	mutex_unlock(&changes_lock);
	if (!first || !changes->commit)
		return;
	/* Before it is waited for: others could load a table meanwhile. */
	cbw_late_add(&changes->late, changes->metadata);
	cbw_commit_end(changes->commit, !changes->lost);
}

static void orphan_work(struct work_struct *work)
{
	struct cbw_changes *changes = container_of(work, struct cbw_changes, orphan);

	cbw_commit_finish(changes->commit);
	DMINFO("the last write of an ended tracking map to its metadata device has ended, too");
	free_changes(changes);
	/* cbw_late_module_exit() waits for the rest of this function. */
	module_put(THIS_MODULE);
}

/*
 * When the device itself is destroyed, nothing has passed since it was suspended. Another
 * table may let writes pass already.
 */
void cbw_changes_leave(struct cbw_changes *changes, struct dm_target *ti)
{
	bool lost = false;

	if (!changes)
		return;

	mutex_lock(&changes_lock);
	if (changes->live == ti) {
		changes->live = NULL;
		lost = !cbw_disk_goes(dm_disk(changes->md));
		changes->lost |= lost;
	}
	mutex_unlock(&changes_lock);
	if (lost)
		end(changes);
}

void cbw_changes_put(struct cbw_changes *changes)
{
	bool unused;

	if (!changes)
		return;

	mutex_lock(&changes_lock);
	unused = !--changes->refs;
	if (unused)
		list_del(&changes->list);
	mutex_unlock(&changes_lock);
	if (!unused)
		return;
	end(changes);
	if (!changes->commit || !cbw_commit_hangs(changes->commit)) {
		free_changes(changes);
		return;
	}
	INIT_WORK(&changes->orphan, orphan_work);
	cbw_late_queue(&changes->orphan);
}

/* No write comes yet. One that was ended before is in memory only. */
static void begin(struct cbw_changes *changes)
{
	bool again = changes->begun;

	if (again)
		memset(changes->bits, 0, cbw_bits_size(changes->nr_chunks));
	mutex_lock(&changes_lock);
	changes->begun = true;
	changes->generation = uuid_null;
	changes->base = uuid_null;
	mutex_unlock(&changes_lock);
	if (!again && changes->commit)
		cbw_commit_begin(changes->commit);
}

/* The map that the table before this one had, if it was another; with a reference. */
static struct cbw_changes *displace(struct cbw_changes *changes, struct mapped_device *md)
{
	struct cbw_changes *before;

	mutex_lock(&changes_lock);
	before = __find_live(md);
	if (before && before != changes) {
		before->live = NULL;
		before->lost = true;
		before->refs++;
	} else {
		before = NULL;
	}
	mutex_unlock(&changes_lock);
	return before;
}

void cbw_changes_enter(struct cbw_changes *changes, struct dm_target *ti)
{
	struct cbw_changes *before = displace(changes, dm_table_get_md(ti->table));
	bool anew;

	if (before) {
		end(before);
		cbw_changes_put(before);
	}
	if (!changes)
		return;

	mutex_lock(&changes_lock);
	anew = !changes->live;
	changes->live = ti;
	mutex_unlock(&changes_lock);
	if (anew)
		begin(changes);
}

void cbw_changes_set_policy(struct cbw_changes *changes, bool break_write, u64 timeout)
{
	if (changes->commit)
		cbw_commit_set_policy(changes->commit, break_write, timeout);
}

unsigned int cbw_changes_nr_waiting(const struct cbw_changes *changes)
{
	return changes->commit ? cbw_commit_nr_waiting(changes->commit) : 0;
}

/*----------------------------------------------------------------
 * What a job takes
 *----------------------------------------------------------------
 */

struct cbw_taken *cbw_taken_create(struct cbw_changes *changes)
{
	struct cbw_taken *taken = kzalloc(sizeof(*taken), GFP_KERNEL);

	if (!taken)
		return NULL;
	taken->changes = changes;
	taken->bits = kvzalloc(cbw_bits_size(changes->nr_chunks), GFP_KERNEL);
	if (taken->bits)
		return taken;

	kfree(taken);
	return NULL;
}

void cbw_taken_destroy(struct cbw_taken *taken)
{
	if (!taken)
		return;
	kvfree(taken->bits);
	kfree(taken);
}

static void __give_back(struct cbw_changes *changes, unsigned long first, unsigned long last)
{
	unsigned long i;

	lockdep_assert_held(&changes_lock);

	for (i = first / BITS_PER_LONG; i <= last / BITS_PER_LONG; i++) {
		set_bits(changes->bits, i,
			 changes->taken[i] & cbw_bits_mask(i, first, last));
		cond_resched();
	}
}

static void __give_all_back(struct cbw_changes *changes)
{
	__give_back(changes, 0, changes->nr_chunks - 1);
	__forget_taken(changes);
}

/*
 * What a job before this one has dropped is to be gone from the metadata device first. Where
 * that device fails, it is in what is taken now, and so stays there.
 */
void cbw_taken_take(struct cbw_taken *taken)
{
	struct cbw_changes *changes = taken->changes;
	unsigned long *fresh = taken->bits;

	if (changes->commit)
		cbw_commit_wait(changes->commit);

	mutex_lock(&changes_lock);
	if (changes->taken)
		__give_all_back(changes);
	taken->took = true;
	taken->generation = changes->generation;
	uuid_gen(&taken->next);
	spin_lock(&changes->pointers);
	taken->bits = changes->bits;
	changes->taken = taken->bits;
	changes->bits = fresh;
	spin_unlock(&changes->pointers);
	changes->generation = taken->next;
	mutex_unlock(&changes_lock);
}

bool cbw_taken_next(const struct cbw_taken *taken, sector_t *from, sector_t *end)
{
	return next_changed(taken->changes, taken->bits, from, end);
}

void cbw_taken_give_back(struct cbw_taken *taken, bool base)
{
	struct cbw_changes *changes = taken->changes;

	if (!taken->took)
		return;

	mutex_lock(&changes_lock);
	taken->took = false;
	__give_all_back(changes);
	if (uuid_equal(&changes->generation, &taken->next))
		changes->generation = base ? taken->generation : uuid_null;
	if (!base)
		changes->base = uuid_null;
	mutex_unlock(&changes_lock);
	if (changes->commit)
		cbw_commit_generation(changes->commit);
}

void cbw_taken_give_back_part(struct cbw_taken *taken, sector_t from, sector_t end)
{
	struct cbw_changes *changes = taken->changes;

	if (!taken->took)
		return;

	mutex_lock(&changes_lock);
	__give_back(changes, from >> changes->chunk_shift, (end - 1) >> changes->chunk_shift);
	mutex_unlock(&changes_lock);
}

void cbw_taken_let_go(struct cbw_taken *taken)
{
	struct cbw_changes *changes = taken->changes;

	if (changes->commit)
		cbw_commit_wait(changes->commit);
	mutex_lock(&changes_lock);
	if (changes->taken == taken->bits)
		__give_all_back(changes);
	mutex_unlock(&changes_lock);
}

void cbw_taken_drop(struct cbw_taken *taken)
{
	struct cbw_changes *changes = taken->changes;
	bool kept = false;

	if (!taken->took)
		return;

	mutex_lock(&changes_lock);
	taken->took = false;
	changes->dropped = true;
	/* A device that fails later forgets it itself. */
	kept = changes->commit && !cbw_commit_broken(changes->commit);
	if (!kept)
		__forget_taken(changes);
	mutex_unlock(&changes_lock);
	if (kept)
		cbw_commit_generation(changes->commit);
}
