// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracking map of a mapped device; see dm-cbw-changes.h for the contract.
 */
#include <linux/atomic.h>
#include <linux/device-mapper.h>
#include <linux/err.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "dm-cbw-bio.h"
#include "dm-cbw-bits.h"
#include "dm-cbw-changes.h"

/* Guards the list, and of each map all but its bits. */
static DEFINE_MUTEX(changes_lock);
static LIST_HEAD(all_changes);

struct cbw_changes {
	struct list_head list;
	struct mapped_device *md;
	sector_t len;
	unsigned int chunk_shift;
	unsigned long nr_chunks;

	unsigned int refs;		/* tables */
	struct dm_target *live;		/* of the table that was resumed last; NULL: it is gone */
	bool begun;
	uuid_t generation;

	/*
	 * Set by whoever writes, without a lock. Only while no bio is in flight are any
	 * cleared, or the pointer changed.
	 */
	unsigned long *bits;
};

struct cbw_taken {
	struct cbw_changes *changes;
	bool took;
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

void cbw_changes_note(struct cbw_changes *changes, const struct bio *bio)
{
	unsigned long *bits = READ_ONCE(changes->bits);
	unsigned long first, last, i;

	cbw_chunks_of(bio, changes->chunk_shift, &first, &last);
	for (i = first / BITS_PER_LONG; i <= last / BITS_PER_LONG; i++)
		set_bits(bits, i, cbw_bits_mask(i, first, last));
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
 * Tables come and go
 *----------------------------------------------------------------
 */

static void free_changes(struct cbw_changes *changes)
{
	kvfree(changes->bits);
	kfree(changes);
}

static struct cbw_changes *create(struct dm_target *ti, unsigned int chunk_shift)
{
	struct cbw_changes *changes = kzalloc(sizeof(*changes), GFP_KERNEL);

	if (!changes)
		return NULL;
	changes->md = dm_table_get_md(ti->table);
	changes->len = ti->len;
	changes->chunk_shift = chunk_shift;
	changes->nr_chunks = ((ti->len - 1) >> chunk_shift) + 1;
	changes->bits = kvzalloc(cbw_bits_size(changes->nr_chunks), GFP_KERNEL);
	if (changes->bits)
		return changes;

	free_changes(changes);
	return NULL;
}

/* That of the live table: a table that only waits to become live may have another. */
static struct cbw_changes *find(struct dm_target *ti)
{
	struct mapped_device *md = dm_table_get_md(ti->table);
	struct cbw_changes *changes, *found = NULL;

	mutex_lock(&changes_lock);
	list_for_each_entry(changes, &all_changes, list) {
		if (changes->md == md && changes->live && changes->len == ti->len) {
			changes->refs++;
			found = changes;
			break;
		}
	}
	mutex_unlock(&changes_lock);
	return found;
}

/* No memory is taken under the lock, which is needed while devices are suspended. */
struct cbw_changes *cbw_changes_get(struct dm_target *ti, bool create_one,
				    unsigned int chunk_shift)
{
	struct cbw_changes *changes = find(ti);

	if (changes && create_one && changes->chunk_shift != chunk_shift) {
		cbw_changes_put(changes);
		changes = NULL;
	}
	if (changes || !create_one)
		return changes;

	changes = create(ti, chunk_shift);
	if (!changes)
		return ERR_PTR(-ENOMEM);
	mutex_lock(&changes_lock);
	changes->refs = 1;
	list_add(&changes->list, &all_changes);
	mutex_unlock(&changes_lock);
	return changes;
}

void cbw_changes_leave(struct cbw_changes *changes, struct dm_target *ti)
{
	if (!changes)
		return;

	mutex_lock(&changes_lock);
	if (changes->live == ti)
		changes->live = NULL;
	mutex_unlock(&changes_lock);
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
	if (unused)
		free_changes(changes);
}

static void __begin(struct cbw_changes *changes)
{
	lockdep_assert_held(&changes_lock);

	if (changes->begun)
		memset(changes->bits, 0, cbw_bits_size(changes->nr_chunks));
	changes->begun = true;
	changes->generation = uuid_null;
}

void cbw_changes_enter(struct cbw_changes *changes, struct dm_target *ti)
{
	struct mapped_device *md = dm_table_get_md(ti->table);
	struct cbw_changes *other;

	mutex_lock(&changes_lock);
	list_for_each_entry(other, &all_changes, list)
		if (other->md == md && other != changes)
			other->live = NULL;
	if (changes) {
		if (!changes->live)
			__begin(changes);
		changes->live = ti;
	}
	mutex_unlock(&changes_lock);
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

void cbw_taken_take(struct cbw_taken *taken)
{
	struct cbw_changes *changes = taken->changes;
	unsigned long *fresh = taken->bits;

	mutex_lock(&changes_lock);
	taken->took = true;
	taken->bits = changes->bits;
	taken->generation = changes->generation;
	uuid_gen(&taken->next);
	/* A message may look for changes already. */
	WRITE_ONCE(changes->bits, fresh);
	changes->generation = taken->next;
	mutex_unlock(&changes_lock);
}

bool cbw_taken_next(const struct cbw_taken *taken, sector_t *from, sector_t *end)
{
	return next_changed(taken->changes, taken->bits, from, end);
}

static void __give_back(struct cbw_taken *taken, unsigned long first, unsigned long last)
{
	unsigned long i;

	lockdep_assert_held(&changes_lock);

	for (i = first / BITS_PER_LONG; i <= last / BITS_PER_LONG; i++) {
		set_bits(taken->changes->bits, i,
			 taken->bits[i] & cbw_bits_mask(i, first, last));
		cond_resched();
	}
}

void cbw_taken_give_back(struct cbw_taken *taken, bool base)
{
	struct cbw_changes *changes = taken->changes;

	if (!taken->took)
		return;

	mutex_lock(&changes_lock);
	__give_back(taken, 0, changes->nr_chunks - 1);
	if (uuid_equal(&changes->generation, &taken->next))
		changes->generation = base ? taken->generation : uuid_null;
	mutex_unlock(&changes_lock);
}

void cbw_taken_give_back_part(struct cbw_taken *taken, sector_t from, sector_t end)
{
	unsigned int shift = taken->changes->chunk_shift;

	if (!taken->took)
		return;

	mutex_lock(&changes_lock);
	__give_back(taken, from >> shift, (end - 1) >> shift);
	mutex_unlock(&changes_lock);
}
