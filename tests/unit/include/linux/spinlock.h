/* SPDX-License-Identifier: GPL-2.0-only */
/* A spinlock that checks itself; with SHIM_THREADS it is also a real one. */
#ifndef SHIM_SPINLOCK_H
#define SHIM_SPINLOCK_H

#include <linux/compiler.h>
#include <linux/minmax.h>
#include <linux/types.h>

#ifdef SHIM_THREADS
#include <pthread.h>
#endif

typedef struct {
#ifdef SHIM_THREADS
	pthread_mutex_t mutex;
#endif
	const void *owner;	/* an address of the thread that holds it */
} spinlock_t;

/* How many spinlocks this thread holds. */
extern __thread unsigned int shim_nr_locked;

void spin_lock_init(spinlock_t *lock);
unsigned long shim_lock(spinlock_t *lock);
void shim_unlock(spinlock_t *lock, unsigned long flags);
bool shim_locked(const spinlock_t *lock);

#define spin_lock_irqsave(lock, flags)		((flags) = shim_lock(lock))
#define spin_unlock_irqrestore(lock, flags)	shim_unlock(lock, flags)
#define lockdep_assert_held(lock) \
	shim_check(shim_locked(lock), "the lock is not held")

#endif
