/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_COMPILER_H
#define SHIM_COMPILER_H

/*
 * ThreadSanitizer does not understand fences, so with threads each READ_ONCE()
 * is an acquire: a missing release is found, a missing acquire is not.
 */
#ifdef SHIM_THREADS
#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define WRITE_ONCE(x, val)	__atomic_store_n(&(x), (val), __ATOMIC_RELAXED)
#else
#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, val)	(*(volatile __typeof__(x) *)&(x) = (val))
#endif

#define likely(x)		(x)

#define smp_mb__before_atomic() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_store_release(p, val) __atomic_store_n((p), (val), __ATOMIC_RELEASE)
#define smp_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define smp_acquire__after_ctrl_dep() __atomic_signal_fence(__ATOMIC_ACQUIRE)

/* The sanitizer of threads knows no fences; nothing that it looks at relies on these. */
#ifdef SHIM_THREADS
#define smp_rmb() __atomic_signal_fence(__ATOMIC_ACQUIRE)
#define smp_mb() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#else
#define smp_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

#endif
