// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part of the kernel that the code under test needs, and that does not fit
 * into headers.
 */
#include <errno.h>
#include <linux/ctype.h>
#include <linux/device-mapper.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* What spin_lock_irqsave() hands out and spin_unlock_irqrestore() wants back. */
#define IRQ_FLAGS 0x246UL

__thread unsigned int shim_nr_locked;
unsigned long shim_nr_allocs, shim_failing_alloc;

_Noreturn void shim_misuse(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

void *shim_zalloc(size_t size)
{
	shim_check(!shim_nr_locked, "memory is allocated under a spinlock");
	if (++shim_nr_allocs == shim_failing_alloc)
		return NULL;
	return calloc(1, size);
}

void shim_free(const void *p)
{
	shim_check(!shim_nr_locked, "memory is freed under a spinlock");
	free((void *)p);
}

bool shim_locked(const spinlock_t *lock)
{
	return __atomic_load_n(&lock->owner, __ATOMIC_RELAXED) == &shim_nr_locked;
}

void spin_lock_init(spinlock_t *lock)
{
#ifdef SHIM_THREADS
	pthread_mutex_init(&lock->mutex, NULL);
#endif
	lock->owner = NULL;
}

unsigned long shim_lock(spinlock_t *lock)
{
	shim_check(!shim_locked(lock), "a lock is taken twice");
#ifdef SHIM_THREADS
	pthread_mutex_lock(&lock->mutex);
#endif
	__atomic_store_n(&lock->owner, &shim_nr_locked, __ATOMIC_RELAXED);
	shim_nr_locked++;
	return IRQ_FLAGS;
}

void shim_unlock(spinlock_t *lock, unsigned long flags)
{
	shim_check(shim_locked(lock), "a lock is given back that is not held");
	shim_check(flags == IRQ_FLAGS, "a lock is given back with wrong flags");
	__atomic_store_n(&lock->owner, NULL, __ATOMIC_RELAXED);
	shim_nr_locked--;
#ifdef SHIM_THREADS
	pthread_mutex_unlock(&lock->mutex);
#endif
}

int kstrtouint(const char *s, unsigned int base, unsigned int *res)
{
	unsigned long long value = 0;

	shim_check(base == 10, "only decimal numbers are taken");
	s += *s == '+';
	if (!isdigit(*s))
		return -EINVAL;
	for (; isdigit(*s); s++) {
		value = value * 10 + (*s - '0');
		if (value > UINT_MAX)
			return -ERANGE;
	}
	s += *s == '\n';
	if (*s)
		return -EINVAL;
	*res = value;
	return 0;
}

int scnprintf(char *buf, size_t size, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(buf, size, format, args);
	va_end(args);
	return (size_t)len < size ? len : (int)size - 1;
}

void shim_log(const char *format, ...)
{
	char line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
}
